"""Request bodies in protobuf: read whole, or only checked where nothing in them concerns us."""

from typing import Any

from google.protobuf.message import DecodeError

from receiver.errors import Refused

#: The number of ``resource_spans``, and of ``resource_logs``.
_RESOURCES = 1
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def parsed(kind: type[Any], body: bytes) -> Any:
    """*body* as a message of *kind*; Refused when it is none."""
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise Refused(f"the body is not an {kind.DESCRIPTOR.name}: {error}") from error


def has_resources(body: bytes) -> bool:
    """Whether *body* carries resource spans or logs, by its top-level fields alone; Refused when these are torn.

    Costs a step for each resource, whatever they hold.
    """
    position, found = 0, False
    try:
        while position < len(body):
            tag, position = _varint(body, position)
            field, wire_type = tag >> 3, tag & 7
            if field == 0:
                raise Refused("the body is not an OTLP request: there is no field 0")
            found = found or (field == _RESOURCES and wire_type == _LENGTH)
            position = _after(body, position, wire_type)
    except IndexError:
        raise Refused("the body is not an OTLP request: it is cut short") from None
    return found


def _after(body: bytes, position: int, wire_type: int) -> int:
    """Where the field whose value begins at *position* ends; IndexError past the end of the body."""
    if wire_type == _VARINT:
        return _varint(body, position)[1]
    if wire_type == _LENGTH:
        length, position = _varint(body, position)
        end = position + length
    elif wire_type in (_FIXED64, _FIXED32):
        end = position + (8 if wire_type == _FIXED64 else 4)
    else:
        raise Refused(f"the body is not an OTLP request: wire type {wire_type}")
    if end > len(body):
        raise IndexError
    return end


def _varint(body: bytes, position: int) -> tuple[int, int]:
    """The varint at *position* and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise Refused("the body is not an OTLP request: a number has more than ten bytes")
