"""Who may ask what: bearer tokens with roles, and without tokens only a browser or program of this machine."""

from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request

from receiver.config import Role
from receiver.correlate.reads import Reader
from receiver.errors import Forbidden
from receiver.tokens import Tokens

#: Role ▶ what it may do.
MAY: dict[Role, frozenset[str]] = {
    "sender": frozenset(),
    "viewer": frozenset({"read"}),
    "investigator": frozenset({"read", "investigate"}),
    "administrator": frozenset({"read", "investigate", "administer"}),
}


def may(act: str, tokens: Tokens) -> Callable[[Request], Reader]:
    """A dependency that lets through who may *act*; Unauthenticated or Forbidden for everyone else."""

    def check(request: Request) -> Reader:
        token = tokens.identify(request.headers.get("authorization"))
        if token is None:
            _only_from_here(request)
            return Reader(None, "default", _address(request))
        if act not in MAY[token.role]:
            raise Forbidden(f"the role {token.role} may not {act}")
        return Reader(token.name, token.tenant, _address(request))

    return check


def _address(request: Request) -> str | None:
    return None if request.client is None else request.client.host


def _only_from_here(request: Request) -> None:
    """Where no token guards the API, a page of another site must not read it through the user's browser.

    A name that points at loopback (DNS rebinding) shows in Host, a foreign page in Origin.
    """
    host = request.headers.get("host", "")
    if not _is_local(f"//{host}"):
        raise Forbidden(f"Host {host} is not this machine")
    origin = request.headers.get("origin")
    if origin is not None and not _is_local(origin):
        raise Forbidden(f"Origin {origin} is not this machine")


def _is_local(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # no host, or a name
        return False
