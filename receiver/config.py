"""Every setting of the receiver, with its unit, its bound and its default.

Settings come from ``otel-audit.yaml`` (``--config``) and from variables
``OTEL_AUDIT_RECEIVER_<SECTION>__<NAME>``, which win. This is the only module that reads either.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from otel_audit.redact import FIELD_BYTES_LEAST, FIELD_BYTES_MOST, KeepMode, Mode, Rules, fields_of, key_of
from receiver.errors import WrongSettings
from receiver.feedback import leads_to

ENV_PREFIX = "OTEL_AUDIT_RECEIVER_"

#: The service and sender of the receiver's own entries.
OURSELVES = "otel-audit"

Role = Literal["sender", "viewer", "investigator", "administrator"]

_ADDRESS = re.compile(r"^(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):(?P<port>\d{1,5})$")
_LOOPBACK = {"localhost", "::1"}
_HEADER = re.compile(r"^(?!grpc-)[A-Za-z0-9_.-]+(?<!-bin)$")
_LISTENING = (("otlp", "grpc"), ("otlp", "http"), ("api", "listen"))


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Address(str):
    """``host:port``; port 0 takes a free one."""

    __slots__ = ()

    @property
    def host(self) -> str:
        """The host without brackets."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port; 0 for a free one."""
        return int(self.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in _LOOPBACK or self.host.startswith("127.")


def _address(text: str) -> Address:
    match = _ADDRESS.match(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"must be host:port, not {text!r}")
    return Address(text)


class Tls(Section):
    """Certificates of the OTLP addresses; without them they speak plain text."""

    cert: Path | None = Field(None, description="file with the certificate chain of both OTLP addresses, PEM")
    key: Path | None = Field(None, description="file with its private key, PEM")
    client_ca: Path | None = Field(
        None, description="file with the authorities of clients, PEM; each needs a certificate then"
    )

    @model_validator(mode="after")
    def _whole(self) -> "Tls":
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key go together")
        if self.client_ca is not None and self.cert is None:
            raise ValueError("client_ca needs cert and key")
        for path in (self.cert, self.key, self.client_ca):
            if path is not None and not os.access(path, os.R_OK):
                raise ValueError(f"{path} cannot be read")
        return self


class Otlp(Section):
    """Where spans and logs come in."""

    grpc: str = Field("127.0.0.1:4317", description="OTLP over gRPC, host:port; port 0 takes a free one")
    http: str = Field("127.0.0.1:4318", description="OTLP over HTTP, host:port; port 0 takes a free one")
    request_max_bytes: int = Field(
        64 * 1024 * 1024, ge=1024, le=512 * 1024 * 1024, description="largest request, in bytes after decompression"
    )
    event_max_bytes: int = Field(
        1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="largest audit event, in bytes; larger are quarantined"
    )
    http_in_flight_max: int = Field(64, ge=1, le=4096, description="HTTP requests read at once; more get 503")
    grpc_in_flight_max: int = Field(
        256, ge=1, le=65536, description="gRPC requests answered at once; more get UNAVAILABLE"
    )
    in_flight_max_bytes: int = Field(
        256 * 1024 * 1024,
        ge=1024,
        le=1 << 40,
        description="bytes of the requests that are answered at once, of HTTP and of gRPC each; one alone always fits",
    )
    read_timeout_s: float = Field(10.0, gt=0, le=3600, description="longest a request may take to come in, in seconds")
    cors_origins: tuple[str, ...] = Field((), description="origins of browser pages that may send over HTTP")
    tls: Tls = Tls()

    _check = field_validator("grpc", "http")(_address)


class Journal(Section):
    """The append-only truth on disk."""

    commit_wait_max_ms: float = Field(
        2.0, ge=0, le=1000, description="longest a commit waits for more requests to share its fsync, in milliseconds"
    )
    batch_max_entries: int = Field(2000, ge=1, le=100_000, description="most rows in one commit")
    waiting_max_entries: int = Field(
        50_000, ge=1, le=10_000_000, description="most rows waiting for a commit; beyond it senders are told Busy"
    )
    checkpoint_every_s: float = Field(
        1.0, gt=0, le=600, description="seconds between checkpoints of the write-ahead log"
    )


class Outbox(Section):
    """What follow and answer have to say, until accept has journalled it."""

    waiting_max_entries: int = Field(
        100_000, ge=1, le=10_000_000, description="most entries waiting in one outbox; beyond it its process waits"
    )


Tenant = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,62}$")]
NumericKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$")]


class Index(Section):
    """Where entries are found again."""

    url: str = Field("sqlite", description="`sqlite` (in the data directory) or the address of an Elasticsearch")
    user: str | None = Field(None, description="Elasticsearch user")
    password: str | None = Field(None, repr=False, description="Elasticsearch password")
    api_key: str | None = Field(None, repr=False, description="Elasticsearch API key, instead of user and password")
    read_user: str | None = Field(None, description="Elasticsearch user of whoever only reads; else `index.user`")
    read_password: str | None = Field(None, repr=False, description="its password")
    read_api_key: str | None = Field(None, repr=False, description="Elasticsearch API key, instead of those two")
    ca: Path | None = Field(None, description="file with the certificate authority of the Elasticsearch address")
    namespace: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_.]{0,99}$", description="last part of the index names")
    partition: Literal["monthly", "daily"] = Field("monthly", description="how much time one partition holds")
    oldest_days: int = Field(2555, ge=1, le=36500, description="days; older events go to the partition `outlier`")
    numeric_metadata: tuple[NumericKey, ...] = Field(
        (),
        description="metadata keys searched as numbers, as in `metadata.weight.min=5`; of entries indexed from then on",
    )
    batch_max_entries: int = Field(5000, ge=1, le=20_000, description="most entries in one put")
    poll_ms: int = Field(50, ge=1, le=10_000, description="milliseconds between looks at a quiet journal")
    timeout_s: float = Field(10.0, gt=0, le=300, description="longest wait for one answer of Elasticsearch, in seconds")
    refused_max_entries: int = Field(
        1000, ge=1, le=1_000_000, description="most entries kept aside that the index refuses; beyond it indexing waits"
    )
    refused_max_bytes: int = Field(
        256 * 1024 * 1024, ge=1024, description="most bytes of them; beyond it indexing waits"
    )

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if url != "sqlite" and not re.match(r"^https?://[^\s/]+", url):
            raise ValueError(f"must be `sqlite` or an http(s) address, not {url!r}")
        return url.rstrip("/")


class TraceSourceSettings(Section):
    """A place where traces are looked up."""

    kind: Literal["own", "jaeger"] = Field(description="`own` (the store beside the entries) or `jaeger`")
    url: str | None = Field(None, pattern=r"^https?://[^\s/]+", description="address of Jaeger's query service")
    headers: dict[str, SecretStr] = Field({}, description="sent along with each question, as for a proxy before it")
    tenant: Tenant = Field("default", description="whose traces it holds; other tenants see none of them")
    timeout_s: float = Field(2.0, gt=0, le=60, description="longest one question may take, in seconds")

    @model_validator(mode="after")
    def _is_reached(self) -> "TraceSourceSettings":
        if (self.kind == "own") != (self.url is None):
            raise ValueError("jaeger needs a url, own has none")
        return self


class Traces(Section):
    """The spans kept for the join."""

    keep: Literal["audited", "all", "none"] = Field(
        "audited", description="which spans are kept: those of traces with an audit entry, all, or none"
    )
    wait_s: float = Field(
        60.0, ge=0, le=3600, description="how long spans wait for an audit entry of their trace, in seconds"
    )
    waiting_max_spans: int = Field(
        200_000, ge=100, le=10_000_000, description="most spans waiting for that; the oldest go first, counted"
    )
    spool_max_bytes: int = Field(
        256 * 1024 * 1024,
        ge=1024 * 1024,
        description="most bytes between accept and follow; the oldest go first, counted",
    )
    retain_days: int = Field(30, ge=0, le=36500, description="how long spans are kept, in days; 0 is for ever")
    sources: tuple[TraceSourceSettings, ...] = Field(
        (), description="where traces are looked up, in this order, as below; empty: `own` alone"
    )
    trace_max_spans: int = Field(10_000, ge=10, le=1_000_000, description="most spans read for one trace")


class Redact(Section):
    """What is hidden of what every sender sends, and how."""

    pseudonym_key: SecretStr | None = Field(
        None, description="16 bytes or more, the same as the services' `OTEL_AUDIT_PSEUDONYM_KEY`; without it: masked"
    )
    secrets: Mode = Field("remove", description="passwords, tokens, keys, cookies, CVV: remove, mask or pseudonym")
    cards: Mode = Field("mask", description="card numbers: remove, mask or pseudonym")
    ibans: Mode = Field("mask", description="bank account numbers: remove, mask or pseudonym")
    personal: Mode = Field("pseudonym", description="what tells who a person is: remove, mask or pseudonym")
    staff_email: KeepMode = Field("keep", description="`user.email` of staff: keep, remove, mask or pseudonym")
    fields: dict[str, Any] = Field({}, description="further names, `*` for any run: a map of names and modes, or keep")
    field_max_bytes: int = Field(
        128 * 1024, ge=FIELD_BYTES_LEAST, le=FIELD_BYTES_MOST, description="bytes of one attribute; more is cut, marked"
    )

    @field_validator("pseudonym_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            key_of(key.get_secret_value())
        return key

    @field_validator("fields")
    @classmethod
    def _are_patterns(cls, fields: dict[str, Any]) -> Mapping[str, KeepMode]:
        return fields_of(fields)

    @property
    def rules(self) -> Rules:
        """The same as the SDK knows them."""
        key = None if self.pseudonym_key is None else key_of(self.pseudonym_key.get_secret_value())
        chosen = {name: getattr(self, name) for name in type(self).model_fields if name != "pseudonym_key"}
        return Rules(pseudonym_key=key, **chosen)


class Api(Section):
    """Where answers are given."""

    listen: str = Field("127.0.0.1:4321", description="HTTP API, host:port; port 0 takes a free one")

    _check = field_validator("listen")(_address)


class Telemetry(Section):
    """The receiver's own traces and logs, by OpenTelemetry."""

    endpoint: str | None = Field(
        None, description="where they go, OTLP over HTTP, such as `http://collector:4318`; never to this receiver"
    )
    slow_ms: float = Field(
        1000.0, ge=0, le=3_600_000, description="a request that takes longer may leave a trace, in milliseconds"
    )
    sampled: float = Field(0.1, ge=0, le=1, description="share of the slow requests that do")

    @field_validator("endpoint")
    @classmethod
    def _is_an_address(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and not re.match(r"^https?://[^\s/@]+(/[^\s@]*)?$", endpoint):
            raise ValueError("must be an http(s) address without credentials")
        return None if endpoint is None else endpoint.rstrip("/")


class Budget(Section):
    """How much one credential may send; nothing is limited unless set."""

    events_per_s: float | None = Field(None, gt=0, description="audit events a second, on average; beyond it Busy")
    bytes_per_s: float | None = Field(None, gt=0, description="bytes a second, on average; beyond it Busy")
    streams: int | None = Field(None, ge=1, description="streams (processes) within an hour; one more is told Busy")


class Sender(Section):
    """What every credential says: who it is, whose entries it sends, and what it may claim to be."""

    name: str = Field(min_length=1, description="stands on entries as `sender.id`, and in the log of reads")
    tenant: Tenant = Field("default", description="whose entries it writes or reads")
    services: tuple[str, ...] = Field((), description="service names it may claim, `*` for any run; empty: all")
    streams: tuple[str, ...] = Field((), description="stream ids it may claim, `*` for any run; empty: all")
    actions: tuple[str, ...] = Field((), description="actions it may record, `*` for any run; empty: all but `audit.*`")
    budget: Budget = Budget()

    @field_validator("name")
    @classmethod
    def _is_not_ours(cls, name: str) -> str:
        if name == OURSELVES:
            raise ValueError(f"{OURSELVES} is the receiver itself")
        return name


class Token(Sender):
    """A credential that is a bearer token, known here only by its hash."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False, description="hex SHA-256 of the token")
    role: Role = Field(description="sender, viewer, investigator or administrator")


class ClientCertificate(Sender):
    """A credential that is a verified client certificate; it may send, nothing else."""

    subject: str | None = Field(None, description="its common name, or a DNS name, URI or address of its SAN")
    fingerprint: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="hex SHA-256 of the certificate in DER, instead of a subject"
    )

    @model_validator(mode="after")
    def _is_found_by_one(self) -> "ClientCertificate":
        if (self.subject is None) == (self.fingerprint is None):
            raise ValueError("needs either a subject or a fingerprint")
        return self


class Auth(Section):
    """Who may send and who may read; without tokens only loopback listens."""

    tokens: tuple[Token, ...] = Field((), description="list of credentials, as below")
    certificates: tuple[ClientCertificate, ...] = Field((), description="list of client certificates, as below")

    @model_validator(mode="after")
    def _distinct(self) -> "Auth":
        for what, credentials in _IDENTITIES.items():
            values = [value for each in credentials(self) if (value := getattr(each, what)) is not None]
            if len(set(values)) != len(values):
                raise ValueError(f"two credentials have the same {what}")
        return self


_IDENTITIES: Mapping[str, Callable[[Auth], Sequence[Sender]]] = {
    "name": lambda auth: (*auth.tokens, *auth.certificates),
    "sha256": lambda auth: auth.tokens,
    "subject": lambda auth: auth.certificates,
    "fingerprint": lambda auth: auth.certificates,
}


class ForwardTls(Section):
    """How an `https://` backend is known, and how it knows us."""

    ca: FilePath | None = Field(None, description="file with the backend's certificate authority; else the system's")
    certificate: FilePath | None = Field(None, description="file with our client certificate")
    key: FilePath | None = Field(None, description="file with our client certificate's key")

    @model_validator(mode="after")
    def _is_whole(self) -> "ForwardTls":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key come together")
        return self


class Forward(Section):
    """One backend that everything goes on to."""

    endpoint: str = Field(
        max_length=200, description="`http://host:port`, or `https://` for TLS; default ports 4317 and 4318"
    )
    name: str | None = Field(
        None,
        min_length=1,
        max_length=80,
        description="its name in counts, logs and on disk; else its endpoint",
    )
    protocol: Literal["grpc", "http"] = Field("grpc", description="OTLP over gRPC or over HTTP (protobuf)")
    signals: tuple[Literal["traces", "logs"], ...] = Field((), description="`traces`, `logs`; empty: both")
    headers: dict[str, str] = Field({}, repr=False, description="sent with every request: a map of names and values")
    tls: ForwardTls = ForwardTls()
    compression: Literal["none", "gzip", "zstd"] = Field("none", description="none, gzip or, over HTTP, zstd")
    strip: bool = Field(False, description="without the audit events")
    redact: bool = Field(False, description="without what [the rules](redaction.md) hide")
    queue: Literal["memory", "disk"] = Field(
        "memory", description="where requests wait: in memory, or on disk and so through a restart"
    )
    queue_max_bytes: int = Field(
        128 * 1024 * 1024,
        ge=1024 * 1024,
        description="most bytes waiting, traces and logs each; more is dropped, counted",
    )
    batch_max_bytes: int = Field(
        1024 * 1024, ge=1, le=64 * 1024 * 1024, description="requests are merged up to so many bytes; 1: never"
    )
    batch_wait_ms: float = Field(200.0, ge=0, le=10_000, description="longest wait for more to merge, in milliseconds")
    in_flight_max: int = Field(4, ge=1, le=64, description="most requests under way at once, traces and logs each")
    timeout_s: float = Field(10.0, gt=0, le=300, description="longest wait for one answer, in seconds")
    retry_max_s: float = Field(
        30.0, gt=0, le=3600, description="longest pause between attempts, in seconds, unless the backend asks for more"
    )

    @field_validator("endpoint")
    @classmethod
    def _is_an_address(cls, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment
        if wrong or parts.username is not None or any(map(str.isspace, endpoint)):
            raise ValueError("must be http://host:port or https://host:port, and nothing secret in it")
        parts.port  # noqa: B018  (ValueError when it is none)
        return endpoint.rstrip("/")

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER.match(name) or not value.isascii() or not value.isprintable():
                raise ValueError(f"{name!r} is no header, or its value is not printable ASCII")
        return {name.lower(): value for name, value in headers.items()}

    @model_validator(mode="after")
    def _fits_together(self) -> "Forward":
        if self.protocol == "grpc" and self.compression == "zstd":
            raise ValueError("zstd is for the protocol http alone")
        if self.protocol == "grpc" and urlsplit(self.endpoint).path:
            raise ValueError(f"over gRPC an endpoint has no path: {self.endpoint}")
        if self.tls != ForwardTls() and not self.endpoint.startswith("https:"):
            raise ValueError("tls is for an https:// endpoint")
        return self

    @property
    def called(self) -> str:
        """What it is called everywhere."""
        return self.name or self.endpoint

    @property
    def address(self) -> Address:
        """Its host and port."""
        parts = urlsplit(self.endpoint)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return Address(f"{host}:{parts.port or (4317 if self.protocol == 'grpc' else 4318)}")


class Settings(BaseSettings):
    """All of it; immutable once read."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Field(Path("./otel-audit-data"), description="everything the receiver keeps, mode 0700")
    otlp: Otlp = Otlp()
    journal: Journal = Journal()
    outbox: Outbox = Outbox()
    index: Index = Index()
    traces: Traces = Traces()
    redact: Redact = Redact()
    api: Api = Api()
    telemetry: Telemetry = Telemetry()
    forward: tuple[Forward, ...] = Field((), description="list of backends that everything goes on to, as below")
    auth: Auth = Auth()

    @field_validator("forward")
    @classmethod
    def _are_distinct(cls, backends: tuple[Forward, ...]) -> tuple[Forward, ...]:
        if len({each.called for each in backends}) != len(backends):
            raise ValueError("two backends have the same name")
        return backends

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over the file."""
        return (env_settings, init_settings)


def load(path: Path | None = None) -> Settings:
    """Read the settings; WrongSettings names every problem at once."""
    said = {} if path is None else _read(path)
    problems = _unknown_variables()
    try:
        problems += _exposed(said, EnvSettingsSource(Settings)())
        settings = Settings(**said)
        problems += _feeding_itself(settings)
    except ValidationError as error:
        problems += [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    except ValueError as error:  # a variable that holds a broken JSON list
        problems.append(str(error))
    if problems:
        raise WrongSettings(problems)
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise WrongSettings([f"{path}: {error}"]) from error
    if not isinstance(said, dict):
        raise WrongSettings([f"{path}: must be a map of sections, not {type(said).__name__}"])
    return said


def _exposed(said: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """The addresses that others would reach although no token is set.

    Looks at the settings as they were written, so that a mistake elsewhere does not hide this one.
    """

    def written(section: str, name: str) -> Any:
        sections = (source.get(section) for source in (variables, said))
        return next((each[name] for each in sections if isinstance(each, Mapping) and name in each), None)

    def guarded(section: str) -> bool:
        return bool(written("auth", "tokens") or (section == "otlp" and written("auth", "certificates")))

    addresses = {f"{section}.{name}": written(section, name) for section, name in _LISTENING if not guarded(section)}
    return [
        f"{name}: {address} is not loopback, and without auth.tokens nothing else may listen"
        for name, address in addresses.items()
        if isinstance(address, str) and _ADDRESS.match(address) and not Address(address).is_loopback
    ]


def _feeding_itself(settings: Settings) -> list[str]:
    """What we would send to ourselves, for ever."""
    listeners = {f"{section}.{name}": getattr(getattr(settings, section), name) for section, name in _LISTENING}
    sent = [("telemetry.endpoint", settings.telemetry.endpoint, settings.telemetry.endpoint)]
    sent += [(f"forward.{n}", each.endpoint, f"http://{each.address}") for n, each in enumerate(settings.forward)]
    return [
        f"{name}: {endpoint} is {own} of this receiver"
        for name, endpoint, reached in sent
        if reached is not None and (own := leads_to(reached, listeners)) is not None
    ]


def _unknown_variables() -> list[str]:
    """Variables with our prefix that name no setting: a misspelt one must not be passed over in silence."""
    known = set(_variables(Settings))
    return [
        f"{variable}: no such setting"
        for variable in sorted(os.environ)
        if variable.startswith(ENV_PREFIX) and variable.removeprefix(ENV_PREFIX).lower() not in known
    ]


def _variables(section: type[BaseModel], place: str = "") -> Iterator[str]:
    """The names of all settings in *section*, of the sections in it and of theirs."""
    for name, field in section.model_fields.items():
        yield f"{place}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _variables(field.annotation, f"{place}{name}__")
