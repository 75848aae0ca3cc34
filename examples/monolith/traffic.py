"""What customers ask of the shop: a mix of requests that a seed decides."""

import random
from typing import Any, NamedTuple

from shop.catalogue import PRODUCTS
from shop.data import CUSTOMERS, PHOTO_SIZES, YEARS, customer

ROUTES = {"/cart": 16, "/thumbnail": 3, "/report": 1}
"""How many requests of 20 each gets, on average."""
_WIDTHS = (80, 96, 128, 160)
_NOT_SOLD = 0.005
"""The share of a cart's lines that ask for what is not sold."""


class Asked(NamedTuple):
    route: str
    method: str
    query: dict[str, int]
    body: dict[str, Any] | None
    pause: float
    """Since the request before, where one comes at random every second on average."""


def requests(seed: int, count: int) -> list[Asked]:
    """The same for the same seed; of a longer list the beginning is a shorter one."""
    chance = random.Random(seed)
    return [_one(chance) for _ in range(count)]


def _one(chance: random.Random) -> Asked:
    pause = chance.expovariate(1)
    (route,) = chance.choices(list(ROUTES), list(ROUTES.values()))
    if route == "/cart":
        return Asked(route, "POST", {}, _cart(chance), pause)
    if route == "/thumbnail":
        query = {"photo": chance.randrange(len(PHOTO_SIZES)), "width": chance.choice(_WIDTHS)}
    else:
        query = {"year": chance.choice(YEARS)}
    return Asked(route, "GET", query, None, pause)


def _cart(chance: random.Random) -> dict[str, Any]:
    skus = list(PRODUCTS)
    lines = [
        {
            "sku": "fork-small" if chance.random() < _NOT_SOLD else chance.choice(skus),
            "quantity": 1 + int(chance.expovariate(1 / 8)),
        }
        for _ in range(chance.randint(3, 12))
    ]
    return {"customer": customer(chance.randrange(CUSTOMERS)), "lines": lines}
