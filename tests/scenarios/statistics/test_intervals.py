"""Exact intervals: their confidence is counted here once more, one order and one draw at a time."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scenarios.statistics import intervals

FIGURES = st.lists(st.floats(0.1, 1e6), min_size=3, max_size=12)


@pytest.mark.parametrize("repeats", range(3, 13))
def test_the_confidence_of_a_median_is_that_of_every_way_its_repeats_can_lie_about_it(repeats: int) -> None:
    """Each is above or below the true median, as likely the one as the other: all 2 to the n ways, counted."""
    low, high = intervals.of_median(range(repeats)) or (math.nan, math.nan)
    held = sum(low < sum(below) <= high for below in itertools.product((0, 1), repeat=repeats))
    assert intervals.coverage(repeats) == pytest.approx(held / 2**repeats)


@pytest.mark.parametrize(("before", "after"), [(3, 3), (3, 4), (4, 4), (5, 3), (5, 5), (6, 4)])
def test_the_confidence_of_a_ratio_is_that_of_every_order_of_equals(before: int, after: int) -> None:
    """Of equals the ratio is 1: how often the interval holds it in all orders of so many values."""
    held = total = 0
    for places in itertools.combinations(range(before + after), after):
        later = np.exp(np.array(places) / 100)
        earlier = np.exp(np.array(sorted(set(range(before + after)) - set(places))) / 100)
        _, ends = intervals.of_ratio(earlier, later)
        low, high = ends or (math.nan, math.nan)
        held += low < 1 < high
        total += 1
    assert intervals.coverage_of_ratio(before, after) == pytest.approx(float(Fraction(held, total)))


@pytest.mark.parametrize(
    ("repeats", "sure"), [(1, 0), (2, 0.5), (3, 0.75), (4, 0.875), (5, 0.9375), (6, 0.96875), (8, 0.9921875)]
)
def test_few_repeats_are_as_sure_as_their_range(repeats: int, sure: float) -> None:
    assert intervals.coverage(repeats) == sure


@pytest.mark.parametrize("repeats", range(6, 60))
def test_from_six_repeats_on_an_interval_is_the_narrowest_that_is_95_percent_sure(repeats: int) -> None:
    low, high = intervals.of_median(range(repeats)) or (math.nan, math.nan)
    assert low + high == repeats - 1
    assert intervals.coverage(repeats) >= intervals.CONFIDENCE
    narrower = 1 - 2 * stats.binom.cdf(low + 1, repeats, 0.5)
    assert narrower < intervals.CONFIDENCE


@pytest.mark.parametrize("repeats", [3, 5, 6, 10])
def test_an_interval_holds_the_true_median_as_often_as_is_said(repeats: int) -> None:
    """Of processes whose times are as skewed as latencies are; no distribution is assumed."""
    drawn = np.random.default_rng(7).lognormal(3, 1, (4000, repeats))
    ends = [intervals.of_median(each) or (math.nan, math.nan) for each in drawn]
    held = np.mean([low <= math.exp(3) <= high for low, high in ends])
    assert held == pytest.approx(intervals.coverage(repeats), abs=0.025)


@pytest.mark.parametrize(("before", "after"), [(3, 3), (5, 5), (6, 3)])
def test_an_interval_of_ratios_holds_the_true_ratio_as_often_as_is_said(before: int, after: int) -> None:
    rng = np.random.default_rng(8)
    found = [intervals.of_ratio(rng.lognormal(3, 0.5, before), 2 * rng.lognormal(3, 0.5, after)) for _ in range(4000)]
    held = np.mean([ends is not None and ends[0] <= 2 <= ends[1] for _, ends in found])
    assert held == pytest.approx(intervals.coverage_of_ratio(before, after), abs=0.02)


@given(FIGURES)
def test_an_interval_is_of_repeats_and_holds_their_median(values: list[float]) -> None:
    low, high = intervals.of_median(values) or (math.nan, math.nan)
    assert {low, high} <= set(values)
    assert low <= np.median(values) <= high


@given(FIGURES, FIGURES)
def test_an_interval_of_ratios_holds_their_median_and_turns_with_them(before: list[float], after: list[float]) -> None:
    one, other = np.array(before), np.array(after)
    ratio, ends = intervals.of_ratio(one, other)
    low, high = ends or (math.nan, math.nan)
    assert low <= ratio <= high
    _, turned = intervals.of_ratio(other, one)
    assert turned == (pytest.approx(1 / high), pytest.approx(1 / low))
    assert intervals.chance(one, other) == intervals.chance(other, one)


@given(FIGURES, FIGURES)
def test_an_interval_excludes_1_exactly_where_the_test_says_so(before: list[float], after: list[float]) -> None:
    one, other = np.array(before), np.array(after)
    _, ends = intervals.of_ratio(one, other)
    low, high = ends or (math.nan, math.nan)
    sure = intervals.coverage_of_ratio(one.size, other.size)
    assert (not low <= 1 <= high) == (intervals.chance(one, other) <= 1 - sure + 1e-12)


@given(FIGURES, FIGURES)
def test_the_chance_of_a_difference_is_scipys_exact_one(before: list[float], after: list[float]) -> None:
    if len({*before, *after}) == len(before) + len(after):
        expected = stats.mannwhitneyu(before, after, method="exact").pvalue
        assert intervals.chance(np.array(before), np.array(after)) == pytest.approx(expected)


def test_ties_speak_against_a_difference() -> None:
    assert intervals.chance(np.full(6, 2.0), np.full(6, 2.0)) == 1
    apart = intervals.chance(np.arange(1.0, 7), np.arange(7.0, 13))
    assert intervals.chance(np.arange(1.0, 7), np.arange(6.0, 12)) > apart == pytest.approx(2 / math.comb(12, 6))


def test_of_fewer_than_three_repeats_or_where_one_has_no_figure_there_is_no_interval() -> None:
    assert intervals.of_median([1.0, 2.0]) is None
    assert intervals.of_median([1.0, 2.0, 3.0, math.nan]) is None
    assert intervals.of_median([1.0, 2.0, math.inf]) == (1, math.inf)
    assert intervals.of_ratio(np.array([1.0, 1.0]), np.array([2.0, 4.0, 6.0])) == (4, None)
