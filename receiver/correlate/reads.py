"""Reading the log is itself an entry: who asked, for what, how much was shown.

The first read of a reader with a filter is on disk before it is answered; repeats are counted in memory and told as one
entry a minute. Reads of these entries are no reads, or each look would make another.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from otel_audit.canonical import canonical, rfc3339
from otel_audit.redact import Redactor
from receiver.clock import SECOND_NS, Clock, now_ns
from receiver.errors import NotFound, ReceiverError
from receiver.own import own_draft
from receiver.row import Draft

ACTION = "audit.entry.read.success"
#: How often repeats are told.
EVERY_S = 60.0
#: So many filters of readers are known; the one silent for longest is told and forgotten.
KNOWN_MAX = 10_000
#: A filter that was not used for so long is read for the first time again.
FORGOTTEN_NS = 3600 * SECOND_NS


class Reader(NamedTuple):
    """Who asks (None without authentication), whose entries are shown, and from which address."""

    name: str | None
    tenant: str
    address: str | None = None

    @property
    def said(self) -> dict[str, str]:
        """Who it is, as attributes of an entry."""
        actor = {"audit.actor.type": "anonymous" if self.name is None else "user"}
        known = {"user.id": self.name, "client.address": self.address}
        return actor | {name: value for name, value in known.items() if value is not None}


@dataclass
class Read:
    """One read, while it is answered: of what, by which filter or id, and how many entries were *found*."""

    what: str
    asked: Mapping[str, str]
    found: int = 0
    #: Whether only entries about reads were read.
    of_reads: bool = False


@dataclass
class _Repeats:
    """What a reader asked again since it was last told."""

    reader: Reader
    what: str
    asked: Mapping[str, str]
    last_ns: int
    count: int = 0
    found: int = 0
    since_ns: int = field(default=0)


class Reads:
    """Tells of every read. Any number of threads read at once."""

    def __init__(
        self, append: Callable[[Sequence[Draft]], None], clock: Clock = now_ns, redactor: Redactor | None = None
    ) -> None:
        """*append* returns when the drafts it is given are on disk, and raises when they are not."""
        self._append = append
        self._redactor = redactor or Redactor()
        self._clock = clock
        self._known: OrderedDict[bytes, _Repeats] = OrderedDict()
        self._turn = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reads", daemon=True)

    def start(self) -> "Reads":
        """Begin to tell repeats every minute."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Tell what was counted, and end."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        with suppress(ReceiverError):  # what the disk does not take now is lost with this process
            self.tell()

    @contextmanager
    def reading(self, reader: Reader, what: str, asked: Mapping[str, str]) -> Iterator[Read]:
        """A block that finds the answer. Its end is before the answer leaves; a first read that cannot be told is none.

        That nothing was found is an answer, too.
        """
        read = Read(what, {name: value for name, value in asked.items() if name not in ("cursor", "limit")})
        try:
            yield read
        except NotFound:
            self._note(reader, read)
            raise
        self._note(reader, read)

    def tell(self) -> None:
        """Make an entry of what was repeated since the last time, one for each filter of a reader."""
        with self._turn:
            repeated = [each for each in self._known.values() if each.count]
            if repeated:
                self._append([self._repeats(each) for each in repeated])
            for each in repeated:
                each.count = each.found = 0

    def _run(self) -> None:
        while not self._closing.wait(EVERY_S):
            with suppress(ReceiverError):  # counted on, and told a minute later
                self.tell()

    def _note(self, reader: Reader, read: Read) -> None:
        if read.of_reads:
            return
        now = self._clock()
        key = canonical([reader.name, reader.tenant, read.what, dict(read.asked)])
        with self._turn:
            known = self._known.get(key)
            if known is not None and now - known.last_ns < FORGOTTEN_NS:
                known.since_ns = known.since_ns if known.count else now
                known.count += 1
                known.found += read.found
                known.last_ns = now
                self._known.move_to_end(key)
                return
        # Outside the turn: readers who come at once do not wait for each other's disk writes.
        self._append([self._draft(reader, read.what, read.asked, now, {"found": read.found})])
        with self._turn:
            self._known.setdefault(key, _Repeats(reader, read.what, read.asked, now)).last_ns = now
            while len(self._known) > KNOWN_MAX:
                _, oldest = self._known.popitem(last=False)
                if oldest.count:
                    self._append([self._repeats(oldest)])

    def _repeats(self, each: _Repeats) -> Draft:
        told: dict[str, int | str] = {"reads": each.count, "found": each.found, "since": rfc3339(each.since_ns)}
        return self._draft(each.reader, each.what, each.asked, each.last_ns, told)

    def _draft(
        self, reader: Reader, what: str, asked: Mapping[str, str], now_ns: int, told: Mapping[str, int | str]
    ) -> Draft:
        attributes, _ = self._redactor.redact(
            {
                **reader.said,
                "audit.target.type": what,
                "audit.metadata.filter": dict(asked),
                **{f"audit.metadata.{name}": value for name, value in told.items()},
            }
        )
        return own_draft(ACTION, attributes, now_ns, tenant=reader.tenant)
