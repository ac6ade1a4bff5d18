"""Metrics as Prometheus reads them, and as the page about operations describes them."""

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from receiver.exposition import METRICS, PREFIX, Lag, expose
from receiver.metrics import BUCKETS_S, Histogram

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


def histogram(*seconds: float) -> dict[str, Any]:
    made = Histogram()
    for each in seconds:
        made.observe(each)
    return made.facts()


TRAFFIC = {"requests": 3, "bytes": 400, "items": 12, "refused_items": 2, "refused": {"busy": 1, "refused": 2}}
PROCESS = {"pid": 1, "started_ns": 10**9, "written_ns": 61 * 10**9, "cpu_s": 1.5, "rss_bytes": 7}
#: Every fact there is, with a value of its own.
STATES: dict[str, dict[str, Any]] = {
    "accept": {
        **PROCESS,
        "accepted": 100,
        "duplicates": 20,
        "quarantined": 5,
        "conflicts": 2,
        "anomalies": {"unauthorised_claim": 3},
        "waiting": 9,
        "ack": histogram(0.0004, 0.003, 99),
        "traffic": [
            {"transport": "grpc", "signal": "traces", **TRAFFIC},
            {"transport": "http", "signal": "logs", **TRAFFIC},
        ],
        "http_answers": {"200": 3, "413": 1},
        "spool_bytes": 1000,
        "spool_dropped_bytes": 11,
        "sender_dropped_events": 12,
        "sender_dropped_attributes": 15,
        "disk_free_bytes": 10**9,
        "outbox": {"answer": 4, "follow": 0},
        "forward": {
            "tempo:4317": {
                "sent": 50,
                "sent_bytes": 5000,
                "rejected": 1,
                "retries": 2,
                "dropped": {"full": 3, "refused": 4},
                "queue_bytes": 5,
                "queue_capacity": 6,
                **dict.fromkeys(
                    (
                        f"{what}_{items}"
                        for what in ("sent", "send_failed", "enqueue_failed")
                        for items in ("spans", "log_records")
                    ),
                    3,
                ),
                "problem": "UNAVAILABLE",
            }
        },
    },
    "follow": {
        **PROCESS,
        "index": {"position": 90, "problem": "Elasticsearch: away", "batch": histogram(0.2)},
        "streams": {"position": 99, "problem": None, "missing": 6, "waiting": 1, "reported_lost": {"overflow": 8}},
        "traces": {"position": 5, "problem": None, "lag_s": 0.5, "waiting_spans": 13, "dropped_spans": 14},
        "upkeep": {"problem": None, "refused_entries": 17, "refused_bytes": 1700},
    },
    "answer": PROCESS,
}
LAGS = {"index": Lag(10, 61.5, True), "streams": Lag(1, 0.0, False), "traces": Lag(None, 0.5, False)}


def scraped(states: Any = STATES, accepts: str = "") -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Sample and its labels ▶ value."""
    body, content_type = expose(states, ("accept", "follow", "answer"), LAGS, True, accepts)
    read = read_openmetrics if "openmetrics" in content_type else text_string_to_metric_families
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in read(body.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("receiver_accepted_spans_total", {"transport": "grpc"}, 12),
        ("receiver_accepted_log_records_total", {"transport": "http"}, 12),
        ("receiver_refused_spans_total", {"transport": "grpc"}, 2),
        ("receiver_refused_requests_total", {"transport": "grpc", "signal": "traces", "error": "busy"}, 1),
        ("receiver_accepted_bytes_total", {"transport": "http", "signal": "logs"}, 400),
        ("receiver_http_answers_total", {"status": "413"}, 1),
        ("entries_accepted_total", {}, 100),
        ("entries_duplicate_total", {}, 20),
        ("entries_quarantined_total", {"reason": "conflict"}, 2),
        ("entries_quarantined_total", {"reason": "broken"}, 3),
        ("entries_anomalous_total", {"anomaly": "unauthorised_claim"}, 3),
        ("journal_waiting_rows", {}, 9),
        ("receiver_ack_duration_seconds_count", {}, 3),
        ("receiver_ack_duration_seconds_bucket", {"le": "0.0005"}, 1),
        ("receiver_ack_duration_seconds_bucket", {"le": "0.005"}, 2),
        ("receiver_ack_duration_seconds_bucket", {"le": "10.0"}, 2),
        ("receiver_ack_duration_seconds_bucket", {"le": "+Inf"}, 3),
        ("follower_batch_duration_seconds_count", {"follower": "index"}, 1),
        ("follower_lag_entries", {"follower": "index"}, 10),
        ("follower_lag_seconds", {"follower": "index"}, 61.5),
        ("follower_lag_seconds", {"follower": "traces"}, 0.5),
        ("follower_problem", {"follower": "index"}, 1),
        ("follower_problem", {"follower": "streams"}, 0),
        ("outbox_waiting_entries", {"process": "answer"}, 4),
        ("dropped_bytes_total", {"what": "spool"}, 11),
        ("dropped_events_total", {"what": "sender"}, 12),
        ("dropped_attributes_total", {"what": "sender"}, 15),
        ("dropped_spans_total", {"what": "traces"}, 14),
        ("index_refused_entries", {}, 17),
        ("streams_missing_events", {}, 6),
        ("streams_reported_lost_events", {"reason": "overflow"}, 8),
        ("exporter_sent_requests_total", {"exporter": "tempo:4317"}, 50),
        ("exporter_send_failed_requests_total", {"exporter": "tempo:4317", "reason": "full"}, 3),
        ("exporter_problem", {"exporter": "tempo:4317"}, 1),
        ("exporter_queue_size", {"exporter": "tempo:4317"}, 5),
        ("exporter_queue_capacity", {"exporter": "tempo:4317"}, 6),
        ("process_up", {"process": "follow"}, 1),
        ("process_uptime_seconds", {"process": "follow"}, 60),
        ("process_memory_rss_bytes", {"process": "accept"}, 7),
        ("data_dir_free_bytes", {}, 10**9),
        ("ready", {}, 1),
    ],
)
@pytest.mark.parametrize("accepts", ["", "application/openmetrics-text; version=1.0.0"])
def test_each_fact_is_a_metric(name: str, labels: dict[str, str], value: float, accepts: str) -> None:
    """With its labels, in Prometheus' own format and in OpenMetrics."""
    assert scraped(accepts=accepts)[PREFIX + name, tuple(sorted(labels.items()))] == value


def test_every_metric_can_be_scraped() -> None:
    """The table promises none that no fact fills."""
    names = {name.removeprefix(PREFIX) for name, _ in scraped()}
    missing = {
        name for name, (kind, *_) in METRICS.items() if (f"{name}_count" if kind == "histogram" else name) not in names
    }
    assert missing == set()


def test_every_metric_is_described() -> None:
    """Name, labels, type and meaning stand in the page as they stand in the code, and nothing else does."""
    rows = re.findall(r"^\| `otel_audit_(\w+)`(?: by (.+?))? \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
    described = [(name, tuple(re.findall(r"`(\w+)`", labels)), kind, meaning) for name, labels, kind, meaning in rows]
    assert described == [(name, each.labels, each.kind, each.meaning) for name, each in METRICS.items()]


def test_alerts_ask_for_metrics_that_there_are() -> None:
    """A renamed metric would leave an alert that never fires."""
    alerts = PAGE.split("### Alerts")[1].split("```")[1]
    asked = set(re.findall(rf"{PREFIX}\w+", alerts))
    assert asked
    assert {name.removeprefix(PREFIX).removesuffix("_bucket") for name in asked} <= METRICS.keys()


def test_a_process_that_is_gone_is_down() -> None:
    """It counts nothing any more, and says so."""
    found = scraped({"answer": PROCESS})
    assert found[PREFIX + "process_up", (("process", "accept"),)] == 0
    assert not [name for name, _ in found if "accepted" in name]


def test_buckets_end_where_they_say() -> None:
    """What took exactly as long as a bound is within it."""
    for bound in BUCKETS_S:
        counts = histogram(bound)["counts"]
        assert counts.index(1) == BUCKETS_S.index(bound)
    assert histogram(11)["counts"][-1] == 1
