"""Who holds a bearer token."""

from hashlib import sha256

import pytest

from receiver.config import Token
from receiver.errors import Unauthenticated
from receiver.tokens import Tokens

SHOP = Token(name="shop", sha256=sha256(b"secret").hexdigest(), role="sender")


@pytest.mark.parametrize("header", ["Bearer secret", "bearer secret", "Bearer  secret "])
def test_a_known_token_is_identified(header: str) -> None:
    """The scheme's case does not matter (RFC 7235)."""
    assert Tokens([SHOP]).identify(header) == SHOP


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer other", "Basic secret", "secret"])
def test_anything_else_is_refused(header: str | None) -> None:
    """With tokens configured nobody goes unnamed."""
    with pytest.raises(Unauthenticated):
        Tokens([SHOP]).identify(header)


def test_without_tokens_everyone_is_welcome() -> None:
    """Only loopback listens then, as the settings see to."""
    assert Tokens([]).identify("Bearer whatever") is None
