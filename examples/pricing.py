"""A module of some program, which knows nothing of processes. pricing_client.py calls it in one of its own."""

PRICES = {"cup": 4.5, "plate": 7.25}


def quote(article: str, count: int, *, discount: float = 0.0) -> float:
    """The price of so many; `discount` in percent."""
    if article not in PRICES:
        raise ValueError(f"there is no {article!r} to sell")
    return PRICES[article] * count * (1 - discount / 100)
