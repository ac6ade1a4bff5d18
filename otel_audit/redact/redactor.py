"""An event without what must not be told, by one set of rules."""

from collections.abc import Mapping
from typing import Any

from otel_audit import wire
from otel_audit.redact.cards import is_card
from otel_audit.redact.decision import EMAIL, NAMES_MAX, Judge, Names
from otel_audit.redact.marks import Marks
from otel_audit.redact.redaction import PLAIN, Redaction
from otel_audit.redact.rules import Rules
from otel_audit.redact.suspicion import Suspicion

#: Never touched: what the receiver needs to file the event.
STRUCTURE = frozenset(
    {
        *(wire.RECORD_ID, wire.SCHEMA, wire.OUTCOME, wire.SEVERITY, wire.ACTOR_TYPE),
        *(wire.PARENT_RECORD_ID, wire.SOURCE_ID, wire.SEQUENCE),
    }
)
#: Whoever acts and is no customer.
_STAFF = frozenset({"staff", "service", "system"})
_LISTS, _TEXT = frozenset({list, tuple}), frozenset({str})


class Redactor:
    """Redacts by *rules*; any number of threads at once.

    Never raises, however deep or circular the values. Doing it again changes nothing, by these rules or by those of
    a receiver behind.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self._judge = Judge(self.rules)
        self._staff = self._judge.for_staff()
        self._marks = Marks(self.rules.pseudonym_key)
        self._suspicion = Suspicion(self.rules)
        #: Attributes' names that were looked at and decide nothing.
        self._harmless = set(STRUCTURE)

    def needed(self, attributes: Mapping[str, Any], encoded: bytes, actor_type: Any = None) -> bool:
        """Whether :meth:`redact` might change *attributes*, or what *encoded* is read as; True may be in vain.

        *encoded* is MessagePack or JSON and holds every text of *attributes* in UTF-8. Objects that are encoded as
        something else, such as models, are not looked into: they might.
        """
        if not self._harmless.issuperset(attributes) and self._named(attributes, actor_type):
            return True
        if self._suspicion.of(encoded):
            return True
        if PLAIN.issuperset(map(type, attributes.values())):
            return False
        return any(self._nested(key, value) for key, value in attributes.items() if type(value) not in PLAIN)

    def redact(self, attributes: Mapping[str, Any], actor_type: Any = None) -> tuple[dict[str, Any], int]:
        """*attributes* without what the rules name, and how many values were replaced.

        *actor_type* is whose they are where they do not say so themselves. *attributes* stays as it is, and values
        without a find are the same objects.
        """
        redaction = self._redaction()
        names = self._names(attributes, actor_type)
        clean: dict[str, Any] = {}
        for key, value in attributes.items():
            if key in STRUCTURE:
                clean[key] = value
            else:
                clean[redaction.key(key, clean)] = redaction.named(names, key, value)
        return clean, redaction.count

    def _redaction(self) -> Redaction:
        return Redaction(self._judge.anywhere, self._marks, self.rules, self._suspicion)

    def _names(self, attributes: Mapping[str, Any], actor_type: Any) -> Names:
        actor_type = attributes.get(wire.ACTOR_TYPE, actor_type)
        return self._staff if isinstance(actor_type, str) and actor_type in _STAFF else self._judge.anywhere

    def _named(self, attributes: Mapping[str, Any], actor_type: Any) -> bool:
        names = self._names(attributes, actor_type)
        for key, value in attributes.items():
            if key in self._harmless:
                continue
            if names[str(key)] is None:
                self._remember(key)
            elif self._redaction().changes(names, key, value):
                return True
        return False

    def _remember(self, key: str) -> None:
        if key == EMAIL:  # harmless of staff only
            return
        if len(self._harmless) >= NAMES_MAX:
            self._harmless = set(STRUCTURE)
        self._harmless.add(key)

    def _nested(self, key: str, value: Any) -> bool:
        """Whether a value of another kind has something to redact that its text in the encoded event does not show."""
        if type(value) in _LISTS and _TEXT.issuperset(map(type, value)):
            return False
        if isinstance(value, int | float):
            return is_card(value)
        redaction = self._redaction()
        redaction.named(self._judge.anywhere, key, value)
        return redaction.count > 0 or redaction.unknown
