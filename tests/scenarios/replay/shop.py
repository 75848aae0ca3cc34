"""A program that is recorded: functions and classes that spawned processes can import."""

from __future__ import annotations

import dataclasses
import time


@dataclasses.dataclass
class Basket:
    items: list[tuple[str, int]]


class Price:
    """Without an equality of its own."""

    def __init__(self, cents: int) -> None:
        self.cents = cents


class Till:
    def __init__(self) -> None:
        self.sum = 0

    def take(self, cents: int) -> int:
        self.sum += cents
        return self.sum

    @classmethod
    def named(cls, name: str) -> str:
        return f"{cls.__name__} {name}"


def quote(article: str, number: int, rebates: dict[str, float]) -> dict[str, object]:
    return {"article": article, "total": number * 2.5 * (1 - rebates.get(article, 0.0))}


def price_of(basket: Basket) -> Price:
    return Price(sum(number for _, number in basket.items))


async def fetch(article: str) -> str:
    return article.upper()


def slow(milliseconds: float) -> float:
    time.sleep(milliseconds / 1000)
    return milliseconds


def random_word(seed: int) -> str:
    """Not what was recorded."""
    return f"{time.monotonic_ns()}"


def failing(seed: int) -> int:
    raise ValueError(f"not {seed}")
