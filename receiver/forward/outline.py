"""A request taken apart into slices of its bytes, and put together again: what is not touched stays as it came."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

_PACKAGE = "otel_audit.outline"
#: Traces and logs have one outline. Fields that are not here are kept all the same, behind the others.
_LEVELS: Mapping[str, Sequence[str]] = {
    "Request": ("*parts",),
    "Resource": ("resource", "*parts", "schema_url"),
    "Scope": ("scope", "*parts", "schema_url"),
}


def _classes() -> dict[str, Any]:
    # proto2, because there a field that is present and empty stays so.
    file = FileDescriptorProto(name="otel_audit/outline.proto", package=_PACKAGE, syntax="proto2")
    for level, names in _LEVELS.items():
        message = file.message_type.add(name=level)
        for number, name in enumerate(names, 1):
            label = FieldDescriptorProto.LABEL_REPEATED if name[0] == "*" else FieldDescriptorProto.LABEL_OPTIONAL
            kind = FieldDescriptorProto.TYPE_BYTES
            message.field.add(name=name.strip("*"), number=number, label=label, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {level: pool.FindMessageTypeByName(f"{_PACKAGE}.{level}") for level in _LEVELS}
    return {level: message_factory.GetMessageClass(descriptor) for level, descriptor in found.items()}


_CLASSES = _classes()
REQUEST, RESOURCE, SCOPE = (_CLASSES[level] for level in _LEVELS)


def each_part(outline: Any, body: bytes, left_of: Callable[[bytes], bytes | None]) -> bytes | None:
    """*body* with each part of *outline*, its own, as *left_of* leaves it: the same, another, or None for nothing.

    *body* itself when every part is the same; None when there were parts and none is left.
    """
    came = list(outline.parts)
    left = [left_of(part) for part in came]
    if all(now is before for now, before in zip(left, came, strict=True)):
        return body
    kept = [part for part in left if part is not None]
    if not kept:
        return None
    del outline.parts[:]
    outline.parts.extend(kept)
    return bytes(outline.SerializeToString())
