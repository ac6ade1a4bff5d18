"""Secrets and card numbers are replaced; everything that only looks like one is kept."""

import copy
import string
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stdnum import luhn

from otel_audit.redact import REDACTED, STRUCTURE, Redactor
from otel_audit.redact.names import SECRET_WORDS, SECRETS, STILL_SECRET

redact, needed = Redactor().redact, Redactor().needed

CARD = "4111111111111111"
MASKED = "[card …1111]"


def cleaned(value: Any, key: str = "audit.reason") -> Any:
    """What becomes of one attribute; whatever it is, *needed* must have announced a change."""
    attributes = {key: value}
    clean, count = redact(attributes)
    assert (count > 0) == (clean != attributes)
    assert count == 0 or announced(attributes)
    return next(iter(clean.values()))


def announced(attributes: dict[str, Any]) -> bool:
    """Asked as the SDK does."""
    return needed(attributes, msgspec.msgpack.encode(("an.event.success", attributes)))


# -- secrets by name -------------------------------------------------------------------------------------------


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES_OF_SECRETS = words("""
    password passwd pwd passphrase passcode secret client_secret token access_token refresh_token id_token csrf_token
    authorization proxy-authorization Proxy-Authorization cookie set-cookie Set-Cookie session_cookie
    api_key apikey apiKey API_KEY X-Api-Key stripe_api_key stripeApiKey private_key privateKey secret_key access_key
    aws_secret_access_key encryption_key signing_key credential credentials cvv cvv2 CVV cvc csc card_csc cvv_code
    security_code securityCode card_verification card_verification_value pin PIN card_pin cardPin userPIN user.pin
    otp totp mfa_code security_answer connection_string connectionString bearer jwt dbPassword DB_PASSWORD db.password
    password_hash hashed_password passwordHash new_password_confirm newPasswordConfirm password2 user[password]
    tokens secrets http.request.header.authorization http.request.header.x-api-key user%5Bpassword%5D
""")
HARMLESS_NAMES = words("""
    session.id user.id audit.request.id audit.source.id key key_id keyId primary_key foreign_key keyboard monkey
    passenger passenger_name compass bypass token_count token_type token_expires_in tokenizer cookie_consent author
    author_id authorization_id authorized pin_code pinCode shipping pinned opinion password_changed_at
    password_length secretary secretariat broken api_key_id access_key_id credential_id card_type card_last4
    public_key code status_code country_code currency_code laptop description organization localization
    security_level cvv_check_result authentication_method user.agent cookies_accepted
""")
#: Harmless too, but looked at twice.
DOUBTFUL_NAMES = words("spin hairpin has_password hasPassword isSecret requires_token audit.metadata.has_token")


@pytest.mark.parametrize("name", NAMES_OF_SECRETS)
def test_a_secret_is_known_by_its_name(name: str):
    """As an attribute, in a state, in a state within a state, in a map, and in text."""
    secret = "correct horse"
    assert cleaned(secret, f"audit.metadata.{name}") == REDACTED
    assert cleaned({name: secret}) == {name: REDACTED}
    assert cleaned([{"a": {name: secret}}]) == [{"a": {name: REDACTED}}]
    state = orjson.dumps({"a": [{name: secret, "b": 1}]}).decode()
    assert cleaned(state) == state.replace(secret, REDACTED)
    assert secret not in cleaned(orjson.dumps({"body": state}).decode())
    assert secret not in cleaned(orjson.dumps(state).decode())
    assert cleaned(f"?a=1&{name}=hunter2&b=2") == f"?a=1&{name}={REDACTED}&b=2"
    assert cleaned(f'cut off {{"{name}": "{secret}", "b') == f'cut off {{"{name}": "{REDACTED}", "b'


@pytest.mark.parametrize("name", HARMLESS_NAMES + DOUBTFUL_NAMES)
def test_a_name_that_is_no_secrets_is_left_alone(name: str):
    """What only sounds like a secret, or tells about one, is kept in every place."""
    value = "correct horse"
    for kept in (value, {name: value}, orjson.dumps({name: value}).decode(), f"?a=1&{name}=horse&b=2"):
        assert cleaned(kept) == kept
        assert cleaned(kept, f"audit.metadata.{name}") == kept
        assert name in DOUBTFUL_NAMES or not announced({"audit.reason": kept})


@pytest.mark.parametrize("value", [True, False, None, "", [], {}, REDACTED])
def test_what_hides_nothing_is_kept(value: Any):
    """Whether there is a password may be told."""
    assert cleaned(value, "audit.metadata.password") == value
    assert cleaned({"password": value}) == {"password": value}
    state = orjson.dumps({"password": value}).decode()
    assert cleaned(state) == state
    assert cleaned(f"not JSON {state}") == f"not JSON {state}"


@pytest.mark.parametrize("value", [1234, 0, 12.5, ["a"], {"user": "a", "value": "b"}, "0", b"raw"])
def test_a_secret_may_be_of_any_kind(value: Any):
    """A number, a list or a map under a secret's name is replaced as a whole."""
    assert cleaned(value, "audit.metadata.pin") == REDACTED
    assert cleaned({"pin": value}) == {"pin": REDACTED}


def test_numbers_under_a_plural_are_counts():
    """How many tokens were used is no token."""
    assert cleaned({"prompt_tokens": 12, "tokens": 1.5}) == {"prompt_tokens": 12, "tokens": 1.5}
    assert cleaned("prompt_tokens=12, tokens: 40.") == "prompt_tokens=12, tokens: 40."
    assert cleaned({"tokens": ["abc"]}) == {"tokens": REDACTED}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: [redacted]"),
        ("authorization: Basic dXNlcjpwYXNz, then", "authorization: [redacted], then"),
        ("sent Bearer eyJhbGciOiJIUzI1NiJ9.e30.x-y_z to", "sent Bearer [redacted] to"),
        ("BEARER 0123456789abcdef==", "BEARER [redacted]"),
        ("Cookie: sid=abc; theme=dark\nHost: a", "Cookie: [redacted]\nHost: a"),
        ("/callback?redirect=/x?token=abc&state=1", "/callback?redirect=/x?token=[redacted]&state=1"),
        (
            "login failed: {'user': 'mia', 'password': 'hunter2'}",
            "login failed: {'user': 'mia', 'password': '[redacted]'}",
        ),
        ('{"password": "with \\" in it", "cut', '{"password": "[redacted]", "cut'),
        ('{"pin": 1234, "cut', '{"pin": "[redacted]", "cut'),
        (r"{\"password\": \"x y\", \"cut", r"{\"password\": \"[redacted]\", \"cut"),
        ('password="not closed', 'password="[redacted]'),
        ("Login(user=mia, password=a,b, otp = 123456)", "Login(user=mia, password=[redacted], otp = [redacted]"),
        ("{:password=>'x', :user=>'y'}", "{:password=>'[redacted]', :user=>'y'}"),
        ("PGPASSWORD=x psql", "PGPASSWORD=[redacted] psql"),
        ("user%5Bpassword%5D=x&user%5Bname%5D=y", "user%5Bpassword%5D=[redacted]&user%5Bname%5D=y"),
    ],
)
def test_a_secret_in_text_is_replaced(text: str, clean: str):
    """Its name and what surrounds it stay readable."""
    assert cleaned(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "the password was changed",
        "unexpected token",
        "the bearer of this letter",
        "bearer instruments only",
        "password: null, token=None, has_password=yes",
        "https://example.com/passwords?page=2#a=b",
        "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) AppleWebKit/537.36",
    ],
)
def test_text_that_only_speaks_of_secrets_is_kept(text: str):
    """A sentence is no secret."""
    assert cleaned(text) == text


# -- card numbers ----------------------------------------------------------------------------------------------

CARDS = [
    "4111111111111111",  # Visa, and with 13 and 19 digits
    "4222222222222",
    "4000000000000000006",
    "5555555555554444",  # Mastercard
    "2223003122003222",
    "2720990000000007",
    "378282246310005",  # American Express
    "6011111111111117",  # Discover
    "6445644564456445",
    "6510000000000034",
    "36227206271667",  # Diners Club
    "30569309025904",
    "3530111333300000",  # JCB
    "6200000000000005",  # UnionPay
    "6759649826438453",  # Maestro
    "5018000000000009",
]


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_is_masked_wherever_it_stands(card: str):
    """In text, as a number of any kind, as a key; the last four digits tell which card it was."""
    masked = f"[card …{card[-4:]}]"
    assert luhn.is_valid(card)
    assert cleaned(card) == masked
    assert cleaned(f"card {card}, thanks") == f"card {masked}, thanks"
    assert cleaned(int(card)) == masked
    assert cleaned({"n": [int(card)]}) == {"n": [masked]}
    assert cleaned(f'{{"n":{card}}}') == f'{{"n":"{masked}"}}'
    assert cleaned({card: 1, int(card): 2}) == {masked: 1, f"{masked} (2)": 2}
    assert cleaned({card: 1, masked: 2}) == {masked: 1, f"{masked} (2)": 2}
    assert cleaned(f'{{"{card}":1}}') == f'{{"{masked}":1}}'
    assert cleaned(card.encode()) == masked.encode()
    assert list(redact({f"audit.metadata.{card}": 1})[0]) == [f"audit.metadata.{masked}"]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111 1111-1111 1111",
        "4111  1111 - 1111--1111",
        "4.1.1.1 1111 1111 1111",
        "4111\u00a01111\u202f1111\u30001111",
        "4111\u20111111\u20131111\u22121111",
        "4111\u200b111111111111",
        "4111+1111+1111+1111",
        "4111%201111%201111%201111",
        "４１１１　１１１１　１１１１　１１１１",
        "4111 １１１１ 1111 1111",
        "٤١١١ ١١١١ ١١١١ ١١١١",
    ],
)
def test_separators_do_not_hide_a_card_number(text: str):
    """However it was typed, inside whatever stands around it."""
    last = text[-4:]
    for before, after in [
        ("", ""),
        ("paid with ", "."),
        ("12 ", " 07/29"),
        ("карта", ""),
        ("カード", "です"),
        ("n=", "&"),
    ]:
        clean = cleaned(f"{before}{text}{after}")
        assert clean in (f"{before}{MASKED}{after}", f"{before}[card …{last}]{after}"), clean


def test_a_float_that_holds_a_card_number_is_masked():
    """A spreadsheet makes floats of them."""
    assert cleaned(4111111111111111.0) == MASKED
    assert cleaned('{"n":4111111111111111.0}') == f'{{"n":"{MASKED}"}}'
    assert cleaned('{"n":4.111111111111111e15}') == f'{{"n":"{MASKED}"}}'
    assert cleaned("4111111111111111.0") == f"{MASKED}.0"


def test_escapes_do_not_hide_a_card_number():
    """JSON's escapes are read, and of those that cannot be read the letter is no neighbour."""
    assert cleaned(r'{"n":"\u0034111\u00a0111111111111"}') == f'{{"n":"{MASKED}"}}'
    assert cleaned(r'{"n":"a\n4111111111111111", "cut') == rf'{{"n":"a\n{MASKED}", "cut'
    assert cleaned("a=%204111111111111111") == f"a=%20{MASKED}"


NO_CARDS = [
    "4111111111111112",  # the check digit is wrong
    "9111111111111111",
    "1111111111111117",
    "ord4111111111111111x",
    "x4111111111111111",
    "4111111111111111x",
    "44111111111111111111111",
    "1767225600000",  # milliseconds, microseconds, nanoseconds since 1970
    "1767225600000000",
    "1767225600000000003",
    "1767225600.123456",
    "2026-01-01T00:00:00.000000Z",
    "20260101000000",
    "550e8400-e29b-41d4-a716-446655440000",
    "41111111-1111-1111-8111-111111111111",
    "aaaaaaaa-1111-4111-4111-111111111111",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "+49 151 23456780",
    "+4222222222222",
    "0049 151 23456780",
    "51.50735091234569",
    "203.0.113.77",
    "DE88370400440532013000",
    "4111,1111,1111,1111",
    "[card …1111]",
]


@pytest.mark.parametrize("text", NO_CARDS)
def test_what_only_looks_like_a_card_number_is_kept(text: str):
    """Times, ids, telephone numbers, places and parts of longer words."""
    for kept in (text, f"n {text}, m", {"n": text}, orjson.dumps({"n": text}).decode()):
        assert cleaned(kept) == kept


@pytest.mark.parametrize("number", [1767225600000, 1767225600000000003, 4111111111111112, 10**30, -4111111111111111])
def test_numbers_that_are_no_cards_are_kept(number: int):
    """Times and counts stay numbers."""
    assert redact({"n": number, "m": [number]}) == ({"n": number, "m": [number]}, 0)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 4111111111111111.5, 1e300])
def test_floats_that_are_no_cards_are_kept(number: float):
    """No float is beyond the question."""
    assert redact({"n": number})[1] == 0


# -- the event -------------------------------------------------------------------------------------------------


def test_the_structure_is_never_touched():
    """The receiver needs it to file the event."""
    attributes = dict.fromkeys(STRUCTURE, CARD)
    assert redact(attributes) == (attributes, 0)


@pytest.mark.parametrize("wrap", [lambda o: o, lambda o: [o], lambda o: {"a": ["b", {"c": o}]}])
def test_an_object_is_announced_unseen(wrap: Any):
    """A model is redacted as what it is encoded as: only who decodes it knows. Times, ids and amounts are texts."""
    assert needed({"audit.metadata.a": wrap(SimpleNamespace(password="x"))}, b"")
    assert redact({"a": wrap(opaque := SimpleNamespace(password="x"))}) == ({"a": wrap(opaque)}, 0)
    for plain in (UUID("0192f0c1-7a3b-7cde-8f01-23a5b7c9d1ef"), Decimal("1.5"), datetime(2026, 1, 1, tzinfo=UTC)):
        assert not announced({"audit.metadata.a": wrap(plain)})


def test_every_find_is_counted():
    """The count tells how many values were replaced."""
    attributes = {
        "audit.metadata.password": "x",
        "audit.reason": f"{CARD} {CARD} pin=1",
        "a": f'{{"pin":"1","n":{CARD}}}',
    }
    clean, count = redact(attributes)
    assert count == 6
    assert clean["audit.reason"] == f"{MASKED} {MASKED} pin={REDACTED}"


def test_what_has_no_find_is_the_same_object():
    """An event without a find is copied only at its top."""
    attributes = {"a": {"b": [1, "x=1"]}, "roles": ("a", "b"), "c": '{ "spaced" : "token" }', "d": b"\xff"}
    clean, count = redact(attributes)
    assert count == 0
    assert all(clean[key] is value for key, value in attributes.items())


def test_json_keeps_its_form_unless_something_is_found():
    """Rewriting is for the texts that need it."""
    assert cleaned('{ "n" : 1.50, "token_type": "x" }') == '{ "n" : 1.50, "token_type": "x" }'
    assert cleaned('{ "n" : 1, "token": "x" }') == '{"n":1,"token":"[redacted]"}'
    assert cleaned('{\n "token"\n : "x" }') == '{"token":"[redacted]"}'


@pytest.mark.parametrize("depth", [1, 50, 200, 1000, 100_000])
def test_depth_hides_nothing_and_breaks_nothing(depth: int):
    """JSON text, maps and lists of any depth; what is too deep to be read is searched as text."""
    for inner in (f'"{CARD}"', '{"password":"hunter2"}'):
        state = '{"a":[' * (depth // 2) + inner + "]}" * (depth // 2)
        clean, count = redact({"audit.target.after": state})
        assert count == 1
        assert CARD not in clean["audit.target.after"]
        assert "hunter2" not in clean["audit.target.after"]
    value: Any = {"password": "hunter2", "n": [CARD]}
    for _ in range(depth):
        value = [{"a": value}]
    clean, count = redact({"a": value})
    assert count == 2
    found: Any = clean["a"]
    for _ in range(depth):
        found = found[0]["a"]
    assert found == {"password": REDACTED, "n": [MASKED]}


def test_a_circle_ends():
    """A list that holds itself is walked once."""
    circle: list[Any] = [CARD]
    circle.append(circle)
    clean, count = redact({"a": circle})
    assert count == 1
    assert clean["a"][0] == MASKED
    assert clean["a"][1] is clean["a"]


@pytest.mark.parametrize(
    "text",
    [
        *("\ud800 4111111111111111", "{\ud800password=x", "\\" * 100_000, '"' * 100_000, "Bearer " * 20_000),
        *("[" * 100_000, '{"a":' * 100_000, "password='" * 20_000, "a=" * 50_000, "a-" * 50_000, "a" * 500_000 + "="),
        *("4 " * 10_000, "4" * 100_000, "4111 " * 20_000, '"\\' * 50_000, "password" * 50_000 + "="),
    ],
    ids=lambda text: f"{text[:6]!a}",
)
@pytest.mark.timeout(20)
def test_no_text_breaks_it_or_takes_for_ever(text: str):
    """Whatever was recorded, the application goes on."""
    clean, _ = redact({"audit.reason": text, "b": [text], "c": {text: text}})
    assert CARD not in clean["audit.reason"]


# -- properties ------------------------------------------------------------------------------------------------

ISSUERS = ["4", "51", "55", "2221", "2720", "34", "37", "6011", "644", "65", "36", "300", "3528", "3589", "62", "6759"]
LENGTHS = {"4": (13, 16, 19), "3": (14, 15, 16), "5": (16,), "2": (16,), "6": (16, 19)}
SEPARATORS = [" ", "-", ".", "\u00a0", "\u2009", "\u2013", "\u2212", "  ", " - "]


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    """A number that an issuer might have given out."""
    prefix = draw(st.sampled_from(ISSUERS))
    length = draw(st.sampled_from(LENGTHS[prefix[0]]))
    length = {"34": 15, "37": 15, "3528": 16, "3589": 16}.get(prefix, length)
    body = prefix + draw(st.text("0123456789", min_size=length - len(prefix) - 1, max_size=length - len(prefix) - 1))
    return body + str(luhn.calc_check_digit(body))


def spread(draw: st.DrawFn, digits: str) -> str:
    """*digits* with separators somewhere."""
    gaps = draw(st.lists(st.sampled_from(["", "", "", *SEPARATORS]), min_size=len(digits), max_size=len(digits)))
    return "".join(digit + gap for digit, gap in zip(digits[:-1], gaps, strict=False)) + digits[-1]


TEXTS = st.text(st.sampled_from(string.printable + "éß€漢 \u00a0…[]{}\"'\\:=&"), max_size=40)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_card_number_gets_through(data: st.DataObject):
    """Any issuer's number with any separators in any text is gone; and it was announced."""
    digits = data.draw(card_numbers())
    written = spread(data.draw, digits)
    before, after = data.draw(TEXTS), data.draw(TEXTS)
    # Part of a longer word, a telephone number, a percent escape, a decimal fraction.
    assume(not (before[-1:].isascii() and before[-1:].isalnum()) and before[-1:] not in ("+", "%"))
    assume(not (after[:1].isascii() and after[:1].isalnum()))
    assume(not (written.count(".") == 1 and written[1:4].count(".") and written.replace(".", "").isdigit()))
    wrap = data.draw(st.sampled_from([lambda t: t, lambda t: [t], lambda t: orjson.dumps({"a": [t]}).decode()]))
    said = {"audit.reason": wrap(f"{before}{written}{after}")}
    clean, count = redact(said)
    assert count >= 1
    assert announced(said)
    told = clean["audit.reason"]
    told = told[0] if isinstance(told, list) else told
    assert digits not in "".join(sign for sign in told if sign in string.digits)


NAMES = st.one_of(
    st.sampled_from(NAMES_OF_SECRETS + HARMLESS_NAMES + DOUBTFUL_NAMES),
    st.builds(
        "".join, st.lists(st.sampled_from([*' _-.[]"\\%59', "has", "is", "pass", "word", "Key", "api", "pin", "s"]))
    ),
    st.builds(
        lambda before, word, between, rest, after: before + word.replace("_", between) + rest + after,
        st.sampled_from(["", "my", "my_", "has_", "a.", "x\\", '"']),
        st.sampled_from(SECRETS + SECRET_WORDS),
        st.sampled_from(["", "_", "-", ".", " ", "__"]),
        st.sampled_from(["", "s", *STILL_SECRET, "_at", "1", "22", "333"]),
        st.sampled_from(["", "]", " ", '"', "\\", "\n", "\t", ")]", "%5D"]),
    ),
)
PIECES = st.one_of(
    NAMES,
    TEXTS,
    st.composite(lambda draw: spread(draw, draw(card_numbers())))(),
    st.sampled_from(
        ["=", ": ", '": "', "\\", '"', "'", "Bearer abcdef123", "[redacted]", "{", "[", "}", "]", ", ", "\\n"]
    ),
)
STRINGS = st.lists(PIECES, max_size=6).map("".join)
LEAVES = st.one_of(
    STRINGS,
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    card_numbers().map(int),
    card_numbers().map(float),
    st.floats(allow_nan=False),
    STRINGS.map(str.encode),
)
JSON = st.recursive(
    LEAVES.filter(lambda leaf: not isinstance(leaf, bytes)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(NAMES, STRINGS), inner, max_size=3),
        inner.map(lambda value: orjson.dumps(value).decode()),
        inner.map(lambda value: orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()),
    ),
    max_leaves=8,
)
EVENTS = st.dictionaries(st.one_of(NAMES, STRINGS), st.one_of(LEAVES, JSON), max_size=4)


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_every_change_is_announced(attributes: dict[str, Any]):
    """``needed`` is never False when ``redact`` would change something, whether sent as MessagePack or as JSON."""
    changed = redact(attributes)[0] != attributes
    assert not changed or announced(attributes)
    if not any(isinstance(value, bytes) for value in attributes.values()):
        assert not changed or needed(attributes, orjson.dumps(attributes))


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_doing_it_again_changes_nothing(attributes: dict[str, Any]):
    """What was replaced is not taken for a secret."""
    clean, _ = redact(attributes)
    assert redact(clean) == (clean, 0)


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_the_argument_is_not_changed(attributes: dict[str, Any]):
    """The application's own values stay as they are."""
    before = copy.deepcopy(attributes)
    redact(attributes)
    assert attributes == before
