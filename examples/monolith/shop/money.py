"""Amounts. Work so small that any way to another process takes many times as long."""

from decimal import ROUND_CEILING, Decimal

_SMALLEST_COIN = Decimal("0.05")


def round_up(amount: Decimal) -> Decimal:
    """To what can be paid in coins."""
    return (amount / _SMALLEST_COIN).to_integral_value(ROUND_CEILING) * _SMALLEST_COIN
