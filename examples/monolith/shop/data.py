"""What other shops have in a database: photos and orders of the past, all of it made from a seed."""

import datetime
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

from .catalogue import CUSTOMER_KINDS, PRODUCTS

YEARS = (2023, 2024, 2025)
PHOTO_SIZES = ((640, 800), (768, 1024), (720, 1280), (960, 1280))
"""Height and width in pixels: 1.5 to 3.7 MB each, at three bytes a pixel."""
CUSTOMERS = 300
_ORDERS_A_YEAR = 3000
_SPOT = 16
"""The pixels on an edge of what has one colour in a photo."""


class Store(NamedTuple):
    photos: list[NDArray[numpy.uint8]]
    orders: list[dict[str, Any]]
    """Sorted by date."""


def store(seed: int) -> Store:
    """The same for the same seed."""
    random = numpy.random.default_rng(seed)
    return Store([_photo(random, *size) for size in PHOTO_SIZES], _orders(random))


def customer(number: int) -> str:
    """The name of one of the CUSTOMERS, which says of which kind it is."""
    return f"{CUSTOMER_KINDS[number % len(CUSTOMER_KINDS)]}-{number:03}"


def _photo(random: numpy.random.Generator, height: int, width: int) -> NDArray[numpy.uint8]:
    """Spots of colour, with noise on them as a camera has it."""
    colours = random.integers(0, 240, (height // _SPOT, width // _SPOT, 3), dtype=numpy.uint8)
    noise = random.integers(0, 16, (height, width, 3), dtype=numpy.uint8)
    return colours.repeat(_SPOT, axis=0).repeat(_SPOT, axis=1) + noise


def _orders(random: numpy.random.Generator) -> list[dict[str, Any]]:
    skus = list(PRODUCTS)
    count = len(YEARS) * _ORDERS_A_YEAR
    days = numpy.sort(random.integers(0, len(YEARS) * 365, count)).tolist()
    articles = random.integers(0, len(skus), count).tolist()
    customers = random.integers(0, CUSTOMERS, count).tolist()
    quantities = random.geometric(0.2, count).tolist()
    first = datetime.date(YEARS[0], 1, 1)
    return [
        {
            "date": (first + datetime.timedelta(day)).isoformat(),
            "customer": customer(number),
            "sku": skus[article],
            "category": PRODUCTS[skus[article]].category,
            "quantity": quantity,
            "cents": int(PRODUCTS[skus[article]].price * quantity * 100),
        }
        for day, article, number, quantity in zip(days, articles, customers, quantities, strict=True)
    ]
