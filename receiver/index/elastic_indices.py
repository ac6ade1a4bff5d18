"""The indices of one namespace: its templates first, then each partition, made by us before anything is written."""

from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from receiver.elastic import answering
from receiver.errors import Damaged, Unavailable
from receiver.index import template


class Indices:
    """Makes what the writer needs, once each.

    A bulk request that came before our template would make a data stream of the partition's name where a server
    has the stock ``logs-*-*`` template, and a data stream cannot promise that an event is there once.
    """

    def __init__(self, client: Elasticsearch, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = template.template_name(namespace)
        self._installed = False
        self._made: set[str] = set()
        self._renewed: set[str] = set()

    def make(self, indices: set[str]) -> None:
        """See to it that *indices* are there as plain indices, under the template of our version."""
        if not self._installed:
            with answering():
                self._install()
            self._installed = True
        for index in sorted(indices - self._made):
            with answering():
                self._make(index)
            self._made.add(index)

    def renew(self, indices: set[str]) -> None:
        """See to it that *indices* are there now, with the mapping of our version, whenever they were made."""
        self.make(set())
        for index in sorted(indices):
            with answering():
                self._make(index)
                if index not in self._renewed:
                    self._map(index)
            self._made.add(index)
            self._renewed.add(index)

    def forget(self) -> None:
        """Look again before the next write: something we relied on may have been taken away."""
        self._installed = False
        self._made.clear()

    def _install(self) -> None:
        version = self._version()
        if version is not None and version > template.VERSION:
            raise Damaged(f"the index template {self._name} has the newer version {version}", "run that version")
        if version != template.VERSION:
            self._put_templates()
        # A crash before this line leaves templates behind, and no document that they did not shape.
        if self._version() != template.VERSION:
            raise Unavailable(f"the index template {self._name} cannot be read back yet")

    def _version(self) -> int | None:
        answer = self._client.options(ignore_status=404).indices.get_index_template(name=self._name)
        found = answer.get("index_templates", [])
        return int(found[0]["index_template"].get("version", 0)) if found else None

    def _put_templates(self) -> None:
        cluster = self._client.cluster
        cluster.put_component_template(name=f"{self._name}@mappings", **template.mappings_component())
        cluster.put_component_template(name=f"{self._name}@settings", **template.settings_component())
        custom = f"{self._name}@custom"
        if not cluster.exists_component_template(name=custom):
            # Made between the question and this line, it is somebody's own: never replaced.
            creating = self._client.options(ignore_status=400).cluster
            creating.put_component_template(name=custom, create=True, **template.custom_component())
        self._put_index_template()

    def _put_index_template(self) -> None:
        body = template.index_template(self._namespace)
        try:
            self._client.indices.put_index_template(name=self._name, **_as_arguments(body))
        except BadRequestError as error:
            for pattern in body["index_patterns"]:
                self._refuse_data_stream(pattern)
            raise Damaged(
                f"the index template {self._name} is refused: {str(error)[:300]}",
                f"see GET /_index_template/{self._name} and the templates that match the same names",
            ) from error

    def _make(self, index: str) -> None:
        if self._client.indices.exists(index=index):
            self._refuse_data_stream(index)
            return
        try:
            self._client.indices.create(index=index)
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise Damaged(f"the index {index} cannot be made: {str(error)[:300]}", "see its templates") from error
            self._refuse_data_stream(index)

    def _map(self, index: str) -> None:
        mapping = template.mappings_component()["template"]["mappings"]
        try:
            self._client.indices.put_mapping(index=index, **mapping)
        except BadRequestError as error:
            raise Damaged(
                f"{index} has a mapping that cannot become ours: {str(error)[:300]}",
                "delete that index; it is made anew from the journals",
            ) from error

    def _refuse_data_stream(self, pattern: str) -> None:
        """Damaged when a data stream stands where a partition belongs."""
        found = self._client.indices.resolve_index(name=pattern, expand_wildcards="all")["data_streams"]
        if found:
            name = found[0]["name"]
            raise Damaged(
                f"{name} is a data stream, and entries need a plain index of that name",
                f"nothing of ours is in it; remove it by: DELETE /_data_stream/{name}",
            )


def _as_arguments(body: dict[str, Any]) -> dict[str, Any]:
    """A request's body as the client's keywords."""
    return {key.removeprefix("_"): value for key, value in body.items()}
