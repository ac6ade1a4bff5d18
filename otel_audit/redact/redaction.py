"""One event's redaction: the walk through its values."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from otel_audit.redact import cards, iban, names, pairs, shapes
from otel_audit.redact.decision import Decision, Names
from otel_audit.redact.marks import Marks, is_mark
from otel_audit.redact.rules import Rules
from otel_audit.redact.suspicion import Suspicion, has_shapes

#: The common ones first: they are found faster.
CONTAINERS = (dict, list, tuple, Mapping)
#: Values whose text stands in the encoded event, or that have none.
PLAIN = frozenset({str, bool, bytes, type(None), UUID, Decimal, datetime, date, time, timedelta})
#: JSON text in JSON text in JSON text: deeper ones are searched as text.
_LEVELS = 3
_SPACE = " \t\r\n"


class _Open(NamedTuple):
    """A map or a list under way: its copy, how its names are judged, and what holds for what is listed in it."""

    source: Any
    copy: Any
    names: Names
    decision: Decision | None


class Redaction:
    """Counts what it replaces, and notes whether there was a value of an unknown kind.

    *level* is how many JSON texts stand around a value.
    """

    def __init__(self, anywhere: Names, marks: Marks, rules: Rules, suspicion: Suspicion) -> None:
        self._anywhere = anywhere
        self._marks = marks
        self._rules = rules
        self._suspicion = suspicion
        self.count = 0
        self.unknown = False
        #: Whether values are looked at for what shows by its shape: of a JSON text that is told once for all of it.
        self._shapes = True

    def named(self, known: Names, name: Any, value: Any) -> Any:
        """*value* as it may stand under *name*."""
        decision = known[name if type(name) is str else str(name)]
        return self._decided(decision, value, names.is_plural(str(name)), 0)

    def changes(self, known: Names, name: Any, value: Any) -> bool:
        """Whether :meth:`named` would change *value*, or might."""
        self.named(known, name, value)
        return self.count > 0 or self.unknown

    def key(self, key: Any, taken: Mapping[Any, Any]) -> Any:
        """A card number may be a key too; two that are masked alike must not become one."""
        if isinstance(key, str):
            masked, found = (key, 0) if len(key) < cards.SHORTEST else self._key(key)
        else:
            masked, found = (self._card(str(int(key))), 1) if cards.is_card(key) else (key, 0)
        if not found and key not in taken:
            return key
        self.count += found
        unique, number = masked, 1
        while unique in taken:
            number += 1
            unique = f"{masked} ({number})"
        return unique

    def _key(self, key: str) -> tuple[str, int]:
        if not any(map(str.isdigit, key)):
            return key, 0
        clean, ibans = iban.mask_ibans(key, self._iban)
        clean, found = cards.mask_cards(clean, self._card)
        return clean, ibans + found

    # -- values by their names ---------------------------------------------------------------------------------

    def _decided(self, decision: Decision | None, value: Any, plural: bool, level: int) -> Any:
        if isinstance(value, CONTAINERS):
            if decision is not None and decision.secret and len(value):
                self.count += 1
                return self._mark(decision, value)
            return self.container(value, decision, level)
        if decision is None or decision.mode is None or value is None or isinstance(value, bool):
            return self.value(value, level)
        return self._hidden(decision, value, plural, level)

    def _hidden(self, decision: Decision, value: Any, plural: bool, level: int) -> Any:
        """The mark of one value; numbers under a plural are counts."""
        if isinstance(value, str):
            if not value or is_mark(value):
                return value
            nested = None if decision.secret else self._nested(decision, value, level)
            if nested is not None:
                return nested
        elif isinstance(value, bytes):
            if not value:
                return value
            value = value.decode(errors="replace")
        elif isinstance(value, int | float) and plural and not cards.is_card(value):
            return value
        self.count += 1
        return self._mark(decision, value)

    def _nested(self, decision: Decision, text: str, level: int) -> str | None:
        """A personal map that is JSON text keeps its form."""
        if level >= _LEVELS or not text.startswith(("{", "[")):
            return None
        return self._json(text, decision, level)

    def _mark(self, decision: Decision, value: Any) -> str:
        assert decision.mode is not None  # noqa: S101 - who asks has looked
        return self._marks.put(decision.mode, value)

    # -- maps and lists ----------------------------------------------------------------------------------------

    def container(self, root: Any, decision: Decision | None, level: int) -> Any:
        """Without recursion, and each container once for each way its names are judged: no depth or circle stops it."""
        before = self.count
        first = self._opened(root, decision)
        opened = {(id(root), id(decision)): first}
        waiting = [first]
        while waiting:
            source, copy, known, whole = waiting.pop()
            if type(source) is dict and known.harmless.issuperset(source):
                copy.update(source)  # most maps: only what is in them is looked at
                for key, item in source.items():
                    if not self._is_inert(item):
                        copy[key] = self._item(None, item, key, level, opened, waiting)
            elif isinstance(source, Mapping):
                for key, item in source.items():
                    decided = known[key if type(key) is str else str(key)]
                    if decided is not None or not self._is_inert(item):
                        item = self._item(decided, item, key, level, opened, waiting)
                    short = type(key) is str and len(key) < cards.SHORTEST and key not in copy
                    copy[key if short else self.key(key, copy)] = item
            else:
                for item in source:
                    inert = whole is None and self._is_inert(item)
                    copy.append(item if inert else self._item(whole, item, "", level, opened, waiting))
        return root if self.count == before else first.copy

    def _is_inert(self, item: Any) -> bool:
        """Whether a value under a name that decides nothing is quickly seen to hide nothing, a plain map included."""
        kind = type(item)
        if kind is dict:
            # One level, as it is in the lists that make states long: nothing is looked at twice.
            return self._anywhere.harmless.issuperset(item) and self._are_inert(item.values())
        return kind is not list and self._are_inert((item,))

    def _are_inert(self, items: Iterable[Any]) -> bool:
        shapes = self._shapes
        for item in items:
            kind = type(item)
            if kind is str:
                if (":" in item or "=" in item or (shapes and len(item) >= cards.SHORTEST)) and self._may_hide(item):
                    return False
            elif kind is int or kind is float:
                if shapes and not -_SMALL < item < _SMALL:
                    return False
            elif kind is not bool and item is not None:
                return False
        return True

    def _may_hide(self, text: str) -> bool:
        if self._shapes:
            return _TIME.fullmatch(text) is None
        return _MAY_NAME.search(text) is not None or text[0] in _JSON_OR_SPACE

    def _item(
        self,
        decision: Decision | None,
        item: Any,
        key: Any,
        level: int,
        opened: dict[tuple[int, int], _Open],
        waiting: list[_Open],
    ) -> Any:
        if isinstance(item, CONTAINERS) and not (decision is not None and decision.secret and len(item)):
            place = id(item), id(decision)
            if place not in opened:
                opened[place] = self._opened(item, decision)
                waiting.append(opened[place])
            return opened[place].copy
        if decision is None:
            return self.value(item, level)
        return self._decided(decision, item, names.is_plural(str(key)), level)

    def _opened(self, container: Any, decision: Decision | None) -> _Open:
        """What is listed under a name is judged as if it stood there itself."""
        known = self._anywhere if decision is None else decision.inside
        if isinstance(container, Mapping):
            return _Open(container, {}, known, None)
        return _Open(container, [], known, decision)

    # -- values by their shape ---------------------------------------------------------------------------------

    def value(self, value: Any, level: int) -> Any:
        """A value whose name decides nothing."""
        kind = type(value)
        if kind is str or isinstance(value, str):
            return self.text(value, level)
        if value is None or kind is bool:
            return value
        if isinstance(value, CONTAINERS):
            return self.container(value, None, level)
        if isinstance(value, bytes):
            return self._binary(value, level)
        if isinstance(value, int | float):
            if not cards.is_card(value):
                return value
            self.count += 1
            return self._card(str(int(value)))
        self.unknown = self.unknown or kind not in PLAIN
        return value

    def text(self, text: str, level: int) -> str:
        """A text without secrets by their names or shapes; one that is JSON is read, and the JSON texts in it."""
        if len(text) < cards.SHORTEST and ":" not in text and "=" not in text:
            return text  # too short for a card number or a token
        if text.lstrip(_SPACE)[:1] in _JSON_BEGINS and (read := self._json(text, None, level)) is not None:
            return read
        if not self._shapes and not _MAY_NAME.search(text):
            return text
        return self._plain(text, level) if self._suspicion.of(_utf8(text)) else text

    def _plain(self, text: str, level: int) -> str:
        clean, found = self._searched(text)
        if not found:
            return text
        self.count += found
        # What could not be read may have been the secret.
        read = self._json(clean, None, level)
        return clean if read is None else read

    def _searched(self, text: str) -> tuple[str, int]:
        clean, secrets = pairs.redact_pairs(text, self._anywhere, self._mark)
        clean, bearers = pairs.redact_bearers(clean, self._secret)
        clean, tokens = shapes.remove_shapes(clean, self._secret)
        clean, ibans = iban.mask_ibans(clean, self._iban)
        clean, found = cards.mask_cards(clean, self._card)
        return clean, secrets + bearers + tokens + ibans + found

    def _secret(self, text: str) -> str:
        return self._marks.put(self._rules.secrets, text)

    def _card(self, digits: str) -> str:
        return self._marks.put(self._rules.cards, digits, "card")

    def _iban(self, signs: str) -> str:
        return self._marks.put(self._rules.ibans, signs, "iban")

    def _binary(self, value: bytes, level: int) -> bytes:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return value
        clean = self.text(text, level)
        return value if clean is text else clean.encode()

    def _json(self, text: str, decision: Decision | None, level: int) -> str | None:
        """*text* redacted as the JSON it is, written again only if something was found; None if it is not JSON."""
        if level >= _LEVELS or text.lstrip(_SPACE)[:1] not in _JSON_BEGINS:
            return None
        before, shapes = self.count, self._shapes
        try:
            # First by names: they take away most of what has a shape, and values need no look for it.
            self._shapes = False
            clean = self._decided(decision, orjson.loads(text), plural=False, level=level + 1)
            said = text if self.count == before else orjson.dumps(clean).decode()
            if not shapes or not has_shapes(_utf8(said)):
                return said
            named, self._shapes = self.count, True
            clean = self._decided(decision, clean, plural=False, level=level + 1)
            return said if self.count == named else orjson.dumps(clean).decode()
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # no JSON, or deeper than can be written again
            self.count = before
            return None
        finally:
            self._shapes = shapes


#: No card's number is smaller.
_SMALL = 10**12
#: What most texts with a colon are.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
#: A colon or an equals sign that may have a name before it; that of 09:30 has none.
_MAY_NAME = re.compile(r"[A-Za-z]{2}[0-9]{0,2}[\"'\\\])% 5D]*[:=]")
_JSON_BEGINS = frozenset('{["')
_JSON_OR_SPACE = _JSON_BEGINS | set(_SPACE)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
