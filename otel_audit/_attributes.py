"""Attributes as OTLP protobuf; an odd value never costs an event."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue


def fill(pairs: Any, attributes: Mapping[Any, Any]) -> None:
    """Add *attributes* to a repeated field of KeyValue."""
    for key, value in attributes.items():
        pair = pairs.add()
        if type(key) is str and type(value) is str:
            try:
                pair.key = key
                pair.value.string_value = value
                continue
            except UnicodeEncodeError:  # an application's own attribute; ours were encoded once already
                pass
        pair.key = _text(key)
        _set(pair.value, value)


def _set(into: AnyValue, value: Any) -> None:
    """What OTLP has no kind for travels as its text: an odd value never costs an event."""
    if value is None:
        return
    if isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, str):
        into.string_value = _text(value)
    elif isinstance(value, int) and -(2**63) <= value < 2**63:
        into.int_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, bytes):
        into.bytes_value = value
    elif isinstance(value, Mapping):
        into.kvlist_value.SetInParent()
        fill(into.kvlist_value.values, value)
    elif isinstance(value, list | tuple | set | frozenset):
        into.array_value.SetInParent()
        for item in value:
            _set(into.array_value.values.add(), item)
    else:
        into.string_value = _text(value)


def _text(value: Any) -> str:
    """Text as protobuf takes it: a lone surrogate, which is no Unicode, becomes a question mark."""
    return str(value).encode(errors="replace").decode()
