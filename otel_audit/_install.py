"""Finding the application's tracer provider, or making one where none is."""

from importlib.metadata import version
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from otel_audit._config import Config

VERSION = version("otel-audit")


def provider_for(config: Config, given: TracerProvider | None, attributes: dict[str, str]) -> TracerProvider:
    """*given*, or the global one, or a new global one with the standard sampler that exports to our endpoint."""
    if given is not None:
        return given
    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        return present
    made = TracerProvider(resource=Resource.create(dict(attributes)))
    made.add_span_processor(BatchSpanProcessor(_span_exporter(config)))
    trace.set_tracer_provider(made)
    return made


def resource_of(provider: TracerProvider, attributes: dict[str, str]) -> dict[str, Any]:
    """The resource carriers name: the application's, with what ``configure`` was told on top."""
    return {**provider.resource.attributes, **attributes}


def _span_exporter(config: Config) -> SpanExporter:
    headers = dict(config.headers)
    if config.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return Grpc(endpoint=config.target, insecure=not config.secure, headers=tuple(headers.items()))
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

    return Http(endpoint=config.traces_url, headers=headers)
