"""A row's checksum: SQLite notices a broken page, never a flipped bit inside a value."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

#: A row as the journal's file holds it, texts as bytes, in this order.
COLUMNS = (
    "seq", "kind", "tenant", "event_id", "number", "digest", "values", "seen", "outlier", "received_ns", "checksum",
)  # fmt: skip


def checksum(
    seq: int,
    kind: bytes,
    tenant: bytes,
    event_id: bytes | None,
    number: int | None,
    digest: bytes,
    values: bytes,
    seen: bytes,
    outlier: int,
    received_ns: int,
) -> int:
    """CRC-32 of everything a row says and its place; the leaf, which the sealer fills in later, is left out."""
    head = b"%d %b %b %b %d %d %d" % (
        seq, kind, tenant, event_id or b"", -1 if number is None else number, outlier, received_ns,
    )  # fmt: skip
    return crc32(values, crc32(seen, crc32(digest, crc32(head))))


def is_whole(columns: Sequence[Any]) -> bool:
    """Whether a row read back is the row that was written. Rows from before there were checksums have none."""
    *said, kept = columns
    try:
        return kept is None or checksum(*said) == kept
    except TypeError:  # a flipped bit turned a text into a number
        return False
