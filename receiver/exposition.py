"""What the processes say of themselves, as Prometheus reads it. Names follow the OpenTelemetry Collector's."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from receiver.metrics import BUCKETS_S

PREFIX = "otel_audit_"

Kind = Literal["counter", "gauge", "histogram"]
States = Mapping[str, Mapping[str, Any]]


class Described(NamedTuple):
    """What a metric is, and the names of its labels."""

    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


_COMING = ("transport",)
_PROCESS = ("process",)
_FOLLOWER = ("follower",)
_EXPORTER = ("exporter",)

#: Every metric there is, by its name as it is scraped, without the prefix.
METRICS: dict[str, Described] = {
    "receiver_accepted_requests_total": Described("counter", "requests taken", ("transport", "signal")),
    "receiver_accepted_bytes_total": Described("counter", "their bytes, decompressed", ("transport", "signal")),
    "receiver_accepted_spans_total": Described("counter", "spans in them", _COMING),
    "receiver_accepted_log_records_total": Described("counter", "log records in them", _COMING),
    "receiver_refused_requests_total": Described(
        "counter", "requests refused, by error: `busy` and `unavailable` come again", ("transport", "signal", "error")
    ),
    "receiver_refused_spans_total": Described("counter", "spans in them, where they can be counted", _COMING),
    "receiver_refused_log_records_total": Described("counter", "log records in them, likewise", _COMING),
    "receiver_http_answers_total": Described(
        "counter", "answers on `otlp.http`, by status, to requests refused before they were read too", ("status",)
    ),
    "entries_accepted_total": Described("counter", "audit events journalled"),
    "entries_duplicate_total": Described("counter", "audit events met again, stored once"),
    "entries_quarantined_total": Described(
        "counter", "audit events set aside: `broken`, or in `conflict` with an event of the same id", ("reason",)
    ),
    "entries_anomalous_total": Described("counter", "audit events stored with a mark, by mark", ("anomaly",)),
    "receiver_ack_duration_seconds": Described("histogram", "from a request's audit events to their fsync"),
    "journal_waiting_rows": Described("gauge", "rows that wait for their fsync"),
    "follower_lag_entries": Described("gauge", "rows of the journal a follower has not done", _FOLLOWER),
    "follower_lag_seconds": Described("gauge", "age of the oldest row, or span, it has not done", _FOLLOWER),
    "follower_problem": Described("gauge", "1 while something stands in its way", _FOLLOWER),
    "follower_batch_duration_seconds": Described(
        "histogram", "one batch; of `index` one bulk with its refresh and cursor", _FOLLOWER
    ),
    "spool_bytes": Described("gauge", "spans on their way to the join, on disk"),
    "outbox_waiting_entries": Described("gauge", "entries of a process that wait for accept", _PROCESS),
    "traces_waiting_spans": Described("gauge", "spans that wait to learn whether their trace is audited"),
    "dropped_bytes_total": Described("counter", "bytes given up for want of room, by what gave them up", ("what",)),
    "dropped_spans_total": Described("counter", "spans given up for want of room, likewise", ("what",)),
    "dropped_events_total": Described(
        "counter", "events given up; `sender`: as senders said of audited spans", ("what",)
    ),
    "dropped_attributes_total": Described("counter", "attributes given up, likewise", ("what",)),
    "streams_missing_events": Described("gauge", "numbers of senders' streams that never came"),
    "streams_waiting_events": Described("gauge", "numbers that may still come"),
    "streams_reported_lost_events": Described("gauge", "events that senders report as lost, by reason", ("reason",)),
    "index_refused_entries": Described("gauge", "entries the index refuses, kept aside"),
    "exporter_sent_requests_total": Described("counter", "requests that a backend took", _EXPORTER),
    "exporter_sent_bytes_total": Described("counter", "their bytes, before compression", _EXPORTER),
    "exporter_send_failed_requests_total": Described(
        "counter", "requests it will not get, by reason", ("exporter", "reason")
    ),
    "exporter_rejected_items_total": Described("counter", "spans and log records it threw away", _EXPORTER),
    "exporter_sent_spans_total": Described("counter", "spans that a backend took", _EXPORTER),
    "exporter_sent_log_records_total": Described("counter", "log records that it took", _EXPORTER),
    "exporter_send_failed_spans_total": Described("counter", "spans it did not take and that were given up", _EXPORTER),
    "exporter_send_failed_log_records_total": Described("counter", "log records, likewise", _EXPORTER),
    "exporter_enqueue_failed_spans_total": Described("counter", "spans its full queue dropped", _EXPORTER),
    "exporter_enqueue_failed_log_records_total": Described("counter", "log records, likewise", _EXPORTER),
    "exporter_retries_total": Described("counter", "attempts that are made again", _EXPORTER),
    "exporter_queue_size": Described("gauge", "bytes that wait for it", _EXPORTER),
    "exporter_queue_capacity": Described("gauge", "most bytes that may wait for it", _EXPORTER),
    "exporter_problem": Described("gauge", "1 while it takes nothing", _EXPORTER),
    "ready": Described("gauge", "1 while accept can accept"),
    "process_up": Described("gauge", "1 while the process says something", _PROCESS),
    "process_uptime_seconds": Described("gauge", "since it started", _PROCESS),
    "process_cpu_seconds_total": Described("counter", "CPU it has used", _PROCESS),
    "process_memory_rss_bytes": Described("gauge", "memory it holds", _PROCESS),
    "data_dir_free_bytes": Described("gauge", "free on the disk of `data_dir`"),
}

#: Fact of a process ▶ the metric it is.
_PLAIN = {
    "accept": {
        "accepted": "entries_accepted_total",
        "duplicates": "entries_duplicate_total",
        "waiting": "journal_waiting_rows",
        "spool_bytes": "spool_bytes",
        "disk_free_bytes": "data_dir_free_bytes",
        "ack": "receiver_ack_duration_seconds",
    }
}
#: What forwarding counts of a backend ▶ the metric it is.
_GOING = {
    "sent": "exporter_sent_requests_total",
    "sent_bytes": "exporter_sent_bytes_total",
    "rejected": "exporter_rejected_items_total",
    "retries": "exporter_retries_total",
    "queue_bytes": "exporter_queue_size",
    "queue_capacity": "exporter_queue_capacity",
    **{
        f"{what}_{items}": f"exporter_{what}_{items}_total"
        for what in ("sent", "send_failed", "enqueue_failed")
        for items in ("spans", "log_records")
    },
}
_DROPPED = re.compile(r"(?:(?P<what>\w+)_)?dropped_(?P<unit>bytes|spans|events|attributes)")
_ITEMS = {"traces": "spans", "logs": "log_records"}


class Sample(NamedTuple):
    """One value of one metric, with its labels' values; of a histogram its facts."""

    name: str
    value: Any
    labels: tuple[str, ...] = ()


class Lag(NamedTuple):
    """How far a follower is behind, in rows where it counts them; whether something stands in its way."""

    entries: int | None
    seconds: float
    has_problem: bool


def expose(
    running: States, processes: Sequence[str], lags: Mapping[str, Lag], ready: bool, accepts: str
) -> tuple[bytes, str]:
    """The scrape and its content type, as the scraper *accepts* it.

    *running* are the states of the processes that run now, of those named in *processes*.
    """
    encode, content_type = choose_encoder(accepts)
    families = _families([*_samples(running, lags), *_alive(running, processes), Sample("ready", ready)])
    return encode(_Registry(families)), content_type


class _Registry:
    """What the encoder takes metrics from."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        """All of them."""
        return self._families


# -- from states to samples -----------------------------------------------------------------------------------


def _samples(running: States, lags: Mapping[str, Lag]) -> Iterator[Sample]:
    for process, state in running.items():
        yield from (Sample(name, state[fact]) for fact, name in _PLAIN.get(process, {}).items() if fact in state)
        yield from _dropped(state)
        for name, facts in state.items():
            if isinstance(facts, Mapping):
                yield from _dropped(facts, name)
                if "batch" in facts:
                    yield Sample("follower_batch_duration_seconds", facts["batch"], (name,))
    yield from _of_accept(running.get("accept", {}))
    yield from _of_follow(running.get("follow", {}))
    for name, lag in lags.items():
        yield Sample("follower_lag_seconds", lag.seconds, (name,))
        yield Sample("follower_problem", lag.has_problem, (name,))
        if lag.entries is not None:
            yield Sample("follower_lag_entries", lag.entries, (name,))


def _of_accept(state: Mapping[str, Any]) -> Iterator[Sample]:
    for traffic in state.get("traffic", ()):
        yield from _coming(traffic)
    yield from (Sample("receiver_http_answers_total", n, (code,)) for code, n in state.get("http_answers", {}).items())
    if "quarantined" in state:
        conflicts = state.get("conflicts", 0)
        yield Sample("entries_quarantined_total", conflicts, ("conflict",))
        yield Sample("entries_quarantined_total", state["quarantined"] - conflicts, ("broken",))
    yield from (Sample("entries_anomalous_total", n, (mark,)) for mark, n in state.get("anomalies", {}).items())
    yield from (Sample("outbox_waiting_entries", n, (process,)) for process, n in state.get("outbox", {}).items())
    for exporter, counts in state.get("forward", {}).items():
        yield from _going(exporter, counts)


def _coming(traffic: Mapping[str, Any]) -> Iterator[Sample]:
    transport, signal = traffic["transport"], traffic["signal"]
    items = _ITEMS[signal]
    yield Sample("receiver_accepted_requests_total", traffic["requests"], (transport, signal))
    yield Sample("receiver_accepted_bytes_total", traffic["bytes"], (transport, signal))
    yield Sample(f"receiver_accepted_{items}_total", traffic["items"], (transport,))
    yield Sample(f"receiver_refused_{items}_total", traffic["refused_items"], (transport,))
    for error, count in traffic["refused"].items():
        yield Sample("receiver_refused_requests_total", count, (transport, signal, error))


def _going(exporter: str, counts: Mapping[str, Any]) -> Iterator[Sample]:
    """What is sent on to one backend."""
    yield from (Sample(name, counts[fact], (exporter,)) for fact, name in _GOING.items() if fact in counts)
    for reason, count in counts.get("dropped", {}).items():
        yield Sample("exporter_send_failed_requests_total", count, (exporter, reason))
    yield Sample("exporter_problem", counts.get("problem") is not None, (exporter,))


def _of_follow(state: Mapping[str, Any]) -> Iterator[Sample]:
    if "waiting_spans" in state.get("traces", {}):
        yield Sample("traces_waiting_spans", state["traces"]["waiting_spans"])
    if "refused_entries" in state.get("upkeep", {}):
        yield Sample("index_refused_entries", state["upkeep"]["refused_entries"])
    streams = state.get("streams", {})
    if "missing" in streams:
        yield Sample("streams_missing_events", streams["missing"])
        yield Sample("streams_waiting_events", streams["waiting"])
        for reason, count in streams["reported_lost"].items():
            yield Sample("streams_reported_lost_events", count, (reason,))


def _dropped(facts: Mapping[str, Any], within: str | None = None) -> Iterator[Sample]:
    """Facts named ``<what>_dropped_<unit>``, or ``dropped_<unit>`` within the facts of what dropped them."""
    for fact, value in facts.items():
        found = _DROPPED.fullmatch(fact)
        if found is not None:
            yield Sample(f"dropped_{found['unit']}_total", value, (found["what"] or within or "",))


def _alive(running: States, processes: Sequence[str]) -> Iterator[Sample]:
    for process in processes:
        yield Sample("process_up", process in running, (process,))
    for process, state in running.items():
        yield Sample("process_uptime_seconds", (state["written_ns"] - state["started_ns"]) / 1e9, (process,))
        yield Sample("process_cpu_seconds_total", state["cpu_s"], (process,))
        if "rss_bytes" in state:
            yield Sample("process_memory_rss_bytes", state["rss_bytes"], (process,))


# -- from samples to what is scraped ----------------------------------------------------------------------------


def _families(samples: Sequence[Sample]) -> list[Metric]:
    """In the order of the table, so that two scrapes are read side by side."""
    return [_family(name, found) for name in METRICS if (found := [each for each in samples if each.name == name])]


def _family(name: str, samples: Sequence[Sample]) -> Metric:
    kind, meaning, labels = METRICS[name]
    if kind == "histogram":
        histogram = HistogramMetricFamily(PREFIX + name, meaning, labels=labels)
        for sample in samples:
            histogram.add_metric(sample.labels, _buckets(sample.value["counts"]), sample.value["sum_s"])
        return histogram
    plain = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    family = plain(PREFIX + name, meaning, labels=labels)
    for sample in samples:
        family.add_metric(sample.labels, float(sample.value))
    return family


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Each bucket holds all that took no longer than its bound."""
    bounds = [*map(str, BUCKETS_S), "+Inf"]
    return [(bound, float(sum(counts[: place + 1]))) for place, bound in enumerate(bounds)]
