"""The ways in which stock OpenTelemetry loses span events, each with real processes and a real receiver.

The letters are those of docs/never-lost.md.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.far_side import arrived, environment, journalled, program, run, says
from tests.parts.ports import free_ports
from tests.parts.receiver import Receiver, running

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """One receiver for all; each test speaks as a service of its own."""
    with running(tmp_path_factory.mktemp("receiver") / "data") as receiver:
        yield receiver


@pytest.mark.parametrize("sampler", ["always_off", "parentbased_always_off"])
def test_a_sampled_out(sampler: str, receiver: Receiver, tmp_path: Path):
    """(a) The trace is sampled out: its spans stay dropped, its audit events arrive with their trace id."""
    service = f"sampled-{sampler}"
    printed = run(
        f"""
        import otel_audit
        from opentelemetry import trace
        otel_audit.configure(service_name="{service}")
        for _ in range(100):
            with trace.get_tracer("t").start_as_current_span("work"):
                for _ in range(5):
                    print(otel_audit.record("order.create.success").trace_id)
        """,
        environment(receiver, tmp_path, {"OTEL_TRACES_SAMPLER": sampler}),
    )
    entries = arrived(receiver, service, 500)
    assert {entry["trace_id"] for entry in entries} == set(printed.split())
    trace = receiver.eventually(f"/api/v1/traces/{entries[0]['trace_id']}", enough=lambda trace: trace["entries"])
    assert (len(trace["entries"]), trace["spans"]) == (5, [])


def test_a_an_unsampled_parent_from_elsewhere(receiver: Receiver, tmp_path: Path):
    """(a) A caller decided that the trace is not sampled: parent-based sampling obeys, the event arrives."""
    run(
        """
        import otel_audit
        from opentelemetry import trace
        from opentelemetry.propagate import extract
        otel_audit.configure(service_name="unsampled-parent")
        caller = extract({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"})
        with trace.get_tracer("t").start_as_current_span("work", context=caller):
            otel_audit.record("order.create.success")
        """,
        environment(receiver, tmp_path),
    )
    [entry] = arrived(receiver, "unsampled-parent", 1)
    assert entry["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_b_ten_thousand_on_one_span(receiver: Receiver, tmp_path: Path):
    """(b) All of them arrive, and evict nothing of the application's: 32 copies stand beside its own 90 events."""
    printed = run(
        """
        import otel_audit
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        otel_audit.configure(service_name="crowded", tracer_provider=provider)
        with provider.get_tracer("t").start_as_current_span("work") as span:
            for n in range(10_000):
                if n < 90:
                    span.add_event("mine")
                otel_audit.record("order.create.success", metadata={"n": n})
        [exported] = exporter.get_finished_spans()
        names = [event.name for event in exported.events]
        print(names.count("mine"), names.count("order.create.success"), exported.dropped_events)
        """,
        environment(receiver, tmp_path),
    )
    assert printed.split() == ["90", "32", "0"]
    entries = arrived(receiver, "crowded", 10_000)
    assert {entry["metadata"]["n"] for entry in entries} == set(range(10_000))


VICTIM = """
import otel_audit, sys
from opentelemetry import trace
otel_audit.configure(service_name="SERVICE")
with trace.get_tracer("t").start_as_current_span("work"):
    for n in range(500):
        otel_audit.record("order.create.success", metadata={"n": n})
    print("recorded", flush=True)
    sys.stdin.read()
"""


def test_c_killed_before_the_span_ends(receiver: Receiver, tmp_path: Path):
    """(c) SIGKILL: what was recorded is sent on by a later process of that directory, under the victim's name."""
    with program(VICTIM.replace("SERVICE", "killed"), environment(receiver, tmp_path)) as victim:
        says(victim, "recorded")
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
    assert len(journalled(receiver, "killed")) < 500
    run(
        "import otel_audit, time; otel_audit.configure(service_name='heir'); time.sleep(2)",
        environment(receiver, tmp_path),
    )
    arrived(receiver, "killed", 500, max_s=5)
    assert list(tmp_path.iterdir()) == []
    assert [report["source"]["id"] for report in journalled(receiver, "killed", "report")] != []


def test_c_a_living_process_sends_it_on(receiver: Receiver, tmp_path: Path):
    """(c) No later process is needed: one that lives on that directory does it within 30 seconds."""
    heir = (
        "import otel_audit, sys; otel_audit.configure(service_name='heir'); print('up', flush=True); sys.stdin.read()"
    )
    environ = environment(receiver, tmp_path)
    with program(heir, environ) as living, program(VICTIM.replace("SERVICE", "bereaved"), environ) as victim:
        says(living, "up")
        says(victim, "recorded")
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
        arrived(receiver, "bereaved", 500, max_s=30)


OUTAGE = """
import otel_audit, resource, sys, time
from opentelemetry.sdk.trace import TracerProvider
otel_audit.configure(service_name="patient", tracer_provider=TracerProvider())
with otel_audit.bind(user_id="u-17", ip_address="203.0.113.7", session_id="s-4"):
    for n in range(2000):
        otel_audit.record("inventory.update.success", ("sku", n), before={"stock": n}, after={"stock": n + 1})
    small = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for n in range(2000, 100_000):
        otel_audit.record("inventory.update.success", ("sku", n), before={"stock": n}, after={"stock": n + 1})
print("recorded", flush=True)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - small) // 1024, flush=True)
sys.stdin.readline()
print(otel_audit.flush(180), flush=True)
print(otel_audit.statistics().lost, flush=True)
"""


@pytest.mark.timeout(300)
def test_d_the_receiver_is_away(tmp_path: Path):
    """(d) 100,000 events are recorded while nobody listens: memory is bounded, and all arrive.

    (How fast, measured on a machine that does nothing else, is the benchmark ``outage``'s.)
    """
    grpc, http, api = free_ports(3)
    ports = {
        "OTLP__GRPC": f"127.0.0.1:{grpc}",
        "OTLP__HTTP": f"127.0.0.1:{http}",
        "API__LISTEN": f"127.0.0.1:{api}",
    }
    nobody = Receiver(tmp_path, 0, f"127.0.0.1:{grpc}", "", "")
    with program(OUTAGE, environment(nobody, tmp_path / "spill")) as patient:
        says(patient, "recorded")
        assert patient.stdout is not None
        grown_mb = int(patient.stdout.readline())
        with running(tmp_path / "data", ports) as receiver:
            output, errors = patient.communicate("now\n", timeout=200)
            assert output.split("\n")[:2] == ["True", "{}"], errors
            arrived(receiver, "patient", 100_000, max_s=1)
    assert grown_mb < 120


def test_e_the_exporter_gives_up(tmp_path: Path):
    """(e) The application's exporter drops its spans after its timeout; the audit events arrive when they can."""
    grpc, http, api = free_ports(3)
    nobody = Receiver(tmp_path, 0, f"127.0.0.1:{grpc}", "", "")
    settings = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    text = """
    import logging, otel_audit, sys
    from opentelemetry import trace
    provider = otel_audit.configure(service_name="given-up")
    with trace.get_tracer("t").start_as_current_span("work"):
        print(otel_audit.record("order.create.success").trace_id, flush=True)
    provider.force_flush()
    sys.stdin.readline()
    otel_audit.flush(30)
    """
    with program(text, environment(nobody, tmp_path / "spill", settings)) as service:
        assert service.stdout is not None
        trace_id = service.stdout.readline().strip()
        time.sleep(6)
        ports = {
            "OTLP__GRPC": f"127.0.0.1:{grpc}",
            "OTLP__HTTP": f"127.0.0.1:{http}",
            "API__LISTEN": f"127.0.0.1:{api}",
        }
        with running(tmp_path / "data", ports) as receiver:
            _, errors = service.communicate("now\n", timeout=60)
            [entry] = arrived(receiver, "given-up", 1, max_s=1)
            trace = receiver.eventually(f"/api/v1/traces/{trace_id}", enough=lambda trace: trace["entries"])
    assert "Failed to export" in errors
    assert entry["trace_id"] == trace_id
    assert trace["spans"] == []


FORKING = """
import multiprocessing, os, sys, time
import otel_audit
from opentelemetry.sdk.trace import TracerProvider

def work(who):
    for n in range(200):
        otel_audit.record("job.run.success", metadata={"who": who, "n": n})

if __name__ == "__main__":
    otel_audit.configure(service_name="SERVICE", tracer_provider=TracerProvider())
    work("before")
    otel_audit.record("job.run.success", metadata={"who": "before", "n": 200})
    WAYS
    work("after")
"""

WAYS = {
    "os-fork": """
    children = []
    for number in range(4):
        work(f"parent-{number}")
        child = os.fork()
        if child == 0:
            work(f"child-{number}")
            otel_audit.shutdown()
            os._exit(0)
        children.append(child)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)
""",
    "unflushed-fork": """
    for number in range(4):
        work(f"parent-{number}")
        child = os.fork()
        if child == 0:
            work(f"child-{number}")
            os._exit(0)  # nothing is flushed: the parent finds what the child spilled
        assert os.waitpid(child, 0)[1] == 0
    time.sleep(12)
""",
    "multiprocessing-fork": """
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(f"{kind}-{n}",)) for n in range(4) for kind in ("child", "parent")]
    [child.start() for child in children]
    [child.join() for child in children]
    assert [child.exitcode for child in children] == [0] * 8
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_f_the_process_forks(way: str, receiver: Receiver, tmp_path: Path):
    """(f) Parent and children, whatever way they are made and end: each event once, each process its own stream."""
    text = FORKING.replace("SERVICE", way).replace("    WAYS", WAYS[way])
    run(text, environment(receiver, tmp_path))
    entries = arrived(receiver, way, 201 + 200 + 8 * 200, max_s=30)
    assert len({entry["source"]["id"] for entry in entries}) >= 5


APP = """
import os
import otel_audit
from opentelemetry.sdk.trace import TracerProvider

provider = TracerProvider()
otel_audit.configure(service_name="gunicorn", tracer_provider=provider)
otel_audit.record("system.deploy.success", metadata={"n": -1})


def app(environ, start_response):
    n = int(environ["QUERY_STRING"])
    with provider.get_tracer("t").start_as_current_span("request"):
        otel_audit.record("order.create.success", metadata={"n": n})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


@pytest.mark.parametrize("preload", [True, False], ids=["preload", "load-in-worker"])
def test_f_gunicorn(preload: bool, receiver: Receiver, tmp_path: Path):
    """(f) Prefork workers, one of them killed: every request that was answered has its event."""
    service = f"gunicorn-{'preload' if preload else 'worker'}"
    (tmp_path / "shop.py").write_text(APP.replace('"gunicorn"', f'"{service}"'))
    [port] = free_ports(1)
    options = ["--workers", "3", "--bind", f"127.0.0.1:{port}", "--chdir", str(tmp_path), "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, *(["--preload"] if preload else []), "shop:app"]
    text = f"import os; os.execv({sys.executable!r}, {command!r})"
    with program(text, environment(receiver, tmp_path / "spill")) as master:
        numbers = iter(range(10_000))
        answered: set[int] = set()
        pids: set[int] = set()

        def ask(client: httpx.Client, times: int) -> None:
            for _ in range(times):
                n = next(numbers)
                answer = client.get(f"http://127.0.0.1:{port}/?{n}")
                if answer.status_code == 200:
                    answered.add(n)
                    pids.add(int(answer.text))

        with httpx.Client(timeout=10) as client:
            _until_up(port)
            ask(client, 200)
            os.kill(next(iter(pids)), signal.SIGKILL)
            ask(client, 200)
        master.send_signal(signal.SIGTERM)
        master.wait(40)
    assert len(answered) == 400
    run(
        "import otel_audit, time; otel_audit.configure(service_name='heir'); time.sleep(2)",
        environment(receiver, tmp_path / "spill"),
    )
    entries = journalled(receiver, service)
    requests = [entry["metadata"]["n"] for entry in entries if entry["metadata"]["n"] >= 0]
    assert len(requests) == len(set(requests))
    assert answered <= set(requests)


def _until_up(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/?999999", timeout=5)
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def test_g_limits(receiver: Receiver, tmp_path: Path):
    """(g) Limits on lengths and counts cut the application's spans and our copies, never what is stored."""
    limits = {
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4",
        "OTEL_ATTRIBUTE_COUNT_LIMIT": "3",
        "OTEL_SPAN_EVENT_COUNT_LIMIT": "5",
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "2",
    }
    run(
        """
        import otel_audit
        from opentelemetry import trace
        otel_audit.configure(service_name="limited")
        with trace.get_tracer("t").start_as_current_span("work"):
            for n in range(20):
                otel_audit.record(
                    "order.create.success",
                    ("order", f"a-long-order-number-{n}"),
                    after={"total": 12345678},
                    reason="as the customer wished",
                    metadata={f"key_{k}": k for k in range(200)},
                )
        """,
        environment(receiver, tmp_path, limits),
    )
    entries = arrived(receiver, "limited", 20)
    assert {entry["resource_id"] for entry in entries} == {f"a-long-order-number-{n}" for n in range(20)}
    assert all(entry["new_state"] == {"total": 12345678} for entry in entries)
    assert all(entry["reason"] == "as the customer wished" for entry in entries)
    assert all(len(entry["metadata"]) == 200 for entry in entries)
