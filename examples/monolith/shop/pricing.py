"""What something costs for whom. Small work that is called often: once for each line of every cart."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pydantic import BaseModel

from .catalogue import PRODUCTS, RULES, Product, Rule

_CENT = Decimal("0.01")
_NO_RULE = Rule("", Decimal(0))


class Quote(BaseModel):
    """Amounts in euros."""

    sku: str
    quantity: int
    unit: Decimal
    rule: str
    discount: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


def quote(sku: str, quantity: int, customer: str) -> dict[str, Any]:
    """The price of so many for this customer, as plain JSON: amounts are text, so that no cent is lost.

    Raises ValueError for what is not sold.
    """
    product = PRODUCTS.get(sku)
    if product is None:
        raise ValueError(f"there is no {sku!r} to sell")
    if quantity < 1:
        raise ValueError(f"quantity must be 1 or more, not {quantity}")
    kind = customer.partition("-")[0]
    rules = [rule for rule in RULES if _applies(rule, product, quantity, kind)]
    best = max(rules, key=lambda rule: rule.percent, default=_NO_RULE)
    full = product.price * quantity
    discount = _whole_cents(full * best.percent / 100)
    net = _whole_cents(full - discount)
    tax = _whole_cents(net * product.tax / 100)
    return Quote(
        sku=sku,
        quantity=quantity,
        unit=_whole_cents(product.price),
        rule=best.name,
        discount=discount,
        net=net,
        tax=tax,
        gross=net + tax,
    ).model_dump(mode="json")


def _applies(rule: Rule, product: Product, quantity: int, kind: str) -> bool:
    return quantity >= rule.from_quantity and rule.category in ("", product.category) and rule.kind in ("", kind)


def _whole_cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)
