"""Settings decide how each kind is redacted, and by which names."""

from typing import Any

import pytest

from otel_audit import _config
from otel_audit.errors import NotConfigured
from otel_audit.redact import Redactor, Rules, fields_of
from otel_audit.redact.decision import NAMES_MAX
from otel_audit.redact.marks import pseudonym

KEY = b"one key for SDK and receiver"
MIA = "mia@example.com"


def redacted(attributes: dict[str, Any], **rules: Any) -> dict[str, Any]:
    redactor = Redactor(Rules(pseudonym_key=KEY, **rules))
    clean, count = redactor.redact(attributes)
    assert not count or redactor.needed(attributes, repr(attributes).encode())
    return clean


@pytest.mark.parametrize(
    ("rule", "attributes", "kept"),
    [
        ("secrets", {"password": "correct horse"}, "orse"),
        ("cards", {"a": "4111111111111111"}, "1111"),
        ("ibans", {"a": "DE89370400440532013000"}, "3000"),
        ("personal", {"audit.metadata.phone": "+49 151 23456780"}, "6780"),
    ],
)
def test_each_kind_has_its_mode(rule: str, attributes: dict[str, Any], kept: str):
    """Remove tells nothing, a mask its end, a pseudonym that it is the same."""
    [(_, value)] = attributes.items()
    [removed] = redacted(attributes, **{rule: "remove"}).values()
    [masked] = redacted(attributes, **{rule: "mask"}).values()
    [named] = redacted(attributes, **{rule: "pseudonym"}).values()
    assert removed == "[redacted]"
    assert masked.startswith("[")
    assert masked.endswith(f"…{kept}]")
    assert named == pseudonym(KEY, value)


@pytest.mark.parametrize("actor", ["staff", "service", "system"])
def test_the_email_of_staff_is_kept_unless_asked_otherwise(actor: str):
    """Who acts for the shop answers for it; a setting hides it all the same."""
    said = {"user.email": MIA, "audit.actor.type": actor}
    assert redacted(said) == said
    assert redacted(said, staff_email="pseudonym")["user.email"] == pseudonym(KEY, MIA)
    assert redacted(said, staff_email="mask")["user.email"] == "[masked ….com]"


@pytest.mark.parametrize("actor", [{}, {"audit.actor.type": "user"}, {"audit.actor.type": "anonymous"}])
def test_the_email_of_a_customer_is_a_pseudonym(actor: dict[str, str]):
    """Whoever is not said to be staff is a customer; in states everyone is."""
    assert redacted({"user.email": MIA, **actor})["user.email"] == pseudonym(KEY, MIA)
    staff = {"audit.actor.type": "staff", "audit.target.after": {"email": MIA}}
    assert redacted(staff)["audit.target.after"] == {"email": pseudonym(KEY, MIA)}


def test_a_person_is_known_by_what_surrounds_a_name():
    """A bare name is a product's, and a customer's in a customer; an address is personal but for its country."""
    state = {
        "customer": {"id": "c-1", "name": "Mia Bauer", "cart": {"name": "first"}},
        "items": [{"name": "Blue widget"}],
        "recipients": [{"name": "Mia Bauer", "city": "Bonn"}],
        "shipping_address": {"country": "DE", "lines": ["Weg 1", "2nd floor"], "door": 7, "id": "a-1", "default": True},
        "address_line_2": "Weg 1",
        "phones": 2,
        "mobile": None,
        "phone": True,
    }
    told = redacted({"audit.target.after": state}, personal="remove", fields={"lines": "mask"})["audit.target.after"]
    hidden = "[redacted]"
    assert told == {
        "customer": {"id": "c-1", "name": hidden, "cart": {"name": "first"}},
        "items": [{"name": "Blue widget"}],
        "recipients": [{"name": hidden, "city": hidden}],
        "shipping_address": {
            "country": "DE",
            "lines": ["[masked]", "[masked …loor]"],
            "door": hidden,
            "id": "a-1",
            "default": True,
        },
        "address_line_2": hidden,
        "phones": 2,
        "mobile": None,
        "phone": True,
    }


def test_one_map_in_two_places_is_judged_in_each():
    """A product's name stays although the same object is filed under a customer."""
    shared = {"name": "Mia Bauer"}
    told = redacted({"a": {"customer": shared, "product": shared}}, personal="remove")["a"]
    assert told == {"customer": {"name": "[redacted]"}, "product": {"name": "Mia Bauer"}}


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("loyalty_number", "loyalty_number", True),
        ("loyalty_number", "loyaltyNumber", True),
        ("loyalty_number", "audit.metadata.loyalty_number", True),
        ("loyalty_number", "my_loyalty_number", False),
        ("*_number", "my_loyalty_number", True),
        ("loyalty_*", "loyalty_number", True),
        ("loyalty_*", "audit.metadata.loyalty_number", True),
        ("*note*", "internal_notes", True),
        ("crm.*", "crm.field", True),
        ("crm.*", "crm.field.deep", False),
    ],
)
def test_fields_of_ones_own(pattern: str, name: str, fits: bool):
    """The whole name, or the end of a dotted one; in texts and states, too."""
    assert redacted({name: "abc"}, fields={pattern: "remove"}) == {name: "[redacted]" if fits else "abc"}
    state = {"audit.target.after": f'{{"{name}":"abc"}}'}
    assert ("abc" not in redacted(state, fields={pattern: "remove"})["audit.target.after"]) == fits
    form = {"audit.request.body": f"a=1&{name}=abc"}
    assert ("abc" not in redacted(form, fields={pattern: "remove"})["audit.request.body"]) == fits


def test_keep_spares_a_personal_name_and_no_secret():
    """A shop's own telephone number may be told; a password never."""
    said = {"phone": "+49 228 1234567", "password": "x", "a": "4111111111111111"}
    kept = redacted(said, fields={"phone": "keep", "password": "keep", "a": "keep"})
    assert kept == {"phone": "+49 228 1234567", "password": "[redacted]", "a": "[card …1111]"}


def test_wrong_settings_are_named_with_their_place_all_at_once():
    """Whoever starts the service sees every one of them, and never the key."""
    with pytest.raises(NotConfigured) as refused:
        _config.read(
            protocol="carrier pigeon",
            redaction={
                "pseudonym_key": "short",
                "redact_cards": "hide",
                "redact_fields": {"a b": "remove", "*": "mask", "a*b*c*": "mask", "notes": "shred"},
                "field_max_bytes": 10,
            },
            environ={"OTEL_AUDIT_REDACT_PERSONAL": "keep"},
        )
    said = str(refused.value)
    for place in (
        "protocol",
        "pseudonym_key: must have at least 16 bytes",
        "redact_cards: must be one of remove, mask, pseudonym, not 'hide'",
        "redact_personal: must be one of",
        "redact_fields: 'a b' must be a name",
        "'*' would fit every name",
        "'a*b*c*' has more than 2 *",
        "'notes': its mode must be one of remove, mask, pseudonym, keep, not 'shred'",
        "field_max_bytes: must be 1024 to",
    ):
        assert place in said
    assert "short" not in said


def test_settings_come_from_variables():
    """A service that is configured by its environment is redacted as one that is by keywords."""
    environ = {
        "OTEL_AUDIT_PSEUDONYM_KEY": KEY.decode(),
        "OTEL_AUDIT_REDACT_FIELDS": "loyalty_*=remove, notes",
        "OTEL_AUDIT_REDACT_STAFF_EMAIL": "mask",
        "OTEL_AUDIT_FIELD_MAX_BYTES": "2048",
    }
    by_variables = _config.read(environ=environ).redaction
    fields = {"loyalty_*": "remove", "notes": "pseudonym"}
    said = {
        "pseudonym_key": KEY.decode(),
        "redact_fields": fields,
        "redact_staff_email": "mask",
        "field_max_bytes": 2048,
    }
    assert by_variables == _config.read(environ={}, redaction=said).redaction
    assert by_variables == Rules(pseudonym_key=KEY, fields=fields, staff_email="mask", field_max_bytes=2048)
    assert KEY.decode() not in repr(by_variables)


def test_too_many_fields_are_refused():
    """Each name is held against each pattern."""
    with pytest.raises(ValueError, match="more than 200"):
        fields_of({f"field_{number}": "mask" for number in range(201)})


def test_names_remembered_are_bounded():
    """A map with a new key for everything does not fill the memory."""
    redactor = Redactor()
    for start in range(0, 3 * NAMES_MAX, 1000):
        redactor.redact({"a": {f"key {number}": 1 for number in range(start, start + 1000)}})
        redactor.needed({f"key {number}": "x" for number in range(start, start + 1000)}, b"")
    assert len(redactor._judge.anywhere) <= NAMES_MAX
    assert len(redactor._harmless) <= NAMES_MAX
