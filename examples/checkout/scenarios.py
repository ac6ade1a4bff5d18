"""What happens in the shop: four stories, told by real HTTP requests to the storefront."""

from dataclasses import dataclass

import httpx

CUSTOMER = {"User-Agent": "Mozilla/5.0 (demo; customer)", "X-Forwarded-For": "203.0.113.7"}
ADMIN = {"User-Agent": "shop-admin/2.4", "X-Forwarded-For": "198.51.100.23"}
LABEL_RUN = {"User-Agent": "label-run/1.1", "X-Forwarded-For": "192.0.2.40", "X-Session": "token-of-the-label-run"}

LAMP = "SKU-LAMP"
CORRECTION_REASON = "recount after water damage in aisle 7"


class Unexpected(RuntimeError):
    """The shop answered otherwise than the story has it."""


@dataclass(frozen=True)
class Told:
    """What the stories left behind, to be found again in the log."""

    order_id: str
    payment_id: str
    session_id: str


def play(storefront: str) -> Told:
    """Drive every story once; raises Unexpected for an answer the story does not have."""
    with httpx.Client(base_url=storefront, timeout=30) as shop:
        forged = {**CUSTOMER, "X-User-Id": "u-bob", "X-Actor-Type": "staff"}
        _expect(shop.post("/login", json={"email": "ann@example.org", "password": "guess"}, headers=forged), 401)
        customer, session_id = _login(shop, "ann@example.org", "correct horse", CUSTOMER)
        admin, _ = _login(shop, "bob@example.org", "battery staple", ADMIN)
        _expect(
            shop.post(f"/admin/stock/{LAMP}", json={"counted": 35, "reason": CORRECTION_REASON}, headers=admin), 200
        )
        cart = {"items": {"SKU-MUG": 2}, "card": "4111111111111111"}
        order = _expect(shop.post("/checkout", json=cart, headers=customer), 200).json()
        _expect(shop.post(f"/jobs/labels/{order['order_id']}", headers=LABEL_RUN), 502)
    return Told(order["order_id"], order["payment_id"], session_id)


def _login(shop: httpx.Client, email: str, password: str, headers: dict[str, str]) -> tuple[dict[str, str], str]:
    """The headers of somebody logged in, and the id of the session."""
    answer = _expect(shop.post("/login", json={"email": email, "password": password}, headers=headers), 200).json()
    return {**headers, "X-Session": answer["token"]}, answer["session_id"]


def _expect(answer: httpx.Response, status: int) -> httpx.Response:
    if answer.status_code != status:
        raise Unexpected(f"{answer.request.url} answered {answer.status_code}: {answer.text}")
    return answer
