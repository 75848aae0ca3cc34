"""A cart is a dict of the customer, the number of items, and lines as :func:`.pricing.quote` returns them."""

from decimal import Decimal
from typing import Any


def empty(customer: str) -> dict[str, Any]:
    return {"customer": customer, "items": 0, "lines": []}


def add(cart: dict[str, Any], line: dict[str, Any]) -> None:
    """Put a line into `cart`, which is changed.

    So this stays in the program: another process would change a copy, and nobody would be told.
    """
    cart["lines"].append(line)
    cart["items"] += line["quantity"]


def total(cart: dict[str, Any]) -> Decimal:
    """In euros, with tax."""
    return sum((Decimal(line["gross"]) for line in cart["lines"]), Decimal(0))
