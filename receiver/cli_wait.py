"""Waiting for what an administrator asked of the follower."""

import time
from typing import Any

from receiver.cli_ask import UNREACHED, end, look_for, part, say

POLL_S = 0.3
#: The follower hears of a request within a second; one that does not is not running, or far behind.
HEARD_MAX_S = 60.0


def wait_for(url: str, token: str | None, request_id: str) -> Any:
    """The request once it is done or has failed, however long that takes; what stands in its way is said meanwhile."""
    give_up = time.monotonic() + HEARD_MAX_S
    said: list[str] = []
    while True:
        request = look_for(url, token, f"/requests/{part(request_id)}")
        if request is None and time.monotonic() > give_up:
            end(UNREACHED, f"request {request_id} is journalled, and the follower has not heard of it: is it running?")
        if request is not None and request["state"] != "open":
            return request
        if request is not None and request["warnings"] != said:
            said = request["warnings"]
            for warning in said:
                say(warning)
        time.sleep(POLL_S)
