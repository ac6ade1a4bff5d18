"""Every secret in every place where one can hide; everything that only looks like one, in the same places."""

from collections.abc import Callable
from typing import Any

import msgspec
import orjson
import pytest

from otel_audit.redact import Redactor, Rules

KEY = b"one key for SDK and receiver"
REDACTOR = Redactor(Rules(pseudonym_key=KEY))

BCRYPT = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW"
ARGON2 = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQxMjM0$RdescudvJCsgt3ub+b0dWRWJTmaaJObG"
SCRYPT = "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"
HEX = "5d21f8b13e2b1c7f1c3b1f6a6f1a4ac7a9d9d1c2d3e4f5a6b7c8d9e0f1a2b3c4"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1LTE3In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY\n-----END EC PRIVATE KEY-----"

#: What is known by its shape.
BY_SHAPE = {
    "bcrypt": BCRYPT,
    "argon2": ARGON2,
    "scrypt": SCRYPT,
    "pbkdf2 of passlib": "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk",
    "pbkdf2 of Django": "pbkdf2_sha256$600000$4cX7sZJ2Gq0v$WnW4y2bqmGk0y1XcQmE0O4kqTqfZ0Fv4nX1S8bS9b5k=",
    "bcrypt of Django": f"bcrypt_sha256${BCRYPT}",
    "pbkdf2 of Werkzeug": f"pbkdf2:sha256:600000$salt1234${HEX}",
    "scrypt of Werkzeug": f"scrypt:32768:8:1$salt1234${HEX}",
    "crypt": "$6$rounds=5000$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYE",
    "jwt": JWT,
    "github": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "stripe": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "slack": "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzzqgy",
    "google": "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "gitlab": "glpat-aB3_dE5-gH7jK9mN1pQ3",
    "private key": PEM,
    "card": "4111 1111-1111 1111",
    "card of a spreadsheet": "4111111111111111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "iban of the Netherlands": "NL91ABNA0417164300",
    "iban in small letters": "gb29-nwbk-6016-1331-9268-19",
}
#: What is known by its name.
BY_NAME = {
    "password": "correct horse",
    "apiKey": "tr0ub4dor",
    "set-cookie": "sid=31d4d96e",
    "cvv": "123",
    "customer_first_name": "Mia",
    "cardholderName": "Mia Bauer",
    "shipping-address": "Weg 1, 53111 Bonn",
    "mobilePhone": "+49 151 23456780",
    "date_of_birth": "1987-03-02",
    "ssn": "078-05-1120",
    "email": "mia@example.com",
}


def packed(text: str) -> str:
    return orjson.dumps({"a": [text]}).decode()


PLACES: dict[str, Callable[[str], Any]] = {
    "as it is": lambda text: text,
    "in a sentence": lambda text: f"sent «{text}», then",
    "in a list": lambda text: ["a", text],
    "in a map": lambda text: {"a": {"b": [text]}},
    "in a tuple in a map": lambda text: {"a": (1, text)},
    "in a key": lambda text: {text: 1},
    "in bytes": lambda text: text.encode(),
    "in JSON": packed,
    "in JSON in JSON": lambda text: packed(packed(text)),
    "in JSON in JSON in JSON": lambda text: packed(packed(packed(text))),
    "in JSON with escapes": lambda text: '{"a":"' + "".join(f"\\u{ord(sign):04x}" for sign in text) + '"}',
    "in JSON that was cut off": lambda text: packed(text)[:-2] + ', "b": "cu',
    "in a header": lambda text: f"X-Note: {text}",
}
#: A key is not searched for tokens: a map by tokens is by no means an event.
_NOT_IN_A_KEY = {name for name in BY_SHAPE if not name.startswith(("card", "iban"))}


def told(attributes: dict[str, Any]) -> str:
    """What is left, as the SDK asks and redacts; and it does not change when the receiver does the same."""
    assert REDACTOR.needed(attributes, msgspec.msgpack.encode(attributes))
    clean, count = REDACTOR.redact(attributes)
    assert count > 0
    assert REDACTOR.redact(clean) == (clean, 0)
    return str(clean)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", BY_SHAPE)
def test_what_has_a_shape_is_found_in_every_place(name: str, place: str):
    """No attribute's name helps to find it; of a card and an account the last four signs stay."""
    secret = BY_SHAPE[name]
    if place == "in a key" and name in _NOT_IN_A_KEY:
        return
    left = told({"audit.metadata.note": PLACES[place](secret)})
    for hidden in (secret, secret[4:20], secret.replace(" ", "")):
        assert hidden not in left
    assert repr(secret)[1:-1] not in left


NESTED: dict[str, Callable[[str, Any], dict[str, Any]]] = {
    "metadata": lambda name, value: {f"audit.metadata.{name}": value},
    "another attribute": lambda name, value: {f"shop.{name}": value},
    "a state": lambda name, value: {"audit.target.after": orjson.dumps({"a": {name: value}}).decode()},
    "a state as a map": lambda name, value: {"audit.target.before": {"a": [{name: value}]}},
    "a body in a body": lambda name, value: {"audit.request.body": packed(orjson.dumps({name: value}).decode())},
    "a list under the name": lambda name, value: {"audit.target.after": {name: [value]}},
    "a map under the name": lambda name, value: {"audit.target.after": {name: {"value": value}}},
    "a form": lambda name, value: {"audit.request.body": f"a=1&{name}={value.replace(' ', '+')}&b=2"},
    "a query": lambda name, value: {"http.target": f"/x?{name}={value.replace(' ', '%20')}"},
    "JSON that was cut off": lambda name, value: {"audit.response.body": f'{{"a": 1, "{name}": "{value}", "b": "c'},
    "spaced JSON": lambda name, value: {"audit.request.body": f'{{\n  "{name}" : "{value}"\n}}'},
}


@pytest.mark.parametrize("place", NESTED)
@pytest.mark.parametrize("name", BY_NAME)
def test_what_has_a_name_is_found_in_every_place(name: str, place: str):
    """However deep, and whatever it is written in."""
    value = BY_NAME[name]
    left = told(NESTED[place](name, value))
    for hidden in (value, value.replace(" ", "+"), value.replace(" ", "%20")):
        assert hidden not in left


LOOKALIKES = [
    *("1767225600000", "1767225600000000", "ord-4111111111111112", "4111111111111112", "2026-11-23 09:30:00"),
    *("550e8400-e29b-41d4-a716-446655440000", "4bf92f3577b34da6a3ce929d0e0e4736", "203.0.113.77", "51.50735091234569"),
    *("DE88370400440532013000", "XX89370400440532013000", "GB29 NWBK 6016 1331 9268 18", "it is 12 past nine"),
    *("costs $5 or $12.50", "$argon2 is a hash", "the $2b$ prefix", "eyJust a name", "eyJhbGciOiJIUzI1NiJ9", "AKIA"),
    *("skeleton_live_show", "gh_pages", "-----BEGIN CERTIFICATE-----", "npm_config_registry", "bearer of bad news"),
    *("Mia Bauer ordered", "mia@example.com wrote", "call +49 151 23456780", "Weg 1, 53111 Bonn", "born 1987-03-02"),
    *("name: Blue widget", "address: see below", "phone: call later"),
]
NAMES_KEPT = [
    *("name", "product_name", "brand_name", "username", "user_name", "display_name", "event_name", "filename"),
    *("hostname", "user_id", "customer_id", "address_id", "session.id", "audit.target.id", "key_id", "related"),
    *("ip_address", "mac_address", "client.address", "server.address", "email_verified", "has_phone", "phone_type"),
    *("hotel", "excel", "cancel", "martian", "zipped", "city", "country", "birth_weight", "passport_expired"),
    *("shipping_method", "billing_status", "street_light_count"),
]


@pytest.mark.parametrize("text", LOOKALIKES)
def test_what_only_looks_like_it_survives_in_every_place(text: str):
    """Times, ids, prices, prose: what was recorded is what is found."""
    for place in PLACES.values():
        attributes = {"audit.metadata.note": place(text)}
        assert REDACTOR.redact(attributes) == (attributes, 0)


@pytest.mark.parametrize("name", NAMES_KEPT)
def test_names_that_only_sound_like_it_survive(name: str):
    """A product has a name, a machine an address, and by an id people are found."""
    for place in NESTED.values():
        attributes = place(name, "Mia Bauer")
        assert REDACTOR.redact(attributes) == (attributes, 0)
