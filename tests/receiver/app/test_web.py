"""The socket behind every HTTP door."""

import socket
from contextlib import closing

from receiver.app.web import listening
from receiver.config import Address


def test_no_part_of_an_answer_waits_for_the_client():
    """A connection sends the body of an answer though its headers are not acknowledged yet."""
    with (
        closing(listening(Address("127.0.0.1:0"))) as bound,
        closing(socket.create_connection(bound.getsockname())),
        closing(bound.accept()[0]) as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
