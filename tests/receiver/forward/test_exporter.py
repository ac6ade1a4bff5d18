"""The way to a backend over TLS, and its answers read to the letter."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from receiver.errors import WrongSettings
from receiver.forward.forwarder import Forwarder
from receiver.forward.grpc import GrpcExporter
from receiver.forward.http import HttpExporter, _retry_after_s
from receiver.forward.outcome import Later, Never, Outcome, Taken
from receiver.signal import TRACES
from tests.parts import backend as parts
from tests.parts.backend import Backend, Reply
from tests.receiver.forward.forwarding import PROTOCOLS, body, settings

CODES = grpc.StatusCode


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(ca: trustme.CA, tmp_path: Path) -> dict[str, Path]:
    """The authority and a client's certificate, as files."""
    client = ca.issue_cert("receiver.example")
    named = {each: tmp_path / f"{each}.pem" for each in ("ca", "certificate", "key")}
    ca.cert_pem.write_to_path(named["ca"])
    client.cert_chain_pems[0].write_to_path(named["certificate"])
    client.private_key_pem.write_to_path(named["key"])
    return named


@contextmanager
def behind_tls(protocol: str, ca: trustme.CA, of_clients: bool) -> Iterator[Backend]:
    """A backend with a certificate for localhost, which may want to see one."""
    server = ca.issue_cert("localhost")
    credentials: Any
    if protocol == "grpc":
        pair = (server.private_key_pem.bytes(), server.cert_chain_pems[0].bytes())
        credentials = grpc.ssl_server_credentials([pair], ca.cert_pem.bytes() if of_clients else None, of_clients)
    else:
        credentials = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.configure_cert(credentials)
        if of_clients:
            ca.configure_trust(credentials)
            credentials.verify_mode = ssl.CERT_REQUIRED
    with parts.running(protocol, credentials=credentials) as backend:
        yield backend


def outcome(endpoint: str, protocol: str, **more: Any) -> Outcome:
    """What became of one request."""

    async def run() -> Outcome:
        exporter = (GrpcExporter if protocol == "grpc" else HttpExporter)(settings(endpoint, protocol, **more))
        try:
            return await exporter.export(TRACES, body())
        finally:
            await exporter.close()

    return asyncio.run(run())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("of_clients", [False, True])
def test_a_backend_behind_tls(protocol: str, of_clients: bool, ca: trustme.CA, files: dict[str, Path]):
    """It is known by its authority, and where it asks it is shown our certificate; else nothing goes out."""
    tls = files if of_clients else {"ca": files["ca"]}
    with behind_tls(protocol, ca, of_clients) as backend:
        assert outcome(backend.endpoint, protocol, tls=tls) == Taken()
        assert isinstance(outcome(backend.endpoint, protocol), Later)  # the system does not know this authority
        if of_clients:
            assert isinstance(outcome(backend.endpoint, protocol, tls={"ca": files["ca"]}), Later)
        assert backend.taken == [body()]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_certificates_that_are_none_are_a_wrong_setting(protocol: str, files: dict[str, Path], tmp_path: Path):
    """Said before anything is taken in, with the backend's name."""
    files["key"].write_text("no key")
    chosen = settings("https://backend.example:1", protocol, tls=files, name="jaeger")

    async def run() -> None:
        with pytest.raises(WrongSettings, match="jaeger"):
            Forwarder((chosen,), tmp_path)

    asyncio.run(run())


@pytest.mark.parametrize(
    "code", [CODES.CANCELLED, CODES.DEADLINE_EXCEEDED, CODES.ABORTED, CODES.OUT_OF_RANGE, CODES.UNAVAILABLE,
             CODES.DATA_LOSS],
)  # fmt: skip
def test_codes_that_mean_later_over_grpc(code: grpc.StatusCode):
    """The list of OTLP's specification; RESOURCE_EXHAUSTED alone is not among them."""
    with parts.running("grpc") as backend:
        backend.answer = lambda _: Reply(code, 503)
        assert outcome(backend.endpoint, "grpc") == Later(f"{code.name}: as told")
        backend.answer = lambda _: Reply(CODES.RESOURCE_EXHAUSTED, 429)
        assert isinstance(outcome(backend.endpoint, "grpc"), Never)
        backend.answer = lambda _: Reply(CODES.RESOURCE_EXHAUSTED, 429, asks_s=1.5)
        assert outcome(backend.endpoint, "grpc") == Later("RESOURCE_EXHAUSTED: as told", 1.5)


@pytest.mark.parametrize(
    ("code", "parts_fit"),
    [(CODES.INVALID_ARGUMENT, True), (CODES.INTERNAL, True), (CODES.UNKNOWN, True), (CODES.UNAUTHENTICATED, False),
     (CODES.PERMISSION_DENIED, False), (CODES.UNIMPLEMENTED, False)],
)  # fmt: skip
def test_codes_that_mean_never_over_grpc(code: grpc.StatusCode, parts_fit: bool):
    """Smaller parts are tried where the request may be at fault: Go answers INTERNAL to what it cannot read."""
    with parts.running("grpc") as backend:
        backend.answer = lambda _: Reply(code, 400)
        assert outcome(backend.endpoint, "grpc") == Never(code.name, f"{code.name}: as told", parts_fit)


@pytest.mark.parametrize(
    ("code", "expected"),
    [(429, None), (502, None), (503, None), (504, None), (400, True), (413, True), (422, True), (500, True),
     (302, True), (401, False), (403, False), (404, False), (405, False), (415, False)],
)  # fmt: skip
def test_statuses_over_http(code: int, expected: bool | None):
    """429, 502, 503 and 504 mean later, all others never; nobody is followed elsewhere."""
    with parts.running("http") as backend:
        backend.answer = lambda _: Reply(http=code, body=b"as told")
        found = outcome(backend.endpoint, "http")
    if expected is None:
        assert found == Later(f"{code}: as told")
    else:
        assert found == Never(str(code), f"{code}: as told", expected)


def test_nobody_there_is_later():
    """No connection, no name: it may be there soon."""
    for endpoint in ("http://127.0.0.1:1", "http://nobody.invalid:4317"):
        for protocol in PROTOCOLS:
            assert isinstance(outcome(endpoint, protocol), Later)


def test_retry_after_is_seconds_or_a_date():
    """Anything else says nothing."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    assert _retry_after_s("7") == 7
    assert 500 < (_retry_after_s(later) or 0) <= 600
    assert _retry_after_s("Mon, 01 Jan 2024 00:00:00 GMT") == 0
    assert [_retry_after_s(each) for each in (None, "", "soon", "-1", "1.5")] == [None] * 5


def test_an_endpoint_may_have_a_path_over_http():
    """The signal's path comes behind it."""
    with parts.running("http") as backend:
        assert outcome(f"{backend.endpoint}/otlp/", "http") == Taken()
        assert [path for path, _, _ in backend.requests] == ["/otlp/v1/traces"]
