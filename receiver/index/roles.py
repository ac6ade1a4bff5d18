"""What a user of Elasticsearch must be allowed, and nothing more: to set up, to write, to read."""

from typing import Any

from receiver.index.template import everywhere

Role = dict[str, Any]


def roles(namespace: str, *, shared: bool = False) -> dict[str, Role]:
    """Role name ▶ its body, as the server's ``PUT /_security/role/<name>`` takes it.

    *shared* is for a namespace that several receivers fill: where two hold different events of one id in different
    partitions, the later document has to go, so that the writer must be allowed to delete documents.
    """
    name = f"otel-audit-{namespace}"
    return {
        f"{name}-setup": _setup(namespace),
        f"{name}-writer": _writer(namespace, shared),
        f"{name}-reader": _reader(namespace),
    }


def _setup(namespace: str) -> Role:
    """Puts templates and makes the index of cursors; reads and writes no entry."""
    return {
        "cluster": ["manage_index_templates"],
        "indices": [_on([_cursors(namespace)], "create_index", "view_index_metadata")],
    }


def _writer(namespace: str, shared: bool) -> Role:
    """Makes partitions, creates and amends entries; deletes none. Spans it also deletes, when they are old enough."""
    entries = ("create_index", "view_index_metadata", "read", "index", "maintenance", *(("delete",) if shared else ()))
    return {
        "cluster": ["monitor"],
        "indices": [
            _on(_entries(namespace), *entries),
            _on([_cursors(namespace)], "view_index_metadata", "read", "index", "maintenance"),
            _on(
                [_spans(namespace)],
                "create_index", "view_index_metadata", "read", "index", "maintenance", "delete", "delete_index",
            ),
        ],
    }  # fmt: skip


def _reader(namespace: str) -> Role:
    """Answers questions."""
    return {
        "cluster": [],
        "indices": [_on([*_entries(namespace), _cursors(namespace), _spans(namespace)], "read")],
    }


def _on(names: list[str], *privileges: str) -> dict[str, Any]:
    return {"names": names, "privileges": list(privileges)}


def _entries(namespace: str) -> list[str]:
    return everywhere(namespace).split(",")


def _cursors(namespace: str) -> str:
    return f"audit-cursors-{namespace}"


def _spans(namespace: str) -> str:
    return f"traces-audit.spans-{namespace}-*"
