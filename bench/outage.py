"""100,000 events while the receiver is away: how much memory that takes, and how long until all are delivered.

Run by ``make bench ONLY=outage``. Loopback only; about two minutes, ``--away`` seconds of them without a receiver.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from receiver.journal import JournalReader
from tests.parts.ports import free_ports
from tests.parts.receiver import running

EVENTS = 100_000

SENDER = """
import json, resource, sys, time
import otel_audit
from opentelemetry.sdk.trace import TracerProvider
endpoint, spill, events, away = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
otel_audit.configure(service_name="patient", endpoint=endpoint, spill_dir=spill, tracer_provider=TracerProvider())
def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def record(n):
    states = {"before": {"stock": n}, "after": {"stock": n + 1}}
    otel_audit.record("inventory.update.success", ("sku", n), reason="recount", **states)
with otel_audit.bind(user_id="u-17", ip_address="203.0.113.7", session_id="s-4", path="/stock", http_method="POST"):
    for n in range(1000):
        record(n)
    before = megabytes()
    for n in range(1000, events):
        record(n)
        if n % 1000 == 0:
            time.sleep(away * 1000 / events)
told = {"grown_mb": megabytes() - before}
print("recorded", flush=True)
sys.stdin.readline()
began = time.monotonic()
told["flushed"] = otel_audit.flush(120)
told["seconds"] = time.monotonic() - began
told["lost"] = otel_audit.statistics().lost
print(json.dumps(told), flush=True)
otel_audit.shutdown()
"""


def main() -> None:
    """One run of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--away", type=float, default=120, help="seconds without a receiver")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        _measure(Path(scratch), options.away)


def _measure(scratch: Path, away: float) -> None:
    grpc, http, api = free_ports(3)
    ports = {"OTLP__GRPC": f"127.0.0.1:{grpc}", "OTLP__HTTP": f"127.0.0.1:{http}", "API__LISTEN": f"127.0.0.1:{api}"}
    arguments = [f"http://127.0.0.1:{grpc}", str(scratch / "spill"), str(EVENTS), str(away)]
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sender.stdout is not None
    assert sender.stdin is not None
    try:
        assert sender.stdout.readline() == "recorded\n"
        spilled = sum(file.stat().st_size for file in (scratch / "spill").iterdir())
        with running(scratch / "data", ports) as receiver:
            sender.stdin.write("\n")
            sender.stdin.flush()
            told = json.loads(sender.stdout.readline())
            with closing(JournalReader.open(receiver.data_dir)) as journal:
                last = journal.last_seq()
            sender.wait(30)
    finally:
        sender.kill()
    print(f"recorded while nobody listened for {away:.0f} s: {EVENTS:,}; on disk {spilled / 2**20:.0f} MiB")
    print(f"the sender's memory grew by {told['grown_mb']:.0f} MB")
    print(f"journalled {told['seconds']:.1f} s after the receiver came back: {last:,} rows; lost: {told['lost']}")
    print(f"{EVENTS / told['seconds']:,.0f} events a second; at {time.strftime('%Y-%m-%d')}")


if __name__ == "__main__":
    main()
