"""A namespace of one's own on the real Elasticsearch."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from receiver.config import Index
from receiver.elastic import connect


class Namespace:
    """A client and a namespace nobody else uses."""

    def __init__(self, url: str, name: str | None = None) -> None:
        self.name = name or f"t{uuid.uuid4().hex[:12]}"
        self.settings = Index(url=url, namespace=self.name)
        self.client: Elasticsearch = connect(self.settings)

    @property
    def template(self) -> str:
        return f"logs-audit.events-{self.name}"

    def count(self, question: dict[str, Any]) -> int:
        """How many of the namespace's documents match, asked straight from the server."""
        return int(self.client.count(index=f"{self.template}*", query=question)["count"])

    def refresh(self) -> None:
        """What was written is found from here on."""
        self.client.indices.refresh(index=f"{self.template}*", allow_no_indices=True)

    def clear(self) -> None:
        """Take the namespace's documents away, and leave its templates."""
        for index in self.client.indices.get(
            index=f"{self.template}*,audit-cursors-{self.name}*", allow_no_indices=True
        ):
            self.client.indices.delete(index=index)

    def remove(self) -> None:
        """Take away everything that carries the namespace's name."""
        with contextlib.suppress(ApiError):  # a server without the module for data streams has no such call
            self.client.indices.delete_data_stream(name=f"{self.template}*")
        with contextlib.suppress(ApiError):  # the index behind such a data stream cannot be deleted alone
            self.clear()
        quiet = self.client.options(ignore_status=[400, 404])
        for name in (f"{self.template}*", f"stream-{self.name}"):
            quiet.indices.delete_index_template(name=name)
        for part in ("mappings", "settings", "custom"):
            quiet.cluster.delete_component_template(name=f"{self.template}@{part}")


@contextlib.contextmanager
def namespace(url: str, name: str | None = None) -> Iterator[Namespace]:
    """A fresh namespace, gone when the block ends."""
    fresh = Namespace(url, name)
    try:
        yield fresh
    finally:
        fresh.remove()
        fresh.client.close()
