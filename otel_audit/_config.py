"""The SDK's settings: keywords of ``configure()`` and variables. No other module reads the environment."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from otel_audit.errors import NotConfigured

Protocol = Literal["grpc", "http/protobuf"]
Guarantee = Literal["best_effort", "journaled", "enforced"]
Mode = Literal["production", "development"]
Carrier = Literal["span_event", "log_record", "both"]

_DEFAULT_ENDPOINT = {"grpc": "http://127.0.0.1:4317", "http/protobuf": "http://127.0.0.1:4318"}
GUARANTEES: tuple[Guarantee, ...] = get_args(Guarantee)
#: The longest a normal exit waits for what is still to be sent.
EXIT_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Config:
    """How audit events leave the process.

    ``endpoint`` is an address with scheme; ``http://`` means no TLS. ``spill_dir`` is where events are kept on disk,
    None where no such place can be named; ``spill_max_bytes`` bounds all that waits in it, whoever put it there.
    ``queue_max_events`` and ``queue_max_bytes`` bound what waits in memory, ``departure_s`` is the longest an event
    waits for the end of its span, ``exit_wait_s`` the longest a normal exit waits for what is still to be sent,
    ``enforced_timeout_s`` the longest ``enforced`` waits for a receipt, ``timeout_s`` one request's longest.
    ``carrier`` is what an event travels on.
    """

    endpoint: str
    protocol: Protocol
    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: Path | None = None
    guarantee: Guarantee = "journaled"
    mode: Mode = "production"
    carrier: Carrier = "span_event"
    spill_dir: Path | None = None
    spill_max_bytes: int = 1 << 30
    queue_max_events: int = 32_768
    queue_max_bytes: int = 32 << 20
    batch_max_events: int = 512
    batch_max_bytes: int = 4 << 20
    departure_s: float = 2.0
    exit_wait_s: float = EXIT_WAIT_S
    enforced_timeout_s: float = 5.0
    timeout_s: float = 10.0

    def url_of(self, path: str) -> str:
        """Where OTLP over HTTP posts a signal, by its *path*; an endpoint that names one stands for all."""
        return f"{self.endpoint.removesuffix('/v1/traces').removesuffix('/v1/logs')}{path}"

    @property
    def target(self) -> str:
        """``host:port`` for gRPC."""
        return urlsplit(self.endpoint).netloc

    @property
    def secure(self) -> bool:
        """Whether the connection uses TLS."""
        return urlsplit(self.endpoint).scheme == "https"


def read(
    *,
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    certificate: str | Path | None = None,
    guarantee: str | None = None,
    mode: str | None = None,
    carrier: str | None = None,
    spill_dir: str | Path | None = None,
    spill_max_bytes: int | None = None,
    enforced_timeout_s: float | None = None,
    exit_wait_s: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Keywords win over ``OTEL_AUDIT_…``, which win over ``OTEL_EXPORTER_OTLP_…`` where there is such a twin.

    Raises NotConfigured with every problem at once.
    """
    variables = _Variables(os.environ if environ is None else environ)
    chosen = protocol or variables.shared("PROTOCOL") or "grpc"
    if chosen not in _DEFAULT_ENDPOINT:
        variables.problems.append(f"protocol must be grpc or http/protobuf, not {chosen!r}")
        chosen = "grpc"
    address = (endpoint or variables.shared("ENDPOINT") or _DEFAULT_ENDPOINT[chosen]).rstrip("/")
    if "://" not in address:
        address = f"http://{address}"
    if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
        variables.problems.append(f"endpoint must be an http or https address, not {address!r}")
    authority = certificate or variables.shared("CERTIFICATE")
    if authority is not None and not Path(authority).is_file():
        variables.problems.append(f"certificate: there is no file {authority}")
    values: dict[str, Any] = {
        "protocol": chosen,
        "headers": dict(headers) if headers is not None else _headers(variables.shared("HEADERS"), variables.problems),
        "certificate": Path(authority) if authority else None,
        "guarantee": variables.one_of("guarantee", guarantee, GUARANTEES),
        "mode": variables.one_of("mode", mode, get_args(Mode)),
        "carrier": variables.one_of("carrier", carrier, get_args(Carrier)),
        "spill_dir": _spill_dir(spill_dir, variables),
        "spill_max_bytes": variables.number("spill_max_bytes", spill_max_bytes),
        "enforced_timeout_s": variables.number("enforced_timeout_s", enforced_timeout_s),
        "exit_wait_s": variables.number("exit_wait_s", exit_wait_s),
    }
    if variables.problems:
        raise NotConfigured("; ".join(variables.problems))
    return Config(endpoint=address, **{name: value for name, value in values.items() if value is not None})


class _Variables:
    """The environment and what is wrong with it; an empty variable counts as absent."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def bare(self, name: str) -> str | None:
        """The variable of this very name."""
        return self._environ.get(name) or None

    def shared(self, name: str) -> str | None:
        """``OTEL_AUDIT_<NAME>``, else its ``OTEL_EXPORTER_OTLP_`` twin."""
        return self.bare(f"OTEL_AUDIT_{name}") or self.bare(f"OTEL_EXPORTER_OTLP_{name}")

    def one_of(self, name: str, given: str | None, allowed: tuple[str, ...]) -> str | None:
        """A setting with a listed set of values; None where nobody set it."""
        chosen = given or self.bare(f"OTEL_AUDIT_{name.upper()}")
        if chosen is not None and chosen not in allowed:
            self.problems.append(f"{name} must be one of {', '.join(allowed)}, not {chosen!r}")
        return chosen

    def number(self, name: str, given: float | None) -> float | None:
        """A setting that is a positive number; None where nobody set it."""
        chosen = self.bare(f"OTEL_AUDIT_{name.upper()}") if given is None else given
        if chosen is None:
            return None
        try:
            value = float(chosen)
        except (TypeError, ValueError):
            value = -1.0
        if not 0 < value < float("inf"):
            self.problems.append(f"{name} must be a positive number, not {chosen!r}")
        return value


def _spill_dir(given: str | Path | None, variables: _Variables) -> Path | None:
    """As it is named, else where the operating system's user keeps state."""
    named = given or variables.bare("OTEL_AUDIT_SPILL_DIR")
    if named is not None:
        path = Path(named).absolute()  # a later change of the working directory moves nothing
        if path.exists() and not path.is_dir():
            variables.problems.append(f"spill_dir: {path} is not a directory")
        return path
    state, home = variables.bare("XDG_STATE_HOME"), variables.bare("HOME")
    if state is not None and Path(state).is_absolute():
        return Path(state) / "otel-audit"
    if home is None:
        with suppress(RuntimeError):  # no such user
            home = str(Path.home())
    return Path(home) / ".local" / "state" / "otel-audit" if home else None


def _headers(text: str | None, problems: list[str]) -> dict[str, str]:
    """``key=value,key=value`` with percent-escapes, as OpenTelemetry spells headers."""
    headers: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in (text or "").split(","))):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            problems.append(f"headers must be key=value pairs, not {pair!r}")
            continue
        headers[unquote(key.strip()).lower()] = unquote(value.strip())
    return headers
