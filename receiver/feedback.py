"""Whether an address leads back to ourselves: telemetry about telemetry would never end."""

import socket
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def leads_to(endpoint: str, listeners: Mapping[str, str]) -> str | None:
    """The name of the first of *listeners* (name ▶ host:port) that *endpoint*, an http(s) address, reaches."""
    url = urlsplit(endpoint)
    port = url.port or _PORTS.get(url.scheme)
    for name, address in listeners.items():
        host, _, listening = address.rpartition(":")
        if port == int(listening) and _same_host(url.hostname or "", host.strip("[]")):
            return name
    return None


def _same_host(asked: str, listening: str) -> bool:
    if asked == listening.lower():
        return True
    ours = [address for address in _addresses(asked) if _is_ours(address)]
    if listening in ("0.0.0.0", "::"):  # noqa: S104
        return bool(ours)
    return bool(set(ours) & set(_addresses(listening)))


def _addresses(host: str) -> list[str]:
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None)})
    except OSError:  # a name that nobody knows leads nowhere
        return []


def _is_ours(address: str) -> bool:
    """Whether it is an address of this machine: only those can be bound."""
    family = socket.AF_INET6 if ip_address(address.partition("%")[0]).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
