"""``change`` and ``audited``: the event follows from how a piece of work ends."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, cast

from otel_audit import _wrong
from otel_audit._context import attributes
from otel_audit._recorder import Recorded, Resource
from otel_audit._value import snapshot
from otel_audit._wrong import Notes
from otel_audit.catalog import ACTIONS, Action
from otel_audit.errors import AuditNotStored

P = ParamSpec("P")
R = TypeVar("R")
Record = Callable[..., Recorded]


class Change:
    """What the body of ``change`` may still say before the event is recorded."""

    def __init__(self, resource: Resource | None, before: Any, after: Any, reason: str | None) -> None:
        self.resource = resource
        self.before = before
        self.after = after
        self.reason = reason
        self.metadata: dict[str, Any] = {}
        #: What ``record`` returned, once the body has ended.
        self.recorded: Recorded | None = None


@contextmanager
def change(
    record: Record,
    action: str,
    resource: Resource | None,
    before: Any,
    after: Any,
    reason: str | None,
    metadata: Mapping[str, Any] | None,
    **extra: Any,
) -> Iterator[Change]:
    """See :func:`otel_audit.change`."""
    success, failure = results_of(action)
    facts = {name: value for name, value in extra.items() if name != "guarantee"}
    strict = _wrong.strict() or extra.get("guarantee") == "enforced"
    attributes(facts, Notes(strict))  # a wrong call is refused here: at the end it would hide the body's own error
    # As it is now: the body may change the very object.
    made = Change(resource, snapshot(_now(before)), None, reason)
    made.metadata.update(metadata or {})
    made.after = after
    try:
        yield made
    except BaseException as error:
        try:
            made.recorded = record(
                f"{action}.{failure}",
                made.resource,
                before=made.before,
                reason=made.reason,
                error_type=type(error).__qualname__,
                error_message=str(error),
                metadata=made.metadata,
                **extra,
            )
        except AuditNotStored as missing:  # the operation has failed already; its own error is what the caller needs
            error.add_note(str(missing))
        raise
    made.recorded = record(
        f"{action}.{success}",
        made.resource,
        before=made.before,
        after=_now(made.after),
        reason=made.reason,
        metadata=made.metadata,
        **extra,
    )


def audited(
    change: Callable[..., Any], action: str, resource: Any, before: Any, after: Any, **extra: Any
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """See :func:`otel_audit.audited`."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        def opened(args: Any, kwargs: Any) -> Any:
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            return change(action, _of(resource, call.arguments), before=_of(before, call.arguments), **extra)

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def around_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                with opened(args, kwargs) as made:
                    result = await function(*args, **kwargs)
                    made.after = after(result) if after is not None else None
                return result

            return cast("Callable[P, R]", around_async)

        @functools.wraps(function)
        def around(*args: P.args, **kwargs: P.kwargs) -> R:
            with opened(args, kwargs) as made:
                result = function(*args, **kwargs)
                made.after = after(result) if after is not None else None
            return result

        return around

    return decorate


def results_of(action: str) -> tuple[str, str]:
    """The last parts that mean success and failure for *action*, as the catalogue names them."""
    known = ACTIONS.get(action, Action(action, "info", "/"))
    by_outcome = {known.outcome_of(result): result for result in reversed(known.results)}
    return by_outcome.get("success", "success"), by_outcome.get("failure", "failed")


def _now(state: Any) -> Any:
    """A state, or what a callable says it is now."""
    return state() if callable(state) else state


def _of(value: Any, arguments: Mapping[str, Any]) -> Any:
    """A fixed value, or a callable's answer to the decorated function's arguments it names."""
    if not callable(value):
        return value
    wanted = inspect.signature(value).parameters
    return value(**{name: arguments[name] for name in wanted})
