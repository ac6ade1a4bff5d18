"""How Elasticsearch is told to keep entries: the index template of a namespace and its parts."""

from typing import Any

from receiver.index.document import INNER, NUMERIC, PLAIN, STATES
from receiver.index.leaves import VALUE_MAX

#: Grows with every change of what is below.
VERSION = 3
#: Above the stock ``logs-*-*`` template (100), whose data streams cannot hold an event once for ever.
PRIORITY = 500

#: Longest text that is indexed as a keyword, in UTF-16 units; three bytes each stay within a term's 32766.
KEYWORD_MAX = 8191

KEYWORD = {"type": "keyword", "ignore_above": KEYWORD_MAX}
STATE = {"type": "flattened", "ignore_above": VALUE_MAX}
TIME = {"type": "date_nanos"}
LONG = {"type": "long"}
TEXT = {"type": "text"}
ADDRESS = {"type": "ip"}

#: Path ▶ how it is searched, for all that is no keyword.
_OTHERS: dict[str, dict[str, Any]] = {
    "@timestamp": TIME,
    "message": TEXT,
    "error.message": TEXT,
    "event.ingested": TIME,
    "event.duration": LONG,
    "event.severity": LONG,
    "event.sequence": LONG,
    "http.response.status_code": LONG,
    "source.ip": ADDRESS,
    "client.ip": ADDRESS,
    "related.ip": ADDRESS,
    "audit.amount": {"type": "double"},
    NUMERIC: {"type": "object", "dynamic": True},
    "audit.integrity.index": LONG,
    "audit.exact": {"type": "object", "enabled": False},
    "audit.digest": {"type": "keyword", "index": False, "doc_values": False},
    **dict.fromkeys(STATES.values(), STATE),
}

_KEYWORDS = (
    *PLAIN.values(),
    "ecs.version",
    "event.kind",
    "event.category",
    "event.type",
    "event.dataset",
    "related.user",
    "audit.changed_fields",
    "audit.currency",
    "audit.words",
    "audit.source.id",
    *(f"{INNER['sender']}.{name}" for name in ("id", "peer")),
    *(f"{INNER['integrity']}.{name}" for name in ("log", "signature.value", "signature.key_id")),
)


def pattern_of(namespace: str, tenant: str) -> str:
    """All of a tenant's partitions."""
    return index_of(namespace, tenant, "*")


def index_of(namespace: str, tenant: str, partition: str) -> str:
    """The index of one tenant's partition."""
    owner = namespace if tenant == "default" else f"{namespace}.{tenant}"
    return f"logs-audit.events-{owner}-{partition}"


def everywhere(namespace: str) -> str:
    """All partitions of all tenants."""
    return ",".join(_patterns(namespace))


def partition_in(index: str) -> str:
    """The partition an index is of."""
    return index.rpartition("-")[2]


def _patterns(namespace: str) -> list[str]:
    name = template_name(namespace)
    return [f"{name}-*", f"{name}.*-*"]


def template_name(namespace: str) -> str:
    """The name of a namespace's index template; its parts are called ``<name>@mappings`` and so on."""
    return f"logs-audit.events-{namespace}"


def index_template(namespace: str) -> dict[str, Any]:
    """The index template: plain indices, for every tenant of *namespace*."""
    name = template_name(namespace)
    return {
        "index_patterns": _patterns(namespace),
        "priority": PRIORITY,
        "version": VERSION,
        "composed_of": [f"{name}@mappings", f"{name}@settings", f"{name}@custom"],
        "_meta": {"description": "audit entries of otel-audit; change what you like in the @custom component"},
    }


def settings_component() -> dict[str, Any]:
    """How the indices are kept."""
    index = {"codec": "best_compression", "refresh_interval": "1s"}
    return {"version": VERSION, "template": {"settings": {"index": index}}}


def mappings_component() -> dict[str, Any]:
    """What can be searched, and how. Nothing an event brings along becomes a field by itself."""
    properties: dict[str, Any] = {}
    for path, mapping in sorted((dict.fromkeys(_KEYWORDS, KEYWORD) | _OTHERS).items()):
        *outer, last = path.split(".")
        inner = properties
        for key in outer:
            inner = inner.setdefault(key, {"properties": {}})["properties"]
        inner[last] = mapping
    numbers = {"numbers": {"path_match": f"{NUMERIC}.*", "mapping": {"type": "double"}}}
    mappings = {"dynamic": False, "dynamic_templates": [numbers], "properties": properties}
    return {"version": VERSION, "template": {"mappings": mappings}}


def custom_component() -> dict[str, Any]:
    """The users' own part, as it is made where there is none: empty."""
    return {"template": {}}
