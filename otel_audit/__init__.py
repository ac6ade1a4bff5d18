"""Audit events that ride on OpenTelemetry.

    import otel_audit

    otel_audit.configure(service_name="inventory")

    with otel_audit.bind(user_id="u-17", ip_address="203.0.113.7"):
        with otel_audit.change("inventory.update", resource=("inventory_item", sku), before=item) as change:
            item = correct(sku, 35)
            change.after = item

    otel_audit.record("order.label.print.failed", resource=("order", order_id), error_type="printer_offline")

What this module names is the whole front door; behind an underscore anything may change tomorrow.
"""

import atexit
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, Unpack

from opentelemetry.sdk.trace import TracerProvider

from otel_audit import _change, _config, _install, catalog
from otel_audit._change import Change
from otel_audit._context import bind
from otel_audit._delivery import Delivery
from otel_audit._recorder import Extra, Recorded, Recorder, Resource
from otel_audit.entry import Entry
from otel_audit.errors import AuditError, InvalidEvent, NotConfigured

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.RLock()
_delivery: Delivery | None = None
_recorder: Recorder | None = None


def configure(
    *,
    service_name: str | None = None,
    service_version: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    certificate: str | Path | None = None,
    guarantee: str | None = None,
    spill_dir: str | Path | None = None,
    tracer_provider: TracerProvider | None = None,
) -> TracerProvider:
    """Say where audit events go and which service speaks; returns the tracer provider in use.

    Every keyword is optional and falls back to ``OTEL_AUDIT_…``, then to ``OTEL_EXPORTER_OTLP_…``; the name of the
    service falls back to ``OTEL_SERVICE_NAME``. An existing tracer provider is used as it is; where there is none,
    one is made that exports to the same endpoint. Called again, it sends what waits, then replaces the former.
    Raises NotConfigured with every problem at once.
    """
    global _delivery, _recorder
    config = _config.read(
        endpoint=endpoint,
        protocol=protocol,
        headers=headers,
        certificate=certificate,
        guarantee=guarantee,
        spill_dir=spill_dir,
    )
    said = {
        "service.name": service_name,
        "service.version": service_version,
        "deployment.environment.name": environment,
    }
    attributes = {key: value for key, value in said.items() if value is not None}
    with _lock:
        shutdown()
        provider = _install.provider_for(config, tracer_provider, attributes)
        _delivery = Delivery(config, _install.resource_of(provider, attributes), _install.VERSION)
        _recorder = Recorder(_delivery.put, config.departure_s)
    return provider


def record(
    action: str,
    resource: Resource | None = None,
    *,
    before: Any = None,
    after: Any = None,
    outcome: str | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    **extra: Unpack[Extra],
) -> Recorded:
    """Record one audit event on the current span (a trace of its own outside any).

    *action* is ``resource.action.result``; *resource* is what was acted on, ``(type, id)``; *before* and *after* are
    its states, any JSON. *extra* are further fields of the entry (see ``bind`` and docs/record.md). Raises
    InvalidEvent for an empty name or an unknown field; never for what the receiver does.
    """
    return _current().record(
        action, resource, before=before, after=after, outcome=outcome, reason=reason, metadata=metadata, **extra
    )


def change(
    action: str,
    resource: Resource | None = None,
    *,
    before: Any = None,
    after: Any = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    **extra: Unpack[Extra],
) -> AbstractContextManager[Change]:
    """A context manager around a change: records ``<action>.success`` with both states at its end.

    When the body raises, records ``<action>.failed`` with the error's type and message instead, and lets it pass.
    (The results are those the catalogue names for *action*.) The body sets ``.after``, ``.reason``, ``.metadata`` or
    ``.resource`` on what it is given; *before* and *after* may be callables, asked at the beginning and at the end.
    """
    return _change.change(record, action, resource, before, after, reason, metadata, **extra)


def audited(
    action: str,
    resource: Resource | Callable[..., Resource] | None = None,
    *,
    before: Any = None,
    after: Callable[[Any], Any] | None = None,
    **extra: Any,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: ``change`` around every call of a function, ``async`` or not.

    *resource* and *before* may be callables of the function's arguments, by their names
    (``resource=lambda sku: ("inventory_item", sku)``); *after* makes the new state of the result.
    """
    return _change.audited(change, action, resource, before, after, **extra)


def flush(timeout_s: float = 10.0) -> bool:
    """Send what waits; True once the receiver has taken all of it."""
    return _delivery is None or _delivery.flush(timeout_s)


def shutdown(timeout_s: float = 10.0) -> bool:
    """Send what waits and end delivery; False, and a line in the log, when something was left behind."""
    global _delivery, _recorder
    with _lock:
        ending, _delivery, _recorder = _delivery, None, None
    return ending is None or ending.close(timeout_s)


@contextmanager
def recording_with(recorder: Recorder) -> Iterator[None]:
    """Hand every event recorded inside to *recorder*; for :mod:`otel_audit.testing`."""
    global _recorder
    with _lock:
        former, _recorder = _recorder, recorder
    try:
        yield
    finally:
        with _lock:
            _recorder = former


def _current() -> Recorder:
    """The recorder; the first event of a program that configured nothing configures the defaults."""
    recorder = _recorder
    if recorder is not None:
        return recorder
    with _lock:
        if _recorder is None:
            configure()
        assert _recorder is not None  # noqa: S101 - configure() has just set it
        return _recorder


atexit.register(shutdown)

__all__ = [
    "AuditError",
    "Change",
    "Entry",
    "InvalidEvent",
    "NotConfigured",
    "Recorded",
    "audited",
    "bind",
    "catalog",
    "change",
    "configure",
    "flush",
    "record",
    "shutdown",
]
