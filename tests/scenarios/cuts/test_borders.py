"""What crosses the border of a group of modules, and which groups are named."""

import dataclasses
import math

import pytest

from scenarios.cuts.borders import best, border, candidates, groups
from scenarios.cuts.passages import OUTSIDE, Passage, Program


def passage(caller: str, callee: str, calls: int, own_seconds: float, message_bytes: int = 100) -> Passage:
    return Passage(
        caller, callee, f"{callee}:f", message_bytes, False, calls, calls * 2 * message_bytes, own_seconds, own_seconds
    )


SHOP = Program(
    10.0,
    8.0,
    [
        passage(OUTSIDE, "web", 10, 1.0),
        passage("web", "images", 10, 2.0, 100_000),
        passage("images", "filters", 1_000_000, 2.0),
        passage("web", "cart", 1_000_000, 2.0),
        passage("cart", "web", 5, 0.0),
    ],
    {},
    0,
)


def microsecond_and_a_nanosecond_a_byte(contender: str, message_bytes: int, is_beside: bool) -> float:
    return {"fast": 1.0, "slow": 100.0}[contender] * (1 + message_bytes / 1000)


def test_what_crosses_is_counted_on_both_ways_and_what_does_not_is_not() -> None:
    found = border(SHOP, frozenset({"images", "filters"}), ["fast", "slow"], microsecond_and_a_nanosecond_a_byte)
    assert (found.calls, found.calls_back, found.total_bytes) == (10, 0, 2_000_000)
    assert (found.moved_cpu_seconds, found.remains_cpu_seconds) == (4.0, 4.0)
    assert found.cost_seconds == pytest.approx({"fast": 10 * 101e-6, "slow": 10 * 10_100e-6}, rel=1e-9)
    cart = border(SHOP, frozenset({"cart"}), ["fast"], microsecond_and_a_nanosecond_a_byte)
    assert (cart.calls, cart.calls_back) == (1_000_000, 5)


def test_modules_that_are_cheaper_together_are_tried_together() -> None:
    groups = {each.group for each in candidates(SHOP, "fast", microsecond_and_a_nanosecond_a_byte)}
    assert frozenset({"images", "filters"}) in groups
    assert {frozenset({name}) for name in ("web", "images", "filters", "cart")} <= groups
    assert frozenset({"web", "images", "filters", "cart"}) not in groups, "that is no cut"


def test_a_group_says_what_it_costs_together_and_apart_whether_it_is_a_best_cut_or_not() -> None:
    kept, left_out = groups(SHOP, ["fast", "slow"], microsecond_and_a_nanosecond_a_byte)
    found = {each.named: each for each in kept}
    assert left_out == 0
    assert set(found) == {"filters, images", "cart, web"}, "without the modules by themselves, and without everything"
    images = found["filters, images"]
    assert images.cost_seconds["fast"] == pytest.approx(10 * 101e-6)
    assert images.apart_seconds["fast"] == pytest.approx(10 * 101e-6 + 1_000_000 * 1.1e-6), "what is between them, too"
    assert set(images.apart_seconds) == {"fast", "slow"}
    alone = border(SHOP, frozenset({"images"}), ["fast"], microsecond_and_a_nanosecond_a_byte)
    assert alone.apart_seconds == alone.cost_seconds


def test_groups_that_gain_most_come_first_and_those_that_gain_nothing_are_there_as_well() -> None:
    program = Program(
        10.0,
        10.0,
        [
            passage(OUTSIDE, "a", 10, 0.001),
            passage("a", "b", 1_000, 0.001),
            passage(OUTSIDE, "c", 10, 2.0),
            passage("c", "d", 1_000, 2.0),
            passage(OUTSIDE, "e", 10, 2.0),
        ],
        {},
        0,
    )
    found, _ = groups(program, ["fast"], microsecond_and_a_nanosecond_a_byte)
    assert [each.named for each in found] == ["c, d", "a, b"]
    assert "a, b" not in {each.named for each in best(program, ["fast"], microsecond_and_a_nanosecond_a_byte)}


@pytest.mark.parametrize(
    ("contenders", "order"), [(["fast", "slow"], ["c, d", "e, f"]), (["slow", "fast"], ["e, f", "c, d"])]
)
def test_the_first_contender_ranks_the_groups(contenders: "list[str]", order: "list[str]") -> None:
    """A hundred thousand calls to the first group cost 0.11 s with the fast one, and 11 s with the slow one."""
    calls = [passage(OUTSIDE, "c", 100_000, 2.0), passage("c", "d", 1_000_000, 2.0)]
    calls += [passage(OUTSIDE, "e", 10, 0.5), passage("e", "f", 1_000_000, 0.5)]
    found, _ = groups(Program(10.0, 10.0, calls, {}, 0), contenders, microsecond_and_a_nanosecond_a_byte)
    assert [each.named for each in found] == order


def test_modules_of_which_each_calls_the_next_are_a_group_that_grows() -> None:
    chain = [passage(OUTSIDE, "m0", 1, 1.0)]
    chain += [passage(f"m{place}", f"m{place + 1}", 1000 * 2**place, 1.0) for place in range(9)]
    found = candidates(Program(20.0, 10.0, chain, {}, 0), "fast", microsecond_and_a_nanosecond_a_byte)
    assert [len(each.group) for each in found] == [1] * 10 + [*range(2, 10)], "all ten are no cut"
    assert found[10].named == "m8, m9", "those with most between them first"


def test_of_many_groups_those_that_gain_most_are_shown_and_the_others_counted() -> None:
    pairs = [passage(OUTSIDE, f"a{place:02}", 1, 1.0 + place) for place in range(30)]
    pairs += [passage(f"a{place:02}", f"b{place:02}", 1000, 1.0) for place in range(30)]
    kept, left_out = groups(Program(9e3, 9e3, pairs, {}, 0), ["fast"], microsecond_and_a_nanosecond_a_byte)
    assert [each.named for each in kept] == [f"a{place:02}, b{place:02}" for place in range(29, 9, -1)]
    assert left_out == 10


def test_modules_that_have_nothing_to_do_with_each_other_are_no_group() -> None:
    apart = [passage(OUTSIDE, name, 1_000, 1.0) for name in "abc"]
    program = Program(10.0, 5.0, [*apart, passage("a", "b", 5, 0.0)], {}, 0)
    groups = {each.named for each in candidates(program, "fast", microsecond_and_a_nanosecond_a_byte)}
    assert groups == {"a", "b", "c"}, "5 calls of 1,000 are no reason, either"
    named = [each.named for each in best(program, ["fast"], microsecond_and_a_nanosecond_a_byte)]
    assert sorted(named) == ["a", "b", "c"]


def test_what_leaves_and_what_is_worth_it_is_cpu_time_and_not_waiting() -> None:
    waits = dataclasses.replace(passage(OUTSIDE, "waits", 10, 8.0), own_cpu_seconds=0.001)
    program = Program(10.0, 4.0, [waits, passage(OUTSIDE, "works", 10, 1.0)], {}, 0)
    assert program.modules == ["works", "waits"]
    assert [each.named for each in best(program, ["fast"], microsecond_and_a_nanosecond_a_byte)] == ["works"]


def test_the_best_cut_moves_much_and_costs_little() -> None:
    first, *others = best(SHOP, ["fast", "slow"], microsecond_and_a_nanosecond_a_byte)
    assert first.group in (frozenset({"images", "filters"}), frozenset({"web", "cart"}))
    assert set(first.cost_seconds) == {"fast", "slow"}
    assert not any(first.group & other.group for other in others)


def test_a_cut_from_which_something_would_have_to_stay_comes_behind_the_others() -> None:
    program = Program(
        10.0, 9.0, [passage(OUTSIDE, "a", 10, 4.0), passage(OUTSIDE, "b", 10, 3.0)], {"a:f": "changes its arguments"}, 0
    )
    first, second = best(program, ["fast"], microsecond_and_a_nanosecond_a_byte)
    assert (first.named, second.named) == ("b", "a")
    assert second.stays == {"a:f": ("changes its arguments", 10)}


def test_nothing_is_named_where_no_cut_gains() -> None:
    assert best(SHOP, ["slow"], lambda *_: 1e6) == []
    idle = Program(1000.0, 1000.0, [passage(OUTSIDE, "a", 10, 1.0), passage("a", "b", 10, 1.0)], {}, 0)
    assert best(idle, ["fast"], microsecond_and_a_nanosecond_a_byte) == []


def test_what_was_not_measured_has_no_cost_and_is_not_named() -> None:
    program = Program(10.0, 9.0, [passage(OUTSIDE, "a", 10, 4.0), passage(OUTSIDE, "b", 10, 4.0, 1_000_000)], {}, 0)

    def price(contender: str, message_bytes: int, is_beside: bool) -> "float | None":
        return None if message_bytes > 1000 else 1.0

    assert math.isnan(border(program, frozenset({"b"}), ["fast"], price).cost_seconds["fast"])
    assert [each.named for each in best(program, ["fast"], price)] == ["a"]


def test_three_cuts_are_named_at_most() -> None:
    program = Program(10.0, 10.0, [passage(OUTSIDE, name, 10, 2.0) for name in "abcd"], {}, 0)
    assert len(best(program, ["fast"], microsecond_and_a_nanosecond_a_byte)) == 3


def test_the_first_contender_decides() -> None:
    program = Program(10.0, 10.0, [passage(OUTSIDE, "a", 10, 2.0)], {}, 0)

    def price(contender: str, message_bytes: int, is_beside: bool) -> float:
        return {"fast": 1.0, "dear": 1e6}[contender]

    assert [each.named for each in best(program, ["fast", "dear"], price)] == ["a"]
    assert best(program, ["dear", "fast"], price) == []


def test_a_hundredth_of_the_programs_time_is_worth_a_cut() -> None:
    program = Program(100.0, 100.0, [passage(OUTSIDE, "a", 10, 1.0), passage(OUTSIDE, "b", 10, 0.9)], {}, 0)
    assert [each.named for each in best(program, ["fast"], microsecond_and_a_nanosecond_a_byte)] == ["a"]


def test_a_cut_that_costs_what_it_gains_is_not_named() -> None:
    program = Program(10.0, 10.0, [passage(OUTSIDE, "a", 10, 1.0)], {}, 0)
    assert best(program, ["fast"], lambda *_: 100_000.0) == []


def test_where_the_group_has_used_more_than_is_known_of_the_program_nothing_remains() -> None:
    program = Program(10.0, 1.0, [passage(OUTSIDE, "a", 10, 2.0)], {}, 0)
    found = border(program, frozenset({"a"}), ["fast"], microsecond_and_a_nanosecond_a_byte)
    assert found.remains_cpu_seconds == 0.0


@pytest.mark.parametrize("each_us", [0.0, None])
def test_modules_whose_calls_cost_nothing_or_nobody_knows_what_are_no_group(each_us: "float | None") -> None:
    program = Program(
        10.0, 9.0, [passage(OUTSIDE, "a", 10, 1.0), passage("a", "b", 10, 1.0), passage("b", "c", 10, 1.0)], {}, 0
    )
    assert {each.named for each in candidates(program, "fast", lambda *_: each_us)} == {"a", "b", "c"}


def test_all_of_a_program_is_a_group_only_where_it_is_one_module() -> None:
    one = Program(10.0, 9.0, [passage(OUTSIDE, "a", 10, 1.0)], {}, 0)
    assert [each.named for each in candidates(one, "fast", microsecond_and_a_nanosecond_a_byte)] == ["a"]
    two = Program(10.0, 9.0, [passage(OUTSIDE, "a", 10, 1.0), passage("a", "b", 1000, 1.0)], {}, 0)
    assert {each.named for each in candidates(two, "fast", microsecond_and_a_nanosecond_a_byte)} == {"a", "b"}
