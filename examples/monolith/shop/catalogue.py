"""What the shop sells and on which terms: tables, the same in every process that imports them."""

from decimal import Decimal
from typing import NamedTuple


class Product(NamedTuple):
    category: str
    price: Decimal
    """Of one, in euros, without tax."""
    tax: Decimal
    """In percent."""


class Rule(NamedTuple):
    """A discount for a line of a cart that meets all of it."""

    name: str
    percent: Decimal
    category: str = ""
    """Of the product; empty: any."""
    kind: str = ""
    """Of the customer; empty: any."""
    from_quantity: int = 1


CUSTOMER_KINDS = ("guest", "member", "wholesale")

_PRICES = {"cup": "4.50", "glass": "3.20", "knife": "18.90", "linen": "24.00", "pan": "39.50", "plate": "7.25"}
_SIZES = {"small": "0.8", "medium": "1", "large": "1.35", "set": "5.6"}

PRODUCTS = {
    f"{category}-{size}": Product(category, Decimal(price) * Decimal(times), Decimal(10 if category == "linen" else 20))
    for category, price in _PRICES.items()
    for size, times in _SIZES.items()
}

RULES = [
    Rule("ten and more", Decimal(3), from_quantity=10),
    Rule("fifty and more", Decimal(7), from_quantity=50),
    Rule("member", Decimal(2), kind="member"),
    Rule("member, ten and more", Decimal(5), kind="member", from_quantity=10),
    Rule("member, month of knives", Decimal("7.5"), kind="member", category="knife"),
    Rule("wholesale", Decimal(12), kind="wholesale"),
    Rule("wholesale, fifty and more", Decimal(18), kind="wholesale", from_quantity=50),
    Rule("wholesale, linen by the bale", Decimal("21.5"), kind="wholesale", category="linen", from_quantity=40),
    Rule("pans", Decimal(4), category="pan", from_quantity=2),
    Rule("glass breaks", Decimal("2.5"), category="glass", from_quantity=6),
]
