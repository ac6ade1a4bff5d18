"""Free ports for programs that cannot be told to choose one themselves."""

import socket


def free_ports(count: int) -> list[int]:
    """*count* ports of loopback that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
