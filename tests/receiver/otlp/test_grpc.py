"""OTLP over gRPC."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc

from receiver.config import Otlp
from receiver.errors import Busy, WrongSettings
from receiver.otlp.grpc import GrpcServer
from receiver.signal import LOGS, TRACES
from tests.receiver.otlp.doors import MAX_BYTES, TOKENS, Doors, through
from tests.receiver.otlp.requests import event, request, span

BODY = request(span(event(audit__reason="x"))).SerializeToString()
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def refusal(doors: Doors, body: bytes, token: str | None = None) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await doors.call(body, token)
    return caught.value


def test_gzip_is_taken(tmp_path: Path) -> None:
    """As every OTLP server must."""

    async def what(doors: Doors) -> None:
        await doors.call(BODY, compression=grpc.Compression.Gzip)
        assert len(doors.rows()) == 1

    through(tmp_path, what)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"audit. is no protobuf", grpc.StatusCode.INVALID_ARGUMENT),
        (BODY[:-3], grpc.StatusCode.INVALID_ARGUMENT),
        (bytes(MAX_BYTES + 1), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_bad_input_is_refused_for_good(body: bytes, code: grpc.StatusCode, tmp_path: Path) -> None:
    """No RetryInfo: sending it again cannot help. The next request is taken."""

    async def what(doors: Doors) -> None:
        error = await refusal(doors, body)
        assert error.code() == code
        assert "google.rpc.retryinfo-bin" not in dict(error.trailing_metadata())
        assert doors.rows() == []
        await doors.call(BODY)

    through(tmp_path, what)


def test_a_large_request_is_refused_after_inflating_too(tmp_path: Path) -> None:
    """Compressed it is small; what counts is what it inflates to."""

    async def what(doors: Doors) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await doors.call(bytes(10 * MAX_BYTES), compression=grpc.Compression.Gzip)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

    through(tmp_path, what)


def test_busy_says_when_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """UNAVAILABLE with RetryInfo, in both places where senders look."""

    async def what(doors: Doors) -> None:
        def busy(drafts: object) -> None:
            raise Busy("full", 2.5)

        monkeypatch.setattr(doors.journal, "append", busy)
        error = await refusal(doors, BODY)
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        trailers = dict(error.trailing_metadata())
        assert RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"]).retry_delay.ToMilliseconds() == 2500
        (detail,) = Status.FromString(trailers["grpc-status-details-bin"]).details
        assert detail.Is(RetryInfo.DESCRIPTOR)

    through(tmp_path, what)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("reader", grpc.StatusCode.PERMISSION_DENIED),
        ("stranger", grpc.StatusCode.UNAUTHENTICATED),
        (None, grpc.StatusCode.UNAUTHENTICATED),
    ],
)
def test_only_senders_send(token: str | None, code: grpc.StatusCode, tmp_path: Path) -> None:
    """A sender's token is taken, any other refused."""

    async def what(doors: Doors) -> None:
        assert (await refusal(doors, BODY, token)).code() == code
        await doors.call(BODY, "shop")
        assert [row.tenant for row in doors.rows()] == ["acme"]

    through(tmp_path, what, TOKENS)


def test_a_port_that_is_taken_is_a_wrong_setting(tmp_path: Path) -> None:
    """Two receivers never share a port unnoticed."""

    async def what(doors: Doors) -> None:
        with pytest.raises(WrongSettings, match=r"otlp\.grpc"):
            GrpcServer({}, Otlp(grpc=f"127.0.0.1:{doors.grpc.port}"))

    through(tmp_path, what)


@pytest.mark.parametrize("bodies", [[], [b"", b""], [BODY, BODY]])
def test_a_request_has_one_message(bodies: list[bytes], tmp_path: Path) -> None:
    """None, or several, are told so, and nothing of them is kept; the next request is taken."""

    async def what(doors: Doors) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{doors.grpc.port}") as channel:
            call = channel.stream_unary(f"/{TRACES.service}/Export")(iter(bodies), timeout=10)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            assert refused.value.code() == grpc.StatusCode.INTERNAL
        assert doors.rows() == []
        await doors.call(BODY)

    through(tmp_path, what)


def test_what_is_not_there_is_unimplemented(tmp_path: Path) -> None:
    """Metrics are for somebody else: a sender of them is told for good."""

    async def what(doors: Doors) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{doors.grpc.port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")(b"")
            assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED

    through(tmp_path, what)


def test_too_many_at_once_are_told_when_to_come_again(tmp_path: Path) -> None:
    """UNAVAILABLE with RetryInfo, which no sender takes for a refusal."""

    async def what(doors: Doors) -> None:
        going_on = asyncio.Event()
        export = doors.service.export

        async def slow(*asked: Any) -> Any:
            await going_on.wait()
            return await export(*asked)

        doors.service.export = slow  # type: ignore[method-assign]
        first = asyncio.create_task(doors.call(BODY))
        while doors.grpc._in_flight.requests == 0:
            await asyncio.sleep(0.01)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await doors.call(BODY)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "google.rpc.retryinfo-bin" in dict(refused.value.trailing_metadata() or ())
        going_on.set()
        await first
        await doors.call(BODY)

    through(tmp_path, what, grpc_in_flight_max=1)


def test_it_tells_its_health(tmp_path: Path) -> None:
    """Serving, as a whole and each service; not while nothing can be kept, nor at the end; others are unknown."""

    async def what(doors: Doors) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{doors.grpc.port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for name in ("", TRACES.service, LOGS.service):
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(grpc.aio.AioRpcError) as unknown:
                await stub.Check(health_pb2.HealthCheckRequest(service="other"))
            assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
            await doors.grpc.tell(ready=False)
            assert (await stub.Check(health_pb2.HealthCheckRequest(service=""))).status == NOT_SERVING
            await doors.grpc.tell(ready=True)
            watch = stub.Watch(health_pb2.HealthCheckRequest(service=""))
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            stopping = asyncio.create_task(doors.grpc.stop(1))
            assert (await watch.read()).status == NOT_SERVING
            watch.cancel()
            await stopping

    through(tmp_path, what)
