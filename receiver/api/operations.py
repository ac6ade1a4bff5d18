"""``/healthz`` and ``/readyz``: for whoever runs the receiver."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from receiver.correlate.desk import SILENT_S, Desk
from receiver.errors import ReceiverError
from receiver.metrics import read_states

_STAGES = ("accept", "follow", "answer")


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
        stages = {name: stage(state) for name, state in _states(data_dir).items()}
        body: dict[str, Any] = {"ready": stages["accept"]["running"] and stages["accept"].get("ready") is True}
        body["stages"] = stages
        try:
            known = desk.freshness()
        except ReceiverError as error:
            body |= {"as_of": None, "lag_s": None, "warnings": [str(error)]}
        else:
            body |= {"as_of": known.as_of, "lag_s": round(known.lag_s, 3), "warnings": list(known.warnings)}
        return JSONResponse(body, 200 if body["ready"] else 503)

    return router


def stage(state: dict[str, Any] | None) -> dict[str, Any]:
    """What one process says of itself, and whether it still says anything."""
    if state is None:
        return {"running": False}
    return {**state, "running": state["age_s"] <= SILENT_S}


def _states(data_dir: Path) -> dict[str, dict[str, Any] | None]:
    states = read_states(data_dir)
    return {name: states.get(name) for name in _STAGES}
