"""What sampling in this environment costs."""

from collections.abc import Mapping

from receiver.doctor.finding import Finding, fine

_KEEPS_ALL = ("", "always_on", "parentbased_always_on")
_WITHOUT = (
    "Audit events that a service puts on its spans by itself (add_event) go with the spans: they are lost. "
    "Events recorded through the otel_audit SDK all arrive, with their trace id; only the spans of those traces are "
    "not there to explain them."
)
_HINT = "sample in a Collector behind the receiver instead (tail sampling), or record through the otel_audit SDK"


def sampling(environ: Mapping[str, str]) -> Finding:
    """What ``OTEL_TRACES_SAMPLER`` and ``OTEL_SDK_DISABLED`` do to audit events, in plain words."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Finding("sampling", "warning", f"OTEL_SDK_DISABLED: services here make no spans. {_WITHOUT}", "unset it")
    sampler = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    dropped = _dropped(sampler, environ.get("OTEL_TRACES_SAMPLER_ARG", "1"))
    if dropped is None:
        return fine("sampling", "services here keep every trace")
    return Finding("sampling", "warning", f"OTEL_TRACES_SAMPLER={sampler}: {dropped}. {_WITHOUT}", _HINT)


def _dropped(sampler: str, argument: str) -> str | None:
    """What is dropped; None when nothing is."""
    if sampler in _KEEPS_ALL:
        return None
    if sampler.endswith("always_off"):
        return "services here drop every trace they begin"
    if not sampler.endswith("traceidratio"):
        return "services here drop what that sampler decides"
    try:
        ratio = min(1.0, max(0.0, float(argument)))
    except ValueError:
        ratio = 1.0  # as an SDK reads it
    return None if ratio == 1.0 else f"services here drop {100 * (1 - ratio):.4g} % of the traces they begin"
