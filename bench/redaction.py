"""What redaction costs for a state of 10 kB, against its JSON encoding, in the same turn.

Three states: one with nothing to redact, one with a customer and an address, and one that also has a card number in
running text. The encoding is the one the SDK sends states by; beside it stands ``json.dumps`` of the standard library.
Run by ``make bench ONLY=redaction``.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from otel_audit import _value, wire
from otel_audit.redact import Redactor, Rules

LIMIT = 3.0
SIZE = 10_000
CUSTOMER = {
    "id": "c-17",
    "name": "Mia Bauer",
    "email": "mia@example.com",
    "phone": "+49 151 23456780",
    "address": {"street": "Weg 1", "city": "Bonn", "postal_code": "53111", "country": "DE"},
}


def main() -> None:
    """The median of the pairs' ratios, for each state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400, help="pairs for each state")
    rounds = parser.parse_args().rounds
    redactor = Redactor(Rules(pseudonym_key=b"one key for SDK and receiver"))
    print(f"{'state':<22}{'bytes':>7}{'found':>7}{'redaction µs':>14}{'× JSON':>9}{'× json.dumps':>14}")
    for name, state in _states().items():
        attributes = {wire.AFTER: _value.state(state)}
        found = redactor.redact(attributes)[1]
        ours, (sdk, stdlib) = _paired(
            lambda attributes=attributes: _redacted(redactor, attributes),  # type: ignore[misc]
            (lambda state=state: _value.state(state), lambda state=state: json.dumps(state)),  # type: ignore[misc]
            rounds,
        )
        print(f"{name:<22}{len(attributes[wire.AFTER]):>7}{found:>7}{ours:>14.0f}{sdk:>9.2f}{stdlib:>14.2f}")
    print(f"(nothing to redact, × JSON: at most {LIMIT:g}; the others, × json.dumps: at most {LIMIT:g})")


def _redacted(redactor: Redactor, attributes: dict[str, Any]) -> None:
    """As ``record()`` does: asked first, for most events have nothing."""
    if redactor.needed(attributes, attributes[wire.AFTER].encode()):
        redactor.redact(attributes)


def _states() -> dict[str, dict[str, Any]]:
    order: dict[str, Any] = {"order_id": "o-1001", "status": "paid", "currency": "EUR", "total": 1234.5, "items": []}
    while len(_value.state(order)) < SIZE:
        order["items"].append(_item(len(order["items"])))
    note = {"note": "paid by phone, card 4111 1111-1111 1111"}
    return {
        "nothing to redact": order,
        "a customer": {**order, "customer": CUSTOMER},
        "a customer and a card": {**order, "customer": CUSTOMER, **note},
    }


def _item(number: int) -> dict[str, Any]:
    return {
        "sku": f"SKU-{number:04}",
        "name": ("Blue widget", "Desk lamp, brass", "Kettle 1.7 l")[number % 3],
        "quantity": number % 9 + 1,
        "unit_price": 12.5 + number,
        "discount": None,
        "in_stock": True,
        "updated_at": "2026-11-23T09:30:00Z",
    }


def _paired(
    ours: Callable[[], object], theirs: tuple[Callable[[], object], ...], rounds: int
) -> tuple[float, list[float]]:
    """µs of *ours*, and the median of its ratios to each of *theirs*, measured in turn."""
    costs = [[_cost(each) for each in (ours, *theirs)] for _ in range(rounds)]
    ratios = [statistics.median(cost[0] / cost[place] for cost in costs) for place in range(1, len(theirs) + 1)]
    return statistics.median(cost[0] for cost in costs) * 1e6, ratios


def _cost(work: Callable[[], object], times: int = 10) -> float:
    begun = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - begun) / times


if __name__ == "__main__":
    main()
