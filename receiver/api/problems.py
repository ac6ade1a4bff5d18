"""Errors as RFC 9457 problems: one shape, every problem named, never a stack trace."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from receiver.errors import Busy, Damaged, Forbidden, NotFound, Refused, Unauthenticated

MEDIA_TYPE = "application/problem+json"


class Fault(NamedTuple):
    """One thing wrong with a request: the parameter and the reason."""

    name: str
    reason: str


class BadRequest(Refused):
    """The request is wrong; *faults* names everything wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.name}: {fault.reason}" for fault in faults))
        self.faults = tuple(faults)


#: Error class ▶ status and title; the first that fits.
STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (Unauthenticated, 401, "A token is needed"),
    (Forbidden, 403, "This token's role does not allow it"),
    (NotFound, 404, "Not found"),
    (Refused, 400, "The request is wrong"),
    (Busy, 503, "Not now"),
    (Damaged, 503, "The receiver's own data needs a person"),
)


_TEXT = {"type": "string"}
_FAULT = {"type": "object", "required": ["name", "reason"], "properties": {"name": _TEXT, "reason": _TEXT}}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        **dict.fromkeys(("type", "title", "detail"), _TEXT),
        "status": {"type": "integer"},
        "errors": {"type": "array", "items": _FAULT},
    },
    "additionalProperties": False,
}

#: What every route may answer instead, for the OpenAPI document.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": title, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
    for status, title in (
        (400, "The request is wrong"),
        (401, "A token is needed"),
        (403, "This token's role does not allow it"),
        (404, "Not found"),
        (503, "Not now"),
    )
}


def problem(status: int, title: str, detail: str, faults: Sequence[Fault] = ()) -> JSONResponse:
    """The answer to a request that cannot be answered."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    errors = {"errors": [fault._asdict() for fault in faults]} if faults else {}
    return JSONResponse({**content, **errors}, status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have *app* answer every error as a problem."""
    for kind, status, title in STATUS:
        app.add_exception_handler(kind, _handler(status, title))
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


def _handler(status: int, title: str):  # type: ignore[no-untyped-def]
    def handle(_: Request, error: Exception) -> JSONResponse:
        answer = problem(status, title, str(error), getattr(error, "faults", ()))
        if isinstance(error, Unauthenticated):
            answer.headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, Busy | Damaged):
            answer.headers["Retry-After"] = str(max(1, round(getattr(error, "retry_after_s", 30))))
        return answer

    return handle


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    answer = problem(error.status_code, str(error.detail), str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    faults = [Fault(str(each["loc"][-1]), str(each["msg"])) for each in error.errors()]
    return problem(400, "The request is wrong", "; ".join(f"{f.name}: {f.reason}" for f in faults), faults)


def _unexpected(_: Request, __: Exception) -> JSONResponse:
    """A defect of ours: its trace goes to our log, not to the caller."""
    return problem(500, "The receiver failed", "the failure is in the receiver's log")
