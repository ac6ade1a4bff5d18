"""The constructors of each group and docs/catalog.md, written from the actions.

``python -m otel_audit.catalog.write`` in a checkout; a test holds both to what stands in the actions.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from otel_audit.catalog.action import Action, severity_after
from otel_audit.catalog.actions import GROUPS

PAGE = "docs/catalog.md"

#: What a name's value looks like.
SAMPLES: Mapping[str, str | int] = {
    "amount": "49.90",
    "attribute": "colour",
    "carrier": "dhl",
    "category": "shoes",
    "channel": "email",
    "count": 250,
    "currency": "EUR",
    "destination": "warehouse",
    "file_format": "csv",
    "gateway": "acme-pay",
    "method": "totp",
    "permission": "orders.refund",
    "plan": "monthly",
    "quantity": 2,
    "record_type": "customer",
    "role": "manager",
    "task": "price override",
    "template": "order-confirmed",
    "version": "2.4.1",
}
_TYPES = {"amount": "Amount", "count": "int", "quantity": "int"}
_HEAD = '''\
"""Constructors of the group *{group}*: {what}.

Written by ``python -m otel_audit.catalog.write`` from actions/{group}.py: change that one.
"""

from typing import Unpack

from otel_audit.catalog.event import {names}
'''
_FUNCTION = '''

def {function}(
    {target}: Id | None = None,
    {star}{parameters}**more: Unpack[More],
) -> Event:
    """``{name}``: {meaning}.

    ``{example}``
    """
    return made("{name}", "{resource}", {target}, {told}, more)
'''


def function_name(group: str, name: str) -> str:
    """A constructor's: the event's with underscores, without its first part where that is the group's."""
    return name.removeprefix(f"{group}.").replace(".", "_")


def constructors(group: str) -> str:
    """The source of a group's module."""
    actions = GROUPS[group]
    names = sorted({"Event", "Id", "More", "made", *(_type(name) for a in actions for name in a.names)} & _IMPORTED)
    head = _HEAD.format(group=group, what=_doc_of(group), names=", ".join(names))
    return head + "".join(_function(group, action, result) for action in actions for result in action.results)


def page() -> str:
    """docs/catalog.md."""
    return "\n".join(_page()) + "\n"


def example(group: str, action: Action, result: str) -> str:
    """A call that says everything there is to say."""
    told = ", ".join((repr(sample(action.target_id)), *(f"{name}={sample(name)!r}" for name in action.names)))
    return f"catalog.{group}.{function_name(group, f'{action.key}.{result}')}({told})".replace("'", '"')


def sample(name: str) -> str | int:
    """A value of that name."""
    return SAMPLES.get(name) or f"{name.removesuffix('_id').replace('_', '-')}-1"


_IMPORTED = {"Amount", "Event", "Id", "More", "made"}


def _type(name: str) -> str:
    return _TYPES.get(name) or ("Id" if name.endswith("_id") else "str")


def _function(group: str, action: Action, result: str) -> str:
    name = f"{action.key}.{result}"
    required = [f"{each}: {_type(each)}" for each in action.names if each in action.required]
    optional = [f"{each}: {_type(each)} | None = None" for each in action.names if each not in action.required]
    parameters = "".join(f"{each},\n    " for each in (*required, *optional))
    return _FUNCTION.format(
        function=function_name(group, name),
        target=action.target_id,
        star="*,\n    " if parameters else "",
        parameters=parameters,
        name=name,
        meaning=f"{_severity(action, result)}, {action.outcome_of(result)}, ECS {action.ecs}",
        example=example(group, action, result),
        resource=action.resource_type,
        told="{" + ", ".join(f'"{each}": {each}' for each in action.names) + "}",
    )


def _severity(action: Action, result: str) -> str:
    return severity_after(action.severity, action.outcome_of(result))


def _doc_of(group: str) -> str:
    module = __import__(f"otel_audit.catalog.actions.{group}", fromlist=["ACTIONS"])
    title = str(module.__doc__).strip().rstrip(".")
    return title[0].lower() + title[1:]


_INTRODUCTION = """\
# The catalogue

Written from the catalogue itself by `python -m otel_audit.catalog.write`.

```python
import otel_audit
from otel_audit import catalog

otel_audit.record(catalog.payment.capture_success("payment-1", order_id="order-1", amount="49.90", currency="EUR"))
```

Each event has a constructor in its group's module: the event's name with underscores, without its first part where that
is the group's. It takes the id of the resource acted on, then what is told of the event: **required** fields are bold,
ids become [`related`](record.md) keys, the rest stands in `metadata`. All take `before`, `after`, `reason`, `metadata`,
`request_body`, `response_body`, `error_type`, `error_message`, `parent_event_id` and `severity` as well, and `record()`
what it always takes; who acts and from where comes from `bind`. States, bodies and metadata are redacted before they
are written anywhere.

`record("payment.capture.success", …)` with the bare name means the same. Names that are not listed are welcome; one
that nearly is a listed one is warned about in development mode, once. A failure is one step graver than the success, at
least `notice`; the result decides the outcome."""


def _page() -> Iterator[str]:
    yield _INTRODUCTION
    for group, actions in GROUPS.items():
        yield f"\n## {group}\n\n{_doc_of(group)[0].upper()}{_doc_of(group)[1:]}.\n"
        yield "| event | severity | ECS | resource | told | example |\n|---|---|---|---|---|---|"
        for action in actions:
            yield _row(group, action)


def _row(group: str, action: Action) -> str:
    results = " · ".join(f"`{each}`" for each in action.results)
    told = ", ".join(f"**`{name}`**" if name in action.required else f"`{name}`" for name in action.names)
    severities = " · ".join(dict.fromkeys(_severity(action, each) for each in action.results))
    shown = example(group, action, action.results[0])
    return (
        f"| `{action.key}.` {results} | {severities} | {action.ecs} | `{action.resource_type}` | {told} | `{shown}` |"
    )


def main() -> None:
    """Write both where this module lies."""
    here = Path(__file__).parent
    for group in GROUPS:
        (here / f"{group}.py").write_text(constructors(group))
    (here.parents[1] / PAGE).write_text(page())


if __name__ == "__main__":
    main()
