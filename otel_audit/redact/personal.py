"""Names of what tells who a person is: a name, an address, a telephone number, a date of birth, a national id, e-mail.

Judged by its last words, however it is spelled: ``customerFirstName``, ``billing-phone-number``, ``address_line_2``.
What is filed under a person (``customer``, ``recipient``) need not say again whose it is.
"""

import re
from collections.abc import Iterator

#: By what it tells. docs/redaction.md lists the same.
PERSONAL = {
    "name": (
        *("first_name", "last_name", "middle_name", "full_name", "given_name", "family_name", "fore_name", "sur_name"),
        *("maiden_name", "birth_name", "cardholder", "cardholder_name", "card_holder", "card_holder_name"),
        *("account_holder", "account_holder_name", "holder_name", "name_on_card", "customer_name", "client_name"),
        *("buyer_name", "recipient_name", "contact_name", "person_name", "guest_name", "billing_name"),
        *("shipping_name", "delivery_name", "employee_name", "sender_name", "payer_name", "payee_name"),
    ),
    "postal address": (
        *("address", "postal_address", "street_address", "address_line", "street", "street_name", "house_number"),
        *("postal_code", "post_code", "zip", "zip_code", "shipping_city", "billing_city", "delivery_city"),
    ),
    "phone": (
        *("phone", "phone_number", "phone_no", "telephone", "telephone_number", "mobile", "mobile_number"),
        *("cell_phone", "cell_number", "fax", "fax_number", "msisdn"),
    ),
    "birth date": (
        *("birth_date", "date_of_birth", "dob", "birth_day", "birth_year", "birth_place", "place_of_birth"),
    ),
    "national id": (
        *("ssn", "social_security_number", "national_id", "national_id_number", "national_insurance_number"),
        *("personal_id_number", "identity_number", "identity_card_number", "id_card_number", "passport"),
        *("passport_number", "passport_no", "driver_license", "driver_license_number", "drivers_license"),
        *("drivers_license_number", "tax_id", "tax_id_number", "tax_payer_id", "nino", "cpf", "pesel", "aadhaar"),
    ),
    "e-mail": ("email", "email_address", "e_mail", "e_mail_address", "mail_address"),
}
#: Who is a person: a bare name, place or e-mail in a map of this name is theirs.
PERSONS = (
    *("customer", "client", "buyer", "recipient", "contact", "person", "guest", "cardholder", "card_holder"),
    *("account_holder", "addressee", "billing", "shipping", "delivery", "employee", "sender", "payer", "payee"),
    *("patient", "beneficiary", "subscriber", "user", "profile", "personal_info", "personal_data", "contact_details"),
)
#: What is theirs there, beside PERSONAL.
OF_A_PERSON = ("name", "first", "last", "city", "town", "place")
#: Whatever else a map of PERSONAL holds is personal, but these.
KEPT_INSIDE = ("id", "type", "kind", "country", "country_code", "default", "created_at", "updated_at")

#: An address that is no postal one.
_NOT_POSTAL = frozenset(
    {
        *("ip", "client", "server", "peer", "host", "mac", "source", "destination", "remote", "local", "network"),
        *("socket", "net", "http", "wallet", "memory", "bind", "listen", "proxy", "web", "site", "internet", "url"),
    }
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words_of(name: str) -> tuple[str, ...]:
    """The words of *name*, small: of ``customerPhoneNumber`` three."""
    return tuple(word.lower() for word in _WORD.findall(name.replace("%5B", "[").replace("%5D", "]")))


def is_personal(words: tuple[str, ...]) -> bool:
    """Whether a name of these words is one of PERSONAL."""
    start = _start(words, _PERSONAL)
    if start is None:
        return False
    return not (start > 0 and words[start].startswith("address") and words[start - 1] in _NOT_POSTAL)


def is_person(words: tuple[str, ...]) -> bool:
    """Whether a map of this name describes a person."""
    return _start(words, _PERSONS) is not None


def is_of_a_person(words: tuple[str, ...]) -> bool:
    """Whether what has this name, in a map that describes a person, tells who it is."""
    return len(words) == 1 and words[0] in OF_A_PERSON


def is_kept_inside(words: tuple[str, ...]) -> bool:
    """Whether what has this name, in a map that is personal, tells nothing."""
    return "_".join(words) in KEPT_INSIDE or words[-1:] == ("id",)


def folded_personal() -> Iterator[str]:
    """Every name, or the end of one, without separators; plurals too."""
    yield from (f"{word}{plural}" for word in _PERSONAL for plural in ("", "s", "es"))


def folded_persons() -> Iterator[str]:
    """The same of the maps that describe a person."""
    yield from (f"{word}{plural}" for word in _PERSONS for plural in ("", "s"))


def _start(words: tuple[str, ...], table: frozenset[str]) -> int | None:
    """Where in *words* the name of *table* begins that they end in, numbers behind it and its plural aside."""
    end = len(words)
    while end and words[end - 1].isdigit():
        end -= 1
    for start in range(max(end - _WORDS_MAX, 0), end):
        name = "".join(words[start:end])
        if name in table or name.removesuffix("s") in table or name.removesuffix("es") in table:
            return start
    return None


_PERSONAL = frozenset(word.replace("_", "") for names in PERSONAL.values() for word in names)
_PERSONS = frozenset(word.replace("_", "") for word in PERSONS)
#: date_of_birth, social_security_number, drivers_license_number.
_WORDS_MAX = 4
