"""``/healthz``, ``/readyz`` and ``/metrics``: for whoever runs the receiver."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from receiver import exposition
from receiver.correlate.desk import Desk, Progress
from receiver.correlate.stages import States, behind, is_running
from receiver.metrics import read_states

PROCESSES = ("accept", "follow", "answer")


def routes(desk: Desk, data_dir: Path) -> APIRouter:
    """The routes of this noun; they need no token and tell nothing of any entry."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        """This process answers."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"description": "accept cannot accept"}})
    def readyz() -> JSONResponse:
        """200 while accept can accept; a store that is away does not stop ingest, it shows as a lag."""
        states = read_states(data_dir)
        body = {
            "ready": _can_accept(states),
            **_progress(desk.progress(), states),
            "stages": {name: stage(states.get(name)) for name in PROCESSES},
        }
        return JSONResponse(body, 200 if body["ready"] else 503)

    @router.get("/metrics", response_class=Response)
    def metrics(request: Request) -> Response:
        """Everything that is counted, for Prometheus."""
        states = read_states(data_dir)
        running = {name: state for name, state in states.items() if is_running(state)}
        accepts = request.headers.get("accept", "")
        body, content_type = exposition.expose(running, PROCESSES, _lags(desk.progress()), _can_accept(states), accepts)
        return Response(body, headers={"content-type": content_type})

    return router


def stage(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """What one process says of itself, and whether it still says anything; what it counts is in ``/metrics``."""
    if state is None:
        return {"running": False}
    return {**_shown(state), "running": is_running(state)}


def _shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Without histograms and lists."""
    return {
        name: _shown(value) if isinstance(value, Mapping) else value
        for name, value in facts.items()
        if not isinstance(value, list) and not (isinstance(value, Mapping) and "counts" in value)
    }


def _can_accept(states: States) -> bool:
    return is_running(states.get("accept")) and states["accept"].get("ready") is True


def _progress(progress: Progress, states: States) -> dict[str, Any]:
    """Which stage is behind, each follower's lag, and up to when answers are complete."""
    index = progress.lags.get("index")
    return {
        "behind": behind(states, PROCESSES, progress.lags),
        "followers": {
            name: {"process": lag.process, "entries": lag.entries, "seconds": lag.seconds, "problem": lag.problem}
            for name, lag in progress.lags.items()
        },
        "as_of": progress.as_of,
        "lag_s": None if index is None else index.seconds,
        "warnings": list(progress.warnings),
    }


def _lags(progress: Progress) -> dict[str, exposition.Lag]:
    return {
        name: exposition.Lag(lag.entries, lag.seconds, lag.problem is not None) for name, lag in progress.lags.items()
    }
