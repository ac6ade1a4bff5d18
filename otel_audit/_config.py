"""The SDK's settings: keywords of ``configure()`` and variables. No other module reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from otel_audit.errors import NotConfigured

Protocol = Literal["grpc", "http/protobuf"]

_DEFAULT_ENDPOINT = {"grpc": "http://127.0.0.1:4317", "http/protobuf": "http://127.0.0.1:4318"}
_GUARANTEES = ("best_effort",)


@dataclass(frozen=True, slots=True)
class Config:
    """How audit events leave the process.

    ``endpoint`` is an address with scheme; ``http://`` means no TLS. ``spill_dir`` is where a guarantee that spills
    to disk does so; ``best_effort`` writes nothing. ``queue_max_events`` bounds what waits in
    memory, ``departure_s`` is the longest an event waits for the end of its span, ``exit_wait_s`` the longest a
    normal exit waits for what is still to be sent.
    """

    endpoint: str
    protocol: Protocol
    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: Path | None = None
    guarantee: str = "best_effort"
    spill_dir: Path | None = None
    queue_max_events: int = 65_536
    batch_max_events: int = 512
    departure_s: float = 2.0
    exit_wait_s: float = 10.0
    timeout_s: float = 10.0

    @property
    def traces_url(self) -> str:
        """Where OTLP over HTTP posts traces."""
        return self.endpoint if self.endpoint.endswith("/v1/traces") else f"{self.endpoint}/v1/traces"

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
    spill_dir: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Keywords win over ``OTEL_AUDIT_…``, which win over ``OTEL_EXPORTER_OTLP_…``.

    Raises NotConfigured with every problem at once.
    """
    variables = _Variables(os.environ if environ is None else environ)
    problems: list[str] = []
    chosen = protocol or variables.get("PROTOCOL") or "grpc"
    if chosen not in _DEFAULT_ENDPOINT:
        problems.append(f"protocol must be grpc or http/protobuf, not {chosen!r}")
        chosen = "grpc"
    address = (endpoint or variables.get("ENDPOINT") or _DEFAULT_ENDPOINT[chosen]).rstrip("/")
    if "://" not in address:
        address = f"http://{address}"
    if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
        problems.append(f"endpoint must be an http or https address, not {address!r}")
    promised = guarantee or variables.get("GUARANTEE") or "best_effort"
    if promised not in _GUARANTEES:
        problems.append(f"guarantee must be one of {', '.join(_GUARANTEES)}, not {promised!r}")
    spill = spill_dir or variables.get("SPILL_DIR")
    if spill is not None and Path(spill).exists() and not Path(spill).is_dir():
        problems.append(f"spill_dir: {spill} is not a directory")
    authority = certificate or variables.get("CERTIFICATE")
    if authority is not None and not Path(authority).is_file():
        problems.append(f"certificate: there is no file {authority}")
    sent = dict(headers) if headers is not None else _headers(variables.get("HEADERS"), problems)
    if problems:
        raise NotConfigured("; ".join(problems))
    values: dict[str, Any] = {"protocol": chosen, "guarantee": promised, "headers": sent}
    values["certificate"] = Path(authority) if authority else None
    values["spill_dir"] = Path(spill) if spill else None
    return Config(endpoint=address, **values)


class _Variables:
    """``OTEL_AUDIT_<NAME>``, else its ``OTEL_EXPORTER_OTLP_`` twin; an empty variable counts as absent."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def get(self, name: str) -> str | None:
        return self._environ.get(f"OTEL_AUDIT_{name}") or self._environ.get(f"OTEL_EXPORTER_OTLP_{name}") or None


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
