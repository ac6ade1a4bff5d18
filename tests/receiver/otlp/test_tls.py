"""Encrypted doors, and clients known by their certificate."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import httpx
import orjson
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from receiver.app.web import WebServer
from receiver.config import Address, Auth, ClientCertificate, Otlp, Tls
from receiver.errors import WrongSettings
from receiver.otlp.grpc import GrpcServer
from receiver.otlp.http import HttpEndpoint
from receiver.otlp.service import OtlpService
from receiver.senders import Senders
from receiver.signal import SIGNALS, TRACES
from tests.receiver.otlp.doors import Doors, through
from tests.receiver.otlp.requests import event, request, span

BODY = request(span(event(audit__x=1))).SerializeToString()


@dataclass
class Pki:
    """An authority, a server's certificate and one of a client, as files."""

    ca: Path
    server: Path
    client: Path
    fingerprint: str

    @property
    def one_sided(self) -> Tls:
        """Encryption alone."""
        return Tls(cert=self.server, key=self.server)

    @property
    def mutual(self) -> Tls:
        """Every client shows a certificate."""
        return Tls(cert=self.server, key=self.server, client_ca=self.ca)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    directory = tmp_path_factory.mktemp("pki")
    ca = trustme.CA()
    server, client = ca.issue_cert("127.0.0.1", "localhost"), ca.issue_cert("pay.internal", common_name="pay")
    files = Pki(directory / "ca", directory / "server", directory / "client", "")
    ca.cert_pem.write_to_path(files.ca)
    server.private_key_and_cert_chain_pem.write_to_path(files.server)
    client.private_key_and_cert_chain_pem.write_to_path(files.client)
    loaded = x509.load_pem_x509_certificate(client.cert_chain_pems[0].bytes())
    files.fingerprint = loaded.fingerprint(SHA256()).hex()
    return files


@contextlib.asynccontextmanager
async def listening(doors: Doors, tls: Tls, auth: Auth) -> AsyncIterator[tuple[str, str]]:
    """The doors on real sockets, as the addresses of gRPC and HTTP."""
    services = dict.fromkeys(SIGNALS.values(), OtlpService(doors.accept, Senders(auth), None, 2555, 1 << 20))
    otlp = Otlp(grpc="127.0.0.1:0", http="127.0.0.1:0", tls=tls)
    over_grpc = GrpcServer(services, otlp)
    over_http = WebServer("otlp.http", Address(otlp.http), HttpEndpoint(services, otlp), tls)
    await over_grpc.start()
    await over_http.start()
    try:
        yield f"127.0.0.1:{over_grpc.port}", f"https://127.0.0.1:{over_http.port}/v1/traces"
    finally:
        await over_grpc.stop(1)
        await over_http.stop()


async def send(addresses: tuple[str, str], pki: Pki, *, shows: bool) -> None:
    """One request through each door; raises when one is not taken."""
    pem = pki.client.read_bytes() if shows else None
    credentials = grpc.ssl_channel_credentials(pki.ca.read_bytes(), pem, pem)
    async with grpc.aio.secure_channel(addresses[0], credentials) as channel:
        await channel.unary_unary(f"/{TRACES.service}/Export")(BODY, timeout=10)
    context = ssl.create_default_context(cafile=str(pki.ca))
    if shows:
        context.load_cert_chain(pki.client)
    async with httpx.AsyncClient(verify=context) as client:
        answer = await client.post(addresses[1], content=BODY, headers={"content-type": "application/x-protobuf"})
        answer.raise_for_status()


def senders(doors: Doors) -> list[str | None]:
    return [orjson.loads(row.values)["sender"]["id"] for row in doors.rows()]


def test_both_doors_speak_tls(tmp_path: Path, pki: Pki) -> None:
    """A client that trusts the authority gets through."""

    async def what(doors: Doors) -> None:
        async with listening(doors, pki.one_sided, Auth()) as addresses:
            await send(addresses, pki, shows=False)
        assert senders(doors) == [None]

    through(tmp_path, what)


@pytest.mark.parametrize("by", ["subject", "common name", "fingerprint"])
def test_a_certificate_is_a_credential(tmp_path: Path, pki: Pki, by: str) -> None:
    """Known by a name or its fingerprint, through both doors."""
    shown = {"fingerprint": pki.fingerprint} if by == "fingerprint" else {"subject": _NAMES[by]}
    auth = Auth(certificates=(ClientCertificate(name="payment", **shown),))

    async def what(doors: Doors) -> None:
        async with listening(doors, pki.mutual, auth) as addresses:
            await send(addresses, pki, shows=True)
        assert senders(doors) == ["payment"]

    through(tmp_path, what)


_NAMES = {"subject": "pay.internal", "common name": "pay"}


def test_who_shows_none_or_a_strangers_is_not_let_in(tmp_path: Path, pki: Pki) -> None:
    """Without a certificate the handshake fails; with one that nobody listed the answer is 401."""
    auth = Auth(certificates=(ClientCertificate(name="other", subject="other.internal"),))

    async def what(doors: Doors) -> None:
        async with listening(doors, pki.mutual, auth) as addresses:
            with pytest.raises(grpc.aio.AioRpcError) as unavailable:
                await send(addresses, pki, shows=False)
            assert unavailable.value.code() == grpc.StatusCode.UNAVAILABLE
            with pytest.raises(grpc.aio.AioRpcError) as unknown:
                await send(addresses, pki, shows=True)
            assert unknown.value.code() == grpc.StatusCode.UNAUTHENTICATED
            context = ssl.create_default_context(cafile=str(pki.ca))
            async with httpx.AsyncClient(verify=context) as client:
                with pytest.raises(httpx.TransportError):
                    await client.post(addresses[1], content=BODY)
        assert doors.rows() == []

    through(tmp_path, what)


def test_certificates_that_cannot_be_used_are_named(tmp_path: Path, pki: Pki) -> None:
    """At the start, before anything listens."""
    broken = tmp_path / "broken"
    broken.write_text("no certificate")
    tls = Tls(cert=broken, key=broken)

    async def what() -> None:
        with pytest.raises(WrongSettings, match=r"otlp\.http: its certificates"):
            WebServer("otlp.http", Address("127.0.0.1:0"), None, tls)

    asyncio.run(what())
    for wrong, reason in (
        ({"cert": pki.server}, "go together"),
        ({"client_ca": pki.ca}, "needs cert and key"),
        ({"cert": tmp_path / "none", "key": pki.server}, "cannot be read"),
    ):
        with pytest.raises(ValueError, match=reason):
            Tls(**wrong)
