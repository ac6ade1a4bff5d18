"""Requests without what must not be told: the rules for entries, applied to spans and log records."""

from collections.abc import Iterator
from typing import Any

import orjson

from otel_audit.redact import needed, redact
from receiver.signal import TRACES, Signal


def redacted(signal: Signal, body: bytes) -> bytes:
    """*body* without secrets and card numbers; itself when it holds none. DecodeError when it cannot be read.

    Looks at every attribute, at names and status messages of spans, and at the bodies of log records.
    """
    request = signal.request.FromString(body)
    found = sum(map(_clean, _attributes(signal, request)))
    found += sum(_clean_text(holder, field) for holder, field in _texts(signal, request))
    return request.SerializeToString() if found else body


def _attributes(signal: Signal, request: Any) -> Iterator[Any]:
    """Every list of attributes there is."""
    for resource in signal.resources_of(request):
        yield resource.resource.attributes
        for scope in signal.scopes_of(resource):
            yield scope.scope.attributes
            for record in signal.records_of(scope):
                yield record.attributes
                if signal is TRACES:
                    yield from (each.attributes for each in (*record.events, *record.links))


def _texts(signal: Signal, request: Any) -> Iterator[tuple[Any, str]]:
    """Every other field that holds what people write, as a message and the field's name."""
    for resource in signal.resources_of(request):
        for scope in signal.scopes_of(resource):
            for record in signal.records_of(scope):
                if signal is TRACES:
                    yield from ((record, "name"), (record.status, "message"))
                else:
                    yield record, "body"


def _clean(attributes: Any) -> int:
    """Redact *attributes* where they stand, and count what was found."""
    plain = {pair.key: _plain(pair.value) for pair in attributes}
    if not plain or (len(plain) == len(attributes) and not _suspicious(plain)):
        return 0
    return sum(_clean_pair(pair) for pair in attributes)


def _clean_pair(pair: Any) -> int:
    """One attribute by itself, for a key may come twice."""
    clean, found = redact({pair.key: _plain(pair.value)})
    if found:
        ((pair.key, value),) = clean.items()
        _fill(pair.value, value)
    return found


def _clean_text(holder: Any, field: str) -> int:
    value = getattr(holder, field)
    plain = value if isinstance(value, str) else _plain(value)
    if not plain or not _suspicious({field: plain}):
        return 0
    clean, found = redact({field: plain})
    if found and isinstance(value, str):
        setattr(holder, field, clean[field])
    elif found:
        _fill(value, clean[field])
    return found


def _suspicious(plain: dict[str, Any]) -> bool:
    try:
        encoded = orjson.dumps(plain, default=_decoded)
    except orjson.JSONEncodeError:  # deeper than JSON goes
        return True
    return needed(plain, encoded)


def _decoded(value: bytes) -> str:
    """Bytes are searched as the text they may be."""
    return value.decode(errors="replace")


def _plain(value: Any) -> Any:
    """An AnyValue as plain Python, bytes as bytes."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        pairs = [{pair.key: _plain(pair.value)} for pair in value.kvlist_value.values]
        together = {key: item for pair in pairs for key, item in pair.items()}
        return together if len(together) == len(pairs) else pairs  # a key that comes twice hides nothing
    return None if kind is None else getattr(value, kind)


def _fill(target: Any, value: Any) -> None:
    """Make the AnyValue *target* say *value*."""
    target.Clear()
    if isinstance(value, dict):
        target.kvlist_value.SetInParent()
        for key, item in value.items():
            _fill(target.kvlist_value.values.add(key=key).value, item)
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            _fill(target.array_value.values.add(), item)
    elif value is not None:
        setattr(target, _KINDS[type(value)], value)


_KINDS = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value", bytes: "bytes_value"}
