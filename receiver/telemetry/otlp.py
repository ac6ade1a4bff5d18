"""Telemetry sent by OpenTelemetry to somebody else.

Nothing here is global, nothing instruments anything by itself, and what the exporters do is never told in turn.
"""

import logging
import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import context, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from receiver.acts import Ids
from receiver.clock import now_ns
from receiver.config import OURSELVES
from receiver.config import Telemetry as Settings
from receiver.timing import Watched, watched

SCOPE = "otel_audit.receiver"
#: Spans, and log lines, that wait to be sent; beyond it the oldest go.
QUEUE_MAX = 2048
EVERY_MS = 1000
TIMEOUT_S = 5
#: Longest the end of the process waits for what was not sent yet.
CLOSE_MAX_S = 2.0

_MS_NS = 1_000_000
#: Their lines would tell of the sending itself.
_SILENT = ("opentelemetry", "urllib3", "requests")
_SEVERITY = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class Otlp:
    """Tells an OTLP endpoint: the log, the receiver's acts, and some of the slow requests with their steps."""

    def __init__(self, settings: Settings, endpoint: str, process: str) -> None:
        self._settings = settings
        told = {
            "service.name": OURSELVES,
            "service.version": version("otel-audit"),
            "service.instance.id": f"{socket.gethostname()}:{process}:{os.getpid()}",
        }
        resource = Resource(told)
        spans = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=TIMEOUT_S)
        logs = OTLPLogExporter(f"{endpoint}/v1/logs", timeout=TIMEOUT_S)
        self._traces = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
        self._traces.add_span_processor(BatchSpanProcessor(spans, QUEUE_MAX, schedule_delay_millis=EVERY_MS))
        self._logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._logs.add_log_record_processor(
            BatchLogRecordProcessor(logs, schedule_delay_millis=EVERY_MS, max_queue_size=QUEUE_MAX)
        )
        self._exporters = (spans, logs)
        self._tracer = self._traces.get_tracer(SCOPE)
        self._handler = _Handler(self._logs)
        logging.getLogger().addHandler(self._handler)

    @contextmanager
    def watch(self, name: str) -> Iterator[Watched]:
        """What was slow is known at the end only: its spans are made then, with the times they had."""
        began_ns = now_ns()
        with watched(name) as request:
            try:
                yield request
            finally:
                ended_ns = now_ns()
                if ended_ns - began_ns >= self._settings.slow_ms * _MS_NS and self._is_sampled():
                    self._tell(request, began_ns, ended_ns)

    def new_span(self, name: str) -> Ids:
        """A span without length."""
        span = self._tracer.start_span(name, context.Context())
        span.end()
        told = span.get_span_context()
        return Ids(trace.format_trace_id(told.trace_id), trace.format_span_id(told.span_id))

    def close(self) -> None:
        """An endpoint that is away does not hold up the end."""
        logging.getLogger().removeHandler(self._handler)
        closing = threading.Thread(target=self._shut_down, name="telemetry-close", daemon=True)
        closing.start()
        closing.join(CLOSE_MAX_S)
        if closing.is_alive():
            for each in self._exporters:  # what they still try, they give up
                each.shutdown()  # type: ignore[no-untyped-call]

    def _shut_down(self) -> None:
        self._traces.shutdown()
        self._logs.shutdown()

    def _is_sampled(self) -> bool:
        return random.random() < self._settings.sampled  # noqa: S311

    def _tell(self, request: Watched, began_ns: int, ended_ns: int) -> None:
        span = self._tracer.start_span(
            request.name,
            context.Context(),
            kind=trace.SpanKind.SERVER,
            attributes=request.attributes,
            start_time=began_ns,
        )
        within = trace.set_span_in_context(span, context.Context())
        for step in request.steps:
            self._tracer.start_span(step.name, within, start_time=step.began_ns).end(step.ended_ns)
        span.end(ended_ns)


class _Handler(logging.Handler):
    """Log lines as OTLP log records: the fixed phrase as the body, the facts as attributes."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._logger = provider.get_logger(SCOPE)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on, unless the line is about the sending itself."""
        if record.name.split(".")[0] in _SILENT or context.get_value(_SUPPRESS_INSTRUMENTATION_KEY):
            return
        told = {key: str(value) for key, value in record.__dict__.items() if key not in _STANDARD}
        error = record.exc_info[1] if record.exc_info else None
        self._logger.emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                severity_text=record.levelname,
                severity_number=_SEVERITY.get(record.levelno, SeverityNumber.UNSPECIFIED),
                body=record.getMessage(),
                attributes={"log.logger": record.name, **told},
                exception=error,
            )
        )
