"""Which spans are kept here, and what an answer that needs others has to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from otel_audit.canonical import unix_ns
from otel_audit.entry import Entry
from receiver.clock import DAY_NS
from receiver.traces.port import Found

#: What an answer is made of: the spans of a trace with entries, or those of all traces.
Need = Literal["spans", "every span"]


@dataclass(frozen=True, slots=True)
class Kept:
    """``traces.keep`` and ``traces.retain_days``, as far as answers depend on them."""

    keep: Literal["audited", "all", "none"] = "audited"
    days: int = 0

    def off(self, what: str, need: Need) -> tuple[str, ...]:
        """The warning that *what*, which needs those spans, is off; none when it is not."""
        if self.keep == "none":
            return (f"{what}: off, for no spans are kept here (traces.keep: none)",)
        if need == "every span" and self.keep != "all":
            return (f"{what}: off, for only the spans of audited traces are kept here (traces.keep: {self.keep})",)
        return ()

    def about(self, found: Found, entries: Sequence[Entry], now_ns: int) -> tuple[str, ...]:
        """What a reader of these spans of one trace, which has these entries, must know."""
        if found.truncated:
            return (f"the trace has more spans than are read at once; the first {len(found.spans)} are shown",)
        if self._expired(entries, now_ns):
            what = "some spans of this trace" if found.spans else "the spans of this trace"
            return (f"{what} have expired: they are kept for {self.days} days (traces.retain_days)",)
        if found.spans:
            return ()
        return ("no spans of this trace are known: they were sampled out, or have not come yet",)

    def _expired(self, entries: Sequence[Entry], now_ns: int) -> bool:
        """Whether spans that came with the first of *entries* are too old to be here."""
        received = [unix_ns(entry.received_at or entry.timestamp) for entry in entries]
        return bool(self.days and received) and now_ns - min(received) > self.days * DAY_NS
