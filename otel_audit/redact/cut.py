"""Values cut to a size: what is left says that, how much and which bytes are gone.

Of a text its beginning stays; of a map or list what fits, in order. A mark stands where something is gone,
``[cut 81920 bytes, sha256 …]``; the digest is of exactly what was cut, as UTF-8: of a text, or of compact JSON with
sorted keys. Cut after redaction: a cut never divides what a rule would know, and no digest is of anything secret.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import orjson

#: The key, in a map, of what tells that others are gone.
CUT = "[cut]"
#: In a value that has to be cut at all, what lies deeper than this is gone.
DEPTH_MAX = 32
#: What is too long gets at most this part of the room that is left: one does not cost all others.
_SHARE = 4
#: What a map or a list holds, by its key or number.
_Item = tuple[Any, Any]
#: More than a mark takes, its key and separators included.
_MARK_BYTES = 128


def cut(attributes: Mapping[str, Any], max_bytes: int) -> dict[str, Any]:
    """*attributes* with values of at most *max_bytes* each, as text or as JSON. Doing it again changes nothing."""
    return {key: _fitting(value, max_bytes) for key, value in attributes.items()}


def _fitting(value: Any, max_bytes: int) -> Any:
    if isinstance(value, str):
        return value if len(_utf8(value)) <= max_bytes else _text(value, max_bytes)
    if isinstance(value, bytes):
        return value if len(value) <= max_bytes else _head(value, max_bytes - _MARK_BYTES).encode()
    if not isinstance(value, Mapping | list | tuple) or len(_json(value)) <= max_bytes:
        return value
    return _cut(value, max_bytes, 0)


def _text(text: str, max_bytes: int) -> str:
    """A state's text stays JSON, unless it is deeper than can be written."""
    if text.startswith(("{", "[")):
        try:
            return orjson.dumps(_cut(orjson.loads(text), max_bytes, 0)).decode()
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            pass
    return _head(_utf8(text), max_bytes - _MARK_BYTES)


def _cut(value: Any, room: int, depth: int) -> Any:
    """*value* in at most *room* bytes of JSON."""
    said = _json(value)
    if len(said) <= room and depth < DEPTH_MAX:
        return value
    if isinstance(value, str):
        return _short(value, room)
    if depth >= DEPTH_MAX or not isinstance(value, Mapping | list | tuple):
        return _mark(said)
    if isinstance(value, Mapping):
        kept, gone = _kept(value.items(), room, depth)
        return dict(kept) | ({CUT: _mark(_json(dict(gone)))} if gone else {})
    kept, gone = _kept(enumerate(value), room, depth)
    return [item for _, item in kept] + ([_mark(_json([item for _, item in gone]))] if gone else [])


def _kept(
    items: Iterable[tuple[Any, Any]], room: int, depth: int
) -> tuple[list[tuple[Any, Any]], list[tuple[Any, Any]]]:
    """What there is room for, the long ones cut; and what is gone."""
    kept: list[_Item] = []
    gone: list[_Item] = []
    left = room - _MARK_BYTES
    for key, item in items:
        around = len(_json(str(key))) + 2
        size = len(_json(item)) + around
        if (size > left or depth + 1 >= DEPTH_MAX) and left > _SHARE * _MARK_BYTES:
            item = _cut(item, max(left // _SHARE, _MARK_BYTES) - around, depth + 1)
            size = len(_json(item)) + around
        if size <= left:
            kept.append((key, item))
            left -= size
        else:
            gone.append((key, item))
    return kept, gone


def _short(text: str, room: int) -> str:
    """The beginning of *text* in at most *room* bytes of JSON: escapes count, too."""
    said = _utf8(text)
    size = room - _MARK_BYTES
    while size > 0 and len(_json(short := _head(said, size))) > room:
        size //= 2
    return short if size > 0 else _mark(said)


def _head(said: bytes, size: int) -> str:
    """The first *size* bytes, no sign divided, and a mark for the others."""
    head = said[: max(size, 0)].decode(errors="ignore")
    return head + _mark(said[len(head.encode()) :])


def _mark(gone: bytes) -> str:
    return f"[cut {len(gone)} bytes, sha256 {sha256(gone).hexdigest()}]"


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _utf8(text: str) -> bytes:
    return text.encode(errors="replace")
