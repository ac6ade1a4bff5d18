"""Who sends: a bearer token or a client certificate names a credential, the credential all the rest."""

from collections.abc import Collection
from dataclasses import dataclass

from receiver import config
from receiver.budget import UNLIMITED, Budget
from receiver.claims import ANYTHING, NOTHING, Claims
from receiver.errors import Forbidden, Unauthenticated
from receiver.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Sender:
    """A credential's name (None where none is needed), whose entries it sends, what it may claim and how much send."""

    id: str | None = None
    tenant: str = "default"
    claims: Claims = ANYTHING
    budget: Budget = UNLIMITED


ANYONE = Sender()


class Senders:
    """The credentials of the settings that may send."""

    def __init__(self, auth: config.Auth) -> None:
        self._tokens = Tokens(auth.tokens)
        self._open = not auth.tokens and not auth.certificates
        self._senders = {each.name: _sender(each) for each in (*auth.tokens, *auth.certificates)}
        self._by_fingerprint = {each.fingerprint: each.name for each in auth.certificates if each.fingerprint}
        self._by_subject = {each.subject: each.name for each in auth.certificates if each.subject}

    def identify(
        self, authorization: str | None, fingerprint: str | None = None, names: Collection[str] = ()
    ) -> Sender:
        """Who shows this ``Authorization`` value, or a verified certificate with this fingerprint and these names.

        Where both are shown the token counts. Unauthenticated when neither is known, Forbidden for a token that may
        not send.
        """
        if self._open:
            return ANYONE
        if not authorization:
            known = self._certificate(fingerprint, names)
            if known is not None:
                return known
        token = self._tokens.identify(authorization)
        if token is None:  # no token is configured, certificates are
            raise Unauthenticated("a client certificate that is known here is needed")
        if token.role != "sender":
            raise Forbidden(f"the role {token.role} may not send")
        return self._senders[token.name]

    def claims_of(self, name: str | None) -> Claims:
        """What the sender of that name may claim now; without one, what anyone may."""
        if name is None:
            return ANYTHING
        return self._senders[name].claims if name in self._senders else NOTHING

    def _certificate(self, fingerprint: str | None, names: Collection[str]) -> Sender | None:
        name = self._by_fingerprint.get(fingerprint) if fingerprint else None
        found = name or next((self._by_subject[each] for each in names if each in self._by_subject), None)
        return None if found is None else self._senders[found]


def _sender(credential: config.Sender) -> Sender:
    return Sender(credential.name, credential.tenant, Claims.of(credential), Budget(credential.budget))
