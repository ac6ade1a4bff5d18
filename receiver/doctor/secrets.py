"""Secrets that services send in spans: entries are redacted, spans that go on are as they came."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError

from otel_audit.redact import Redactor
from receiver.doctor.finding import Finding, fine
from receiver.segments import segments
from receiver.spool import SpoolReader
from receiver.traces.decode import spans_of
from receiver.traces.span import Span

#: So much of the spool is looked at, the youngest segments of it.
READ_MAX_BYTES = 32 << 20
NAMED_MAX = 10


def secrets(spool: Path, redactor: Redactor) -> Finding:
    """The names under which recent spans carry what the rules hide; never a value."""
    seen, names = 0, Counter[str]()
    for span in _spans(spool):
        seen += 1
        names.update(set(hidden(span, redactor)))
    if not names:
        return fine("secrets", f"none in the {seen} spans of the spool")
    told = ", ".join(f"{name} ({count})" for name, count in names.most_common(NAMED_MAX))
    message = f"of {seen} spans in the spool some carry what must not be told, by attribute: {told}"
    hint = "keep it out of the services' spans; until then redact: true on each target of forward hides it"
    return Finding("secrets", "warning", message, hint)


def hidden(span: Span, redactor: Redactor) -> Iterator[str]:
    """The names of *span*'s attributes that are redacted; a name that is a secret itself, as it is after that."""
    for key, value in span.attributes.items():
        clean, count = redactor.redact({key: value})
        if count:
            yield next(iter(clean), "")


def _spans(spool: Path) -> Iterator[Span]:
    read = 0
    for segment in reversed(segments(spool)):
        if read >= READ_MAX_BYTES:
            return
        read += segment.end - segment.start
        for request in SpoolReader(spool).read(segment.start, segment.end - segment.start):
            try:
                yield from spans_of(request.body, request.tenant)
            except DecodeError:
                continue
