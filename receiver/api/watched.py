"""The API as requests somebody may watch: named by their route, never by what they ask for."""

from typing import Any

from receiver.timing import Watch


class WatchedApi:
    """An ASGI application around another."""

    def __init__(self, app: Any, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand on; when the answer is out, the request has the name of its route."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._watch(scope["method"]) as request:

            async def noting(message: dict[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    request.attributes["http.response.status_code"] = message["status"]
                await send(message)

            try:
                await self._app(scope, receive, noting)
            finally:
                route = getattr(scope.get("route"), "path", None)
                request.attributes["http.request.method"] = scope["method"]
                if route is not None:
                    request.name = f"{scope['method']} {route}"
                    request.attributes["http.route"] = route
