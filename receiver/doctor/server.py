"""Elasticsearch: is it one we work with, set up by us, and may we do what we must?"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch, TransportError

from receiver.clock import Clock
from receiver.config import Index
from receiver.doctor.clocks import against_server
from receiver.doctor.finding import Finding, fine
from receiver.elastic import connect
from receiver.index import template
from receiver.index.roles import roles
from receiver.traces import elastic as spans

OLDEST = (8, 15)
NEWEST_MAJOR = 9


def server(settings: Index, clock: Clock) -> Iterator[Finding]:
    """Everything that can be asked; where it cannot be reached, that alone."""
    with closing(connect(settings)) as client:
        try:
            yield _version(client)
        except AuthenticationException:
            yield Finding("Elasticsearch", "error", f"{settings.url} does not know this user", _CREDENTIALS)
            return
        except AuthorizationException as error:
            yield _may_not("Elasticsearch", error)
        except (ApiError, TransportError) as error:
            hint = "entries are taken and kept meanwhile, and indexed when it answers"
            yield Finding("Elasticsearch", "error", f"{settings.url} does not answer: {str(error)[:200]}", hint)
            return
        yield from _asked("clock", lambda: [_clock(client, clock)])
        yield from _asked("template", lambda: _templates(client, settings.namespace))
        yield from _asked("rights", lambda: [_rights(client, settings.namespace)])


_INIT = "run otel-audit init; follow does it as well, as a user who may"
_ROLE = "give it the role of a writer: otel-audit init --print-roles"
_CREDENTIALS = "set index.user and index.password, or index.api_key"


def _asked(name: str, ask: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return ask()
    except AuthorizationException as error:
        return [_may_not(name, error)]
    except (ApiError, TransportError) as error:
        return [Finding(name, "error", f"Elasticsearch does not say: {str(error)[:200]}")]


def _may_not(name: str, error: ApiError) -> Finding:
    return Finding(name, "error", f"this user may not ask: {str(error)[:200]}", _ROLE)


def _version(client: Elasticsearch) -> Finding:
    nodes = client.nodes.info(filter_path="nodes.*.version")["nodes"]
    versions = sorted({node["version"] for node in nodes.values()})
    told = f"version {', '.join(versions)}"
    for version in versions:
        major, minor = (int(part) for part in version.split(".")[:2])
        if (major, minor) < OLDEST or major > NEWEST_MAJOR:
            return Finding("Elasticsearch", "error", told, f"it must be {OLDEST[0]}.{OLDEST[1]} or newer")
    return fine("Elasticsearch", told)


def _clock(client: Elasticsearch, clock: Clock) -> Finding:
    nodes = client.nodes.stats(metric="os", filter_path="nodes.*.timestamp")["nodes"]
    newest_ms = max(node["timestamp"] for node in nodes.values())
    return against_server(newest_ms * 1_000_000, clock())


def _templates(client: Elasticsearch, namespace: str) -> list[Finding]:
    ours = {
        template.template_name(namespace): template.VERSION,
        f"traces-audit.spans-{namespace}": spans.TEMPLATE_VERSION,
    }
    found = [_template(client, name, version) for name, version in ours.items()]
    return [*found, *_data_stream(client, template.pattern_of(namespace, "default"))]


def _template(client: Elasticsearch, name: str, version: int) -> Finding:
    answer = client.options(ignore_status=404).indices.get_index_template(name=name)
    installed = answer.get("index_templates", [])
    if not installed:
        return Finding(
            "template",
            "warning",
            f"{name} is not there yet",
            "run otel-audit init; or follow makes it, as a user who may",
        )
    known = int(installed[0]["index_template"].get("version", 0))
    if known > version:
        return Finding("template", "error", f"{name} is of a newer version ({known}) than ours", "run that version")
    if known < version:
        message = f"{name} is of an older version ({known})"
        return Finding("template", "warning", message, _INIT)
    return fine("template", f"{name} is ours")


def _data_stream(client: Elasticsearch, pattern: str) -> Iterator[Finding]:
    for stream in client.indices.resolve_index(name=pattern, expand_wildcards="all")["data_streams"]:
        message = f"{stream['name']} is a data stream, and entries need a plain index of that name"
        yield Finding("template", "error", message, f"remove it: DELETE /_data_stream/{stream['name']}")


def _rights(client: Elasticsearch, namespace: str) -> Finding:
    needed = roles(namespace)[f"otel-audit-{namespace}-writer"]
    try:
        answer: Mapping[str, Any] = client.security.has_privileges(
            cluster=needed["cluster"], index=needed["indices"]
        ).body
    except ApiError as error:
        if error.meta.status != 400:
            raise
        hint = "whoever reaches the server may change the index; the journal stays the truth"
        return Finding("rights", "warning", "security is off", hint)
    lacking = list(_lacking(answer))
    if lacking:
        message = f"the user {answer['username']} lacks {', '.join(lacking)}"
        return Finding("rights", "error", message, _ROLE)
    return fine("rights", f"the user {answer['username']} may do what it must")


def _lacking(answer: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name, granted in answer["cluster"].items() if not granted)
    for index, privileges in answer["index"].items():
        yield from (f"{name} on {index}" for name, granted in privileges.items() if not granted)
