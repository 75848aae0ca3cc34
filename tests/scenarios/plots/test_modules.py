"""The picture of a program's modules can be read: of few, and of many with long names."""

from __future__ import annotations

import random
from typing import Any

import pytest

from scenarios.cuts import document
from scenarios.cuts.passages import OUTSIDE, Passage, Program
from scenarios.plots import modules
from tests.scenarios.plots.test_pictures import faults, texts

WORDS = (
    *("configuration", "web_handlers", "db", "models.customers", "pricing.rebates_and_discounts", "util", "images"),
    *("reports.monthly", "cart", "auth.session_tokens", "mail", "search.index", "api", "tasks", "exporting", "cache"),
)


def found(passages: list[Passage]) -> dict[str, Any]:
    return document.of_program(Program(60.0, 30.0, passages, {}, 0), ["shm"], lambda _, size, __: 3 + size / 1e3, [])


def passage(caller: str, callee: str, calls: int, own_seconds: float = 0.5) -> Passage:
    return Passage(caller, callee, f"{callee}:f", 1000, False, calls, 1000 * calls, own_seconds, own_seconds)


def at_random(seed: int, count: int, arrows: int) -> dict[str, Any]:
    drawn = random.Random(seed)
    made = [passage(OUTSIDE, f"company.{WORDS[0]}", 5)]
    for _ in range(arrows):
        one, other = drawn.sample(WORDS[:count], 2)
        calls = int(10 ** drawn.uniform(0, 6))
        made.append(passage(f"company.{one}", f"company.{other}", calls, drawn.random()))
    return found(made)


@pytest.mark.parametrize(("count", "arrows"), [(2, 1), (5, 8), (9, 30), (14, 40), (16, 90)])
def test_names_and_numbers_are_large_enough_and_neither_cut_off_nor_on_each_other(count: int, arrows: int) -> None:
    for seed in range(4):
        assert faults(modules.sheet(at_random(seed, count, arrows), "a machine · Linux")) == []


def test_every_module_and_what_crosses_is_named() -> None:
    chain = [passage(OUTSIDE, "shop.web", 10), passage("shop.web", "shop.images", 1234), passage("shop.web", "a.b", 7)]
    words = [each.get_text() for each in texts(modules.sheet(found(chain)))]
    assert {"shop.web", "shop.images", "a.b", "(the rest of the\nprogram)"} <= set(words), "with the package, of two"
    assert {"10, 10 KB", "1,234, 1.234 MB", "7, 7 KB"} <= set(words)


def test_of_many_modules_those_that_matter_least_stand_as_one() -> None:
    many = [passage(OUTSIDE, f"shop.m{place:02}", 100 - place, 1 - place / 100) for place in range(30)]
    words = [each.get_text() for each in texts(modules.sheet(found(many)))]
    assert {"m00", "m12", modules.OTHERS} <= set(words)
    assert "m13" not in words
    assert "17 modules stand as one" in " ".join(" ".join(words).split())


def test_modules_that_are_cheaper_together_stand_side_by_side() -> None:
    parts = [passage(OUTSIDE, f"m{place}", 1) for place in range(6)] + [passage("m0", "m3", 1000)]
    around = modules._around(found(parts), [*(f"m{place}" for place in range(6)), OUTSIDE])
    assert abs(around.index("m0") - around.index("m3")) == 1
    assert sorted(around) == sorted([*(f"m{place}" for place in range(6)), OUTSIDE])
