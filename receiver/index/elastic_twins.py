"""What several receivers put under one event id into the indices they share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from elasticsearch import Elasticsearch

from otel_audit.canonical import rfc3339
from otel_audit.entry import Integrity
from receiver.elastic import answering
from receiver.index.conflict import Conflict
from receiver.index.document import entry_from
from receiver.index.moment import received_ns
from receiver.index.port import Filed
from receiver.index.template import everywhere, index_of, partition_in

#: Ids asked for at once, and documents read of them: an id has one or two.
ASKED_MAX = 2_000
READ_MAX = 10_000
LOGS_MAX = 1_000

_READ = ("audit.tenant", "audit.digest", "audit.integrity", "audit.exact.integrity", "event.ingested")


class Place(NamedTuple):
    """A document, as it was when it was read."""

    at: str
    id: str
    seq_no: int | None = None
    primary_term: int | None = None


class Met(NamedTuple):
    """Who has to be set aside, and which documents have to go because of it."""

    conflicts: tuple[Conflict, ...] = ()
    surplus: tuple[Place, ...] = ()


class _Standing(NamedTuple):
    """Another receiver's document."""

    place: Place
    digest: str | None
    received_at: str
    integrity: Integrity | None

    @property
    def order(self) -> tuple[str, str]:
        """The earlier one stands; every receiver that sees two documents decides alike."""
        return self.received_at, self.integrity.log if self.integrity else ""


class Twins:
    """Looks for the documents that other receivers have under the ids of ours.

    Within one index the server keeps an id once; a different event of the same id may also say another time, and so
    stand in another partition. Both receivers create, refresh, and look only then: one of them at least sees both.
    Where no other receiver has ever announced itself, nothing is looked for.
    """

    def __init__(self, client: Elasticsearch, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._cursors = f"audit-cursors-{namespace}"
        self._announced: set[str] = set()
        self._alone = True

    def announce(self, log: str) -> None:
        """Let other receivers know of *log*, before its first document is there."""
        if log in self._announced:
            return
        with answering():
            self._client.options(ignore_status=409).index(
                index=self._cursors, id=cursor_id(log), op_type="create", refresh=True,
                document={"log": log, "cursor": 0},
            )  # fmt: skip
        self._announced.add(log)

    def are_there(self, log: str) -> bool:
        """Whether a receiver other than that of *log* puts entries here; one that ever did stays known."""
        if self._alone:
            with answering():
                answer = self._client.search(
                    index=self._cursors, ignore_unavailable=True, size=LOGS_MAX, source_includes=["log"]
                )
            self._alone = all(hit["_source"]["log"] == log for hit in answer["hits"]["hits"])
        return not self._alone

    def met(self, log: str, filed: Sequence[Filed]) -> Met:
        """What others hold under the ids of *filed*, which are put and findable."""
        if not self.are_there(log):
            return Met()
        ours = {(each.entry.tenant, each.entry.event_id): each for each in filed}
        theirs: dict[tuple[str, str], list[_Standing]] = {}
        asked = list(dict.fromkeys(event_id for _, event_id in ours))
        for start in range(0, len(asked), ASKED_MAX):
            for tenant, standing in self._standing(log, asked[start : start + ASKED_MAX]):
                theirs.setdefault((tenant, standing.place.id), []).append(standing)
        settled = [self._settled(log, ours[name], standing) for name, standing in theirs.items() if name in ours]
        return Met(
            tuple(conflict for met in settled for conflict in met.conflicts),
            tuple(place for met in settled for place in met.surplus),
        )

    def remove(self, places: Sequence[Place]) -> None:
        """Take the documents away; Unavailable when one was changed meanwhile."""
        for place in places:
            with answering():
                self._client.options(ignore_status=404).delete(
                    index=place.at,
                    id=place.id,
                    if_seq_no=place.seq_no,
                    if_primary_term=place.primary_term,
                )
        if places:
            with answering():
                self._client.indices.refresh(index=sorted({place.at for place in places}))

    def _standing(self, log: str, event_ids: Sequence[str]) -> Iterator[tuple[str, _Standing]]:
        """The documents with these ids that are not of *log*, with their tenants."""
        with answering():
            answer = self._client.search(
                index=everywhere(self._namespace),
                query={
                    "bool": {
                        "filter": [{"ids": {"values": event_ids}}],
                        "must_not": [{"term": {"audit.integrity.log": log}}],
                    }
                },
                size=READ_MAX,
                source_includes=_READ,
                seq_no_primary_term=True,
                track_total_hits=False,
                allow_partial_search_results=False,
            )
        for hit in answer["hits"]["hits"]:
            standing = _standing_of(hit)
            if standing.integrity is None or standing.integrity.log != log:
                yield hit["_source"]["audit"]["tenant"], standing

    def _settled(self, log: str, ours: Filed, theirs: Sequence[_Standing]) -> Met:
        here = index_of(self._namespace, ours.entry.tenant, ours.partition)
        for each in theirs:
            if each.place.at == here:  # it was there first, and ours was not created
                return Met() if _same(ours, each) else Met((Conflict(ours, each.integrity),))
        order = (rfc3339(received_ns(ours.entry)), log)
        first = min(theirs, key=lambda each: each.order)
        if first.order < order:
            place = Place(here, ours.entry.event_id)
            return Met(() if _same(ours, first) else (Conflict(ours, first.integrity),), (place,))
        conflicts = (self._conflict(each, ours) for each in theirs if not _same(ours, each))
        return Met(tuple(each for each in conflicts if each), tuple(each.place for each in theirs))

    def _conflict(self, their: _Standing, ours: Filed) -> Conflict | None:
        """Another's document that has to go, read whole; None when it is gone by now."""
        with answering():
            found = self._client.options(ignore_status=404).get(index=their.place.at, id=their.place.id)
        if not found.get("found"):
            return None
        digest = None if their.digest is None else bytes.fromhex(their.digest)
        partition = partition_in(their.place.at)
        return Conflict(Filed(partition, entry_from(found["_source"]), digest), ours.entry.integrity)


def cursor_id(log: str) -> str:
    """The document that says how far *log* is indexed; other followers keep theirs in the same index."""
    return f"entries-{log}"


def _standing_of(hit: Mapping[str, Any]) -> _Standing:
    audit = hit["_source"]["audit"]
    exact = audit.get("exact", {}).get("integrity")
    integrity = orjson.loads(exact) if exact else audit.get("integrity")
    return _Standing(
        Place(hit["_index"], hit["_id"], hit["_seq_no"], hit["_primary_term"]),
        audit.get("digest"),
        hit["_source"]["event"]["ingested"],
        None if integrity is None else Integrity(**integrity),
    )


def _same(ours: Filed, theirs: _Standing) -> bool:
    """Whether both are one event; two of which one has no digest cannot be told apart, and count as one."""
    return None in (ours.digest, theirs.digest) or ours.digest == bytes.fromhex(theirs.digest or "")
