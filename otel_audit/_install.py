"""Finding the application's tracer provider, or making one where none is."""

import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from otel_audit._config import Config
from otel_audit._signal import SPANS

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


def watch_transactions() -> None:
    """Listen to the database libraries that the application has imported."""
    if "sqlalchemy" in sys.modules:
        from otel_audit.integrations import sqlalchemy

        sqlalchemy.install()
    if "django" in sys.modules:  # its database layer may come later: settings may be what configures us
        from otel_audit.integrations import django

        django.install()


def at_exit_of_a_worker(shutdown: Callable[[], Any]) -> None:
    """A process that :mod:`multiprocessing` forked ends without ``atexit``; it has a registry of its own."""

    def in_child() -> None:
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            # Not at once: the first thing such a child does is to clear the registry.
            util.register_after_fork(shutdown, in_worker)

    def in_worker(_: object = None) -> None:
        sys.modules["multiprocessing.util"].Finalize(None, shutdown, exitpriority=1)

    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None and "multiprocessing.util" in sys.modules:
        in_worker()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)


def _span_exporter(config: Config) -> SpanExporter:
    headers = dict(config.headers)
    if config.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return Grpc(endpoint=config.target, insecure=not config.secure, headers=tuple(headers.items()))
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

    return Http(endpoint=config.url_of(SPANS.path), headers=headers)
