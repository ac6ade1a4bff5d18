"""Names of secrets: a name that ends in one of these words hides one, however it is spelled.

=============================================  ==========================================================
a name is a secret's                           it ends in a word of the tables below: ``stripe_api_key``
however it is spelled                          ``apiKey``, ``api-key``, ``API_KEY``, ``user[apikey]``
what may follow the word                       what leaves it the secret: ``password_hash``, ``cvv2``
any other end tells about the secret           ``token_type``, ``password_changed_at``, ``api_key_id``
so does such a beginning                       ``has_password``, ``isSecret``
=============================================  ==========================================================
"""

import re
from collections.abc import Iterator

#: A name that ends in one of these, whatever stands before, is a secret's; _ is any separator or none.
SECRETS = (
    *("pass_word", "passwd", "pwd", "pass_phrase", "pass_code", "secret", "credential", "security_answer"),
    *("token", "jwt", "bearer", "authorization", "cookie", "connection_string"),
    *("api_key", "private_key", "secret_key", "access_key", "encryption_key", "signing_key"),
    *("cvv", "cvv_code", "cvc", "cvc_code", "security_code"),
    *("card_verification", "card_verification_code", "card_verification_number"),
    *("otp", "otp_code", "mfa_code", "recovery_code"),
)
#: As SECRETS, but only as a word of its own: a hairpin is none, and pin_code is a postal code.
SECRET_WORDS = ("pin", "csc")
#: What may follow and leaves it the secret, before up to two digits; so may the plural of the longer words.
STILL_SECRET = ("hash", "digest", "confirm", "confirmation", "repeat", "value")
#: A name that begins so tells whether there is something.
ABOUT = ("has", "is", "needs", "requires")

#: A name is judged by its end.
NAME_MAX = 64


def is_secret(name: str) -> bool:
    """Whether a name, or the end of a long one, is a secret's."""
    name = name[-NAME_MAX:].strip(" ")
    return _NAME.search(name) is not None and not tells_about(name)


def tells_about(name: str) -> bool:
    """Whether *name* tells only whether there is something."""
    return _ABOUT_NAME.search(name) is not None


def is_plural(name: str) -> bool:
    """Whether a number of this name is a count."""
    return name.rstrip("])").lower().endswith("s")


def folded_secrets() -> Iterator[str]:
    """Every name of a secret, or the end of one, without separators."""
    for word in (*SECRETS, *SECRET_WORDS):
        for plural in ("", "s") if len(word) > 3 else ("",):
            yield from (f"{word}{plural}{rest}".replace("_", "") for rest in ("", *STILL_SECRET))


def _names(separator: str, short: str) -> str:
    """The pattern of SECRETS and their plurals, or *short*, which stands for SECRET_WORDS."""
    words = [word.replace("_", separator) for word in SECRETS]
    long, brief = "|".join(w for w in words if len(w) > 3), "|".join(w for w in words if len(w) == 3)
    return rf"(?:(?:{long})s?|{brief}|{short})(?:{separator}(?:{'|'.join(STILL_SECRET)}))?"


_SEPARATOR = r"[_\-. ]?"
_OWN_WORD = rf"(?-i:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?:{'|'.join(SECRET_WORDS)})"
_NAME = re.compile(rf"{_names(_SEPARATOR, _OWN_WORD)}\d{{0,2}}(?:\]|\)|%5D)*\Z", re.ASCII | re.IGNORECASE)
_ABOUT_NAME = re.compile(rf"(?:\A|[.\[])(?i:{'|'.join(ABOUT)})(?=[_\-A-Z])[^.]*\Z", re.ASCII)
