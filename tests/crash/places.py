"""Addresses that stay the same, so that a sender finds the receiver again after a restart."""

from tests.parts.ports import free_ports


def fixed_ports() -> dict[str, str]:
    """The receiver's settings for three free ports."""
    grpc_port, http_port, api_port = free_ports(3)
    return {
        "OTLP__GRPC": f"127.0.0.1:{grpc_port}",
        "OTLP__HTTP": f"127.0.0.1:{http_port}",
        "API__LISTEN": f"127.0.0.1:{api_port}",
    }
