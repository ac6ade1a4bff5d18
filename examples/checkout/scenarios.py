"""What happens in the shop: four stories, told by real HTTP requests to the storefront."""

from dataclasses import dataclass

import httpx

CUSTOMER = {"User-Agent": "Mozilla/5.0 (demo; customer)", "X-Forwarded-For": "203.0.113.7"}
ADMIN = {"User-Agent": "shop-admin/2.4", "X-Forwarded-For": "198.51.100.23"}

LAMP = "SKU-LAMP"
CORRECTION_REASON = "recount after water damage in aisle 7"


@dataclass(frozen=True)
class Told:
    """What the stories left behind, to be found again in the log."""

    order_id: str
    payment_id: str
    session: str


def play(storefront: str) -> Told:
    """Drive every story once; an answer that is not the expected one raises."""
    with httpx.Client(base_url=storefront, timeout=30) as shop:
        _expect(shop.post("/login", json={"email": "ann@example.org", "password": "guess"}, headers=CUSTOMER), 401)
        customer = _login(shop, "ann@example.org", "correct horse", CUSTOMER)
        admin = _login(shop, "bob@example.org", "battery staple", ADMIN)
        _expect(
            shop.post(f"/admin/stock/{LAMP}", json={"counted": 35, "reason": CORRECTION_REASON}, headers=admin), 200
        )
        cart = {"items": {"SKU-MUG": 2}, "card": "4111111111111111"}
        order = _expect(shop.post("/checkout", json=cart, headers=customer), 200).json()
        _expect(shop.post(f"/orders/{order['order_id']}/label", headers=customer), 502)
    return Told(order["order_id"], order["payment_id"], customer["X-Session"])


def _login(shop: httpx.Client, email: str, password: str, headers: dict[str, str]) -> dict[str, str]:
    answer = _expect(shop.post("/login", json={"email": email, "password": password}, headers=headers), 200)
    return {**headers, "X-Session": answer.json()["session"]}


def _expect(answer: httpx.Response, status: int) -> httpx.Response:
    if answer.status_code != status:
        raise RuntimeError(f"{answer.request.url} answered {answer.status_code}: {answer.text}")
    return answer
