"""Whether this machine's clock may be believed."""

from receiver.clock import SECOND_NS
from receiver.doctor.finding import Finding, Level, fine

#: Clocks of machines that are kept in time differ by less.
APART_S = 5.0
#: Entries further from their receipt are marked.
MARKED_S = 300.0

_HINT = "run chrony or ntpd on both machines"


def against_server(server_ns: int, now_ns: int) -> Finding:
    """This clock and Elasticsearch's."""
    apart_s = (now_ns - server_ns) / SECOND_NS
    if abs(apart_s) <= APART_S:
        return fine("clock", "it agrees with Elasticsearch's")
    ahead = "ahead of" if apart_s > 0 else "behind"
    message = f"it is {abs(apart_s):.0f} s {ahead} Elasticsearch's"
    return Finding("clock", "error" if abs(apart_s) > MARKED_S else "warning", message, _HINT)


def against_journal(newest_ns: int | None, now_ns: int) -> Finding:
    """This clock and the newest row's time of receipt: it must not run backwards."""
    if newest_ns is None or newest_ns <= now_ns:
        return fine("clock", "it is past everything journalled")
    back_s = (newest_ns - now_ns) / SECOND_NS
    message = f"it was set back: the newest row of the journal was received {back_s:.0f} s from now"
    level: Level = "error" if back_s > MARKED_S else "warning"
    return Finding("clock", level, f"{message}. Nothing is lost by it; times of receipt are out of order", _HINT)
