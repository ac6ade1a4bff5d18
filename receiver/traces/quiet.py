"""Traces whose spans are put, until nothing more of them comes."""

from collections import OrderedDict

from receiver.traces.span import Trace

#: Traces remembered, about 300 bytes each.
REMEMBERED_MAX = 100_000


class Quiet:
    """Bounded: the trace silent for longest is forgotten first."""

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._max = remembered_max
        self._last: OrderedDict[Trace, int] = OrderedDict()

    def heard(self, trace: Trace, now_ns: int) -> None:
        """Something of *trace* came."""
        self._last[trace] = now_ns
        self._last.move_to_end(trace)
        if len(self._last) > self._max:
            self._last.popitem(last=False)

    def silent_since(self, ns: int, most: int) -> list[Trace]:
        """At most *most* traces of which nothing came since that moment."""
        silent: list[Trace] = []
        for trace, last_ns in self._last.items():
            if last_ns >= ns or len(silent) == most:
                break
            silent.append(trace)
        return silent

    def forget(self, traces: list[Trace]) -> None:
        """They are done with."""
        for trace in traces:
            self._last.pop(trace, None)
