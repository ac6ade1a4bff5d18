"""What a name decides about its value, remembered: names come again and again."""

from collections.abc import Callable
from typing import NamedTuple

from otel_audit.redact import names, personal
from otel_audit.redact.marks import Mode
from otel_audit.redact.rules import Rules, chosen

#: Names remembered; then all are forgotten and judged again as they come.
NAMES_MAX = 4096
#: Neither a card's number nor an account's has fewer.
_DIGITS_FEWEST = 6
#: The one name whose value is told or not by whose it is.
EMAIL = "user.email"


class Decision(NamedTuple):
    """*mode* is how the value is redacted, None where only the names within it are judged otherwise, by *inside*.

    *secret* is whether a map or list of this name is one value.
    """

    mode: Mode | None
    inside: "Names"
    secret: bool = False


class Names(dict[str, Decision | None]):
    """Name ▶ what it decides; None: nothing. At most NAMES_MAX are remembered."""

    def __init__(self, decide: Callable[[str], Decision | None]) -> None:
        super().__init__()
        self._decide = decide
        #: Those remembered that decide nothing and are nothing to redact themselves.
        self.harmless: set[str] = set()

    def __missing__(self, name: str) -> Decision | None:
        if len(name) > names.NAME_MAX:
            return self._decide(name[-names.NAME_MAX :])
        if len(self) >= NAMES_MAX:
            self.clear()
            self.harmless.clear()
        decision = self[name] = self._decide(name)
        if decision is None and sum(map(str.isdigit, name)) < _DIGITS_FEWEST:
            self.harmless.add(name)
        return decision


class Judge:
    """Decides by *rules*: ``anywhere``, in the map of a person, or in a map that is personal as a whole."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.anywhere = Names(self._anywhere)
        self._of_person = Names(self._in_person)
        self._inside: dict[Mode, Names] = {}

    def for_staff(self) -> Names:
        """As ``anywhere``, of attributes whose actor is no customer."""
        mode = self._rules.staff_email
        email = None if mode == "keep" else Decision(mode, self._within(mode))
        return Names(lambda name: email if name == EMAIL else self.anywhere[name])

    def _anywhere(self, name: str) -> Decision | None:
        rules = self._rules
        wanted = chosen(rules.fields, name) if rules.fields else None
        if wanted is not None and wanted != "keep":
            return Decision(wanted, self._within(wanted), secret=wanted == "remove")
        if names.is_secret(name):
            return Decision(rules.secrets, self._within(rules.secrets), secret=True)
        words = personal.words_of(name)
        if wanted is None and personal.is_personal(words) and not names.tells_about(name):
            return Decision(rules.personal, self._within(rules.personal))
        return Decision(None, self._of_person) if personal.is_person(words) else None

    def _in_person(self, name: str) -> Decision | None:
        decision = self.anywhere[name]
        if decision is None and personal.is_of_a_person(personal.words_of(name)) and not self._kept(name):
            return Decision(self._rules.personal, self._within(self._rules.personal))
        return decision

    def _kept(self, name: str) -> bool:
        return chosen(self._rules.fields, name) == "keep"

    def _within(self, mode: Mode) -> Names:
        """The names in a map of which every value is redacted by *mode*."""
        if mode not in self._inside:
            self._inside[mode] = Names(lambda name: self._in_personal(name, mode))
        return self._inside[mode]

    def _in_personal(self, name: str, mode: Mode) -> Decision | None:
        decision = self.anywhere[name]
        if decision is not None and decision.mode is not None:
            return decision
        if personal.is_kept_inside(personal.words_of(name)) or self._kept(name):
            return None
        return Decision(mode, self._within(mode))
