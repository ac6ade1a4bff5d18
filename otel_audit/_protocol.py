"""Which way carriers leave."""

from otel_audit._config import Config
from otel_audit._exporter import Exporter
from otel_audit._grpc import GrpcExporter
from otel_audit._http import HttpExporter


def open_exporter(config: Config) -> Exporter:
    """The exporter for the configured protocol; it connects at the first request, in the thread that sends."""
    return GrpcExporter(config) if config.protocol == "grpc" else HttpExporter(config)
