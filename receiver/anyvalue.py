"""OTLP's AnyValue as plain Python."""

import math
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


def attributes_of(key_values: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as a dict; of a key that comes twice the last stands, as the specification lets a receiver choose."""
    # Nearly all are texts, and asking for one is cheaper than asking which kind it is.
    return {pair.key: pair.value.string_value or value_of(pair.value) for pair in key_values}


def value_of(value: AnyValue) -> Any:
    """The value itself: bytes as base64 text, lists and maps all the way down, an empty one as None.

    A number that JSON cannot say is its name, as in OTLP's JSON.
    """
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    if kind == "double_value" and not math.isfinite(value.double_value):
        return "NaN" if math.isnan(value.double_value) else f"{'-' if value.double_value < 0 else ''}Infinity"
    return getattr(value, kind)
