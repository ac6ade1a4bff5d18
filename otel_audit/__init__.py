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

from otel_audit import _change, _config, _install, _said, _wrong, catalog
from otel_audit._change import Change
from otel_audit._config import Carrier, Guarantee, Mode
from otel_audit._context import bind
from otel_audit._delivery import Delivery, Statistics
from otel_audit._recorder import Extra, Recorded, Recorder, Resource
from otel_audit.entry import Entry
from otel_audit.errors import AuditError, AuditNotStored, InvalidEvent, NotConfigured, UnseenChange
from otel_audit.redact import KeepMode as HideOrKeep
from otel_audit.redact import Mode as Hide

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.RLock()
_delivering: Delivery | None = None
_recording: Recorder | None = None
_exit_wait_s = _config.EXIT_WAIT_S


def configure(
    *,
    service_name: str | None = None,
    service_version: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    certificate: str | Path | None = None,
    guarantee: Guarantee | None = None,
    mode: Mode | None = None,
    carrier: Carrier | None = None,
    spill_dir: str | Path | None = None,
    spill_max_bytes: int | None = None,
    enforced_timeout_s: float | None = None,
    exit_wait_s: float | None = None,
    pseudonym_key: str | None = None,
    redact_secrets: Hide | None = None,
    redact_cards: Hide | None = None,
    redact_ibans: Hide | None = None,
    redact_personal: Hide | None = None,
    redact_staff_email: HideOrKeep | None = None,
    redact_fields: Mapping[str, HideOrKeep] | None = None,
    field_max_bytes: int | None = None,
    tracer_provider: TracerProvider | None = None,
) -> TracerProvider:
    """Say where audit events go and which service speaks; returns the tracer provider in use.

    Every keyword is optional and falls back to ``OTEL_AUDIT_…``, then to ``OTEL_EXPORTER_OTLP_…``; the name of the
    service falls back to ``OTEL_SERVICE_NAME``. An existing tracer provider is used as it is; where there is none,
    one is made that exports to the same endpoint. Called again, it sends what waits, then replaces the former.
    What must not leave the service is told by docs/redaction.md; ``pseudonym_key`` is the receiver's.
    SQLAlchemy and Django are listened to for transactions where they have been imported. Raises NotConfigured with
    every problem at once.
    """
    global _delivering, _recording, _exit_wait_s
    config = _config.read(
        endpoint=endpoint,
        protocol=protocol,
        headers=headers,
        certificate=certificate,
        guarantee=guarantee,
        mode=mode,
        carrier=carrier,
        spill_dir=spill_dir,
        spill_max_bytes=spill_max_bytes,
        enforced_timeout_s=enforced_timeout_s,
        exit_wait_s=exit_wait_s,
        redaction={
            "pseudonym_key": pseudonym_key,
            "redact_secrets": redact_secrets,
            "redact_cards": redact_cards,
            "redact_ibans": redact_ibans,
            "redact_personal": redact_personal,
            "redact_staff_email": redact_staff_email,
            "redact_fields": redact_fields,
            "field_max_bytes": field_max_bytes,
        },
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
        _install.watch_transactions()
        _wrong.use(development=config.mode == "development")
        _said.use(config.redaction)
        _delivering = Delivery(config, _install.resource_of(provider, attributes), _install.VERSION)
        _recording = Recorder(_delivering, config.guarantee, strict=config.mode == "development")
        _exit_wait_s = config.exit_wait_s
    return provider


def record(
    action: str | catalog.Event,
    resource: Resource | None = None,
    *,
    before: Any = None,
    after: Any = None,
    outcome: str | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    guarantee: Guarantee | None = None,
    **extra: Unpack[Extra],
) -> Recorded:
    """Record one audit event on the current span (a trace of its own outside any).

    *action* is ``resource.action.result``, or an event of :mod:`otel_audit.catalog`, of which whatever is said here as
    well wins. *resource* is what was acted on, ``(type, id)``; *before* and *after* are its states, any JSON. *extra*
    are further fields of the entry (see ``bind`` and docs/record.md). *guarantee* is ``best_effort`` (in memory),
    ``journaled`` (on disk before this returns) or ``enforced``, which waits for the receiver's receipt and raises
    AuditNotStored when it does not come in time. Inside a transaction of SQLAlchemy or Django the event waits for its
    end: after a rollback it stands as ``….failed``.

    A wrong call (an empty name, an unknown field, a value that cannot be told) raises InvalidEvent in development
    mode and for ``enforced``; else it is recorded as far as it can be, with a note.
    """
    if isinstance(action, catalog.Event):
        said = {"before": before, "after": after, "outcome": outcome, "reason": reason, "metadata": metadata, **extra}
        return record(**action.arguments(resource=resource, guarantee=guarantee, **said))
    recorded, ask = (_recording or _current()).begin(
        action, resource, before, after, outcome, reason, metadata, guarantee, extra
    )
    return recorded if ask is None else recorded._replace(receipt=ask.wait())


async def arecord(
    action: str | catalog.Event,
    resource: Resource | None = None,
    *,
    before: Any = None,
    after: Any = None,
    outcome: str | None = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    guarantee: Guarantee | None = None,
    **extra: Unpack[Extra],
) -> Recorded:
    """As :func:`record`; ``enforced`` waits for its receipt without holding up the event loop."""
    if isinstance(action, catalog.Event):
        said = {"before": before, "after": after, "outcome": outcome, "reason": reason, "metadata": metadata, **extra}
        return await arecord(**action.arguments(resource=resource, guarantee=guarantee, **said))
    recorded, ask = _current().begin(action, resource, before, after, outcome, reason, metadata, guarantee, extra)
    return recorded if ask is None else recorded._replace(receipt=await ask.wait_async())


def change(
    action: str | catalog.Event,
    resource: Resource | None = None,
    *,
    before: Any = None,
    after: Any = None,
    reason: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    guarantee: Guarantee | None = None,
    **extra: Unpack[Extra],
) -> AbstractContextManager[Change]:
    """A context manager around a change: records ``<action>.success`` with both states at its end.

    When the body raises, records ``<action>.failed`` with the error's type and message instead, and lets it pass.
    (The results are those the catalogue names for *action*; an event of the catalogue stands for its action, whatever
    its result.) The body sets ``.after``, ``.reason``, ``.metadata`` or
    ``.resource`` on what it is given; *before* and *after* may be callables, asked at the beginning and at the end.
    """
    if isinstance(action, catalog.Event):
        said = {"before": before, "after": after, "reason": reason, "metadata": metadata, **extra}
        arguments = action.arguments(resource=resource, guarantee=guarantee, **said)
        return change(**arguments | {"action": action.key})
    return _change.change(record, action, resource, before, after, reason, metadata, guarantee=guarantee, **extra)


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
    return _delivering is None or _delivering.flush(timeout_s)


def shutdown(timeout_s: float | None = None) -> bool:
    """Send what waits (ten seconds at most unless configured otherwise) and end delivery.

    False when something was left: what is ``journaled`` stays on disk for the next process, the rest is lost and
    said in the log.
    """
    global _delivering, _recording
    with _lock:
        ending, _delivering, _recording = _delivering, None, None
    return ending is None or ending.close(_exit_wait_s if timeout_s is None else timeout_s)


def statistics() -> Statistics:
    """What became of the events recorded so far, by counts."""
    with _lock:
        if _delivering is None:
            return Statistics(0, 0, 0, 0, 0, 0, 0, {})
        return _delivering.statistics()


@contextmanager
def recording_with(recorder: Recorder) -> Iterator[None]:
    """Hand every event recorded inside to *recorder*; for :mod:`otel_audit.testing`."""
    global _recording
    with _lock:
        former, _recording = _recording, recorder
    try:
        yield
    finally:
        with _lock:
            _recording = former


def _current() -> Recorder:
    """The recorder; the first event of a program that configured nothing configures the defaults."""
    recorder = _recording
    if recorder is not None:
        return recorder
    with _lock:
        if _recording is None:
            configure()
        assert _recording is not None  # noqa: S101 - configure() has just set it
        return _recording


atexit.register(shutdown)
_install.at_exit_of_a_worker(shutdown)

__all__ = [
    "AuditError",
    "AuditNotStored",
    "Change",
    "Entry",
    "InvalidEvent",
    "NotConfigured",
    "Recorded",
    "Statistics",
    "UnseenChange",
    "arecord",
    "audited",
    "bind",
    "catalog",
    "change",
    "configure",
    "flush",
    "record",
    "shutdown",
    "statistics",
]
