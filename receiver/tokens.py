"""Bearer tokens: who is calling."""

from collections.abc import Sequence
from hashlib import sha256

from receiver.config import Token
from receiver.errors import Unauthenticated


class Tokens:
    """The credentials of the settings, found by the hash of what the caller shows.

    The hash is the key of the look-up, so its time tells nothing about any token.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._by_hash = {token.sha256: token for token in tokens}

    def identify(self, authorization: str | None) -> Token | None:
        """The credential behind an ``Authorization`` header; None only where no token is configured.

        Raises Unauthenticated when there is no bearer token or none we know.
        """
        if not self._by_hash:
            return None
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Unauthenticated("a bearer token is needed")
        token = self._by_hash.get(sha256(secret.strip().encode()).hexdigest())
        if token is None:
            raise Unauthenticated("the bearer token is not known")
        return token
