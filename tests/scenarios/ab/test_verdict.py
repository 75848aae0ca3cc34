"""What a run of two checkouts says, with numbers that are known."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

import numpy as np
import pytest

from scenarios.ab.verdict import (
    CONTROL_LEVEL,
    FEWEST_PAIRS,
    NOT_SLOWER,
    SLOWER,
    UNTOLD,
    Ratio,
    Verdict,
    ratio,
)
from scenarios.statistics.intervals import coverage
from tests.docs.pages import ROOT
from tests.docs.pages import blocks as blocks_of

SEED = 20240501
GUIDE = ROOT / "docs" / "benchmark" / "guide.md"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
QUIET = Ratio(1.0, 0.99, 1.01, 0.993, 21)


def verdict(median: float, low: float, high: float, *, control: Ratio = QUIET, pairs: int = 21) -> Verdict:
    return Verdict(control, Ratio(median, low, high, 0.973, pairs), threshold=0.03)


@pytest.mark.parametrize(
    ("pairs", "level", "k", "sure"),
    # Coverages of the interval of a median as tables of order statistics have them.
    [(6, 0.95, 1, 0.9688), (8, 0.99, 1, 0.9922), (10, 0.95, 2, 0.9785), (20, 0.95, 6, 0.9586), (21, 0.95, 6, 0.9734)],
)
def test_the_interval_is_as_sure_as_the_binomial_distribution_says(
    pairs: int, level: float, k: int, sure: float
) -> None:
    found = ratio([1.0] * pairs, list(range(1, pairs + 1)), level)
    assert (found.low, found.high) == (k, pairs + 1 - k)
    assert found.sure == pytest.approx(sure, abs=5e-5)


@pytest.mark.parametrize("level", [0.95, CONTROL_LEVEL])
def test_every_number_of_pairs_that_can_be_asked_for_has_an_interval(level: float) -> None:
    for pairs in range(FEWEST_PAIRS, 200):
        found = ratio([1.0] * pairs, list(range(1, pairs + 1)), level)
        assert 1 <= found.low < found.high <= pairs
        assert level <= found.sure < 1


def test_too_few_pairs_for_an_interval_are_refused() -> None:
    with pytest.raises(ValueError, match="7 pairs give no interval that is 99% sure"):
        ratio([1.0] * 7, [1.0] * 7, CONTROL_LEVEL)


def test_a_ratio_is_the_median_of_pairs_and_lies_between_two_of_them() -> None:
    found = ratio([10.0] * 8, [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 1000.0])
    assert (found.median, found.low, found.high, found.pairs) == (1.35, 1.0, 100.0, 8)


def test_one_bad_block_changes_nothing() -> None:
    before = [10.0] * 21
    after = [10.0 + i / 100 for i in range(21)]
    assert ratio(before, after) == ratio(before, [*after[:-1], 10_000.0])


@pytest.mark.parametrize(
    ("median", "low", "high", "outcome", "exit_code"),
    [
        (1.004, 0.998, 1.010, NOT_SLOWER, 0),
        (1.020, 1.010, 1.030, NOT_SLOWER, 0),  # slower for certain, but by no more than was asked about
        (0.900, 0.880, 0.920, NOT_SLOWER, 0),
        (1.050, 1.001, 1.090, SLOWER, 1),
        (2.000, 1.900, 2.100, SLOWER, 1),
        (1.050, 0.999, 1.100, UNTOLD, 2),
        (1.020, 1.010, 1.031, UNTOLD, 2),
        (1.000, 0.900, 1.100, UNTOLD, 2),
    ],
)
def test_an_interval_leads_to_its_outcome_and_exit_code(
    median: float, low: float, high: float, outcome: str, exit_code: int
) -> None:
    found = verdict(median, low, high)
    assert (found.outcome, found.exit_code) == (outcome, exit_code)


@pytest.mark.parametrize(
    ("median", "low", "high", "said"),
    [
        (1.004, 0.998, 1.010, "B takes 1.004 times A (0.998 to 1.010, 97.3% sure, 21 pairs): no slower than the 3%"),
        (0.900, 0.880, 0.920, ": faster"),
        (1.060, 1.050, 1.070, ": slower, by more than the 3% asked about"),
        (1.020, 1.010, 1.040, ": slower, but perhaps by less than the 3% asked about; cannot be told: more blocks"),
        # Twice as wide as it may be to the limit: four times as many pairs.
        (1.000, 0.950, 1.060, ": cannot be told: more blocks (--blocks 85) or a quieter machine"),
        (
            1.029,
            0.950,
            1.100,
            ": cannot be told: it would take more than 401 blocks; take a quieter machine or",
        ),
    ],
)
def test_the_answer_is_a_sentence_with_its_remedy(median: float, low: float, high: float, said: str) -> None:
    assert said in verdict(median, low, high).sentences()[1]


@pytest.mark.parametrize("median", [0.9, 1.1])
def test_a_machine_that_finds_equals_different_tells_nothing_of_b(median: float) -> None:
    differing = Ratio(median, median - 0.05, median + 0.05, 0.993, 21)
    for b in ((1.0, 0.999, 1.001), (2.0, 1.9, 2.1)):
        found = verdict(*b, control=differing)
        assert (found.outcome, found.exit_code) == (UNTOLD, 2)
        assert "it differs from itself" in found.sentences()[0]
        assert "a difference between equals" in found.sentences()[1]


def test_a_difference_between_equals_that_is_too_small_to_matter_is_none() -> None:
    assert verdict(1.0, 0.99, 1.01, control=Ratio(1.014, 1.010, 1.020, 0.993, 21)).exit_code == 0
    assert verdict(1.0, 0.99, 1.01, control=Ratio(1.016, 1.010, 1.020, 0.993, 21)).exit_code == 2


def blocks(rng: np.random.Generator, spread: float, slowdown: float = 1.0, pairs: int = 21) -> Verdict:
    """A run of a machine whose blocks spread by so much, one in ten disturbed, and that slows down by half as it
    goes on."""
    drift = np.linspace(1.0, 1.5, pairs)
    sides = [
        10.0 * drift * np.exp(rng.normal(0, spread, pairs)) * np.where(rng.random(pairs) < 0.1, rng.uniform(1, 4), 1)
        for _ in range(3)
    ]
    a, again, b = (list(side) for side in sides)
    return Verdict(ratio(a, again, CONTROL_LEVEL), ratio(a, [slowdown * each for each in b]), threshold=0.03)


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.1])
def test_equals_are_hardly_ever_found_slower_or_different_from_themselves(spread: float) -> None:
    """Of 1,000 runs: half of what the intervals are not sure of can be found slower at most, and all of it different
    from itself."""
    rng = np.random.default_rng(SEED)
    runs = [blocks(rng, spread) for _ in range(1000)]
    assert Counter(run.outcome for run in runs)[SLOWER] <= 20
    assert sum(run.control_differs for run in runs) <= 15


def test_the_interval_holds_what_it_promises() -> None:
    rng = np.random.default_rng(SEED)
    held = [blocks(rng, 0.1) for _ in range(1000)]
    assert 0.95 < sum(run.found.low <= 1 <= run.found.high for run in held) / 1000 < 0.99
    assert sum(run.control.low <= 1 <= run.control.high for run in held) / 1000 > 0.98


def test_a_slowdown_of_five_percent_is_found_and_never_called_none() -> None:
    rng = np.random.default_rng(SEED)
    outcomes = Counter(blocks(rng, 0.01, slowdown=1.05).outcome for _ in range(300))
    assert outcomes[SLOWER] >= 285
    assert outcomes[NOT_SLOWER] == 0


def test_equals_on_a_machine_that_is_quiet_are_found_to_be_no_slower() -> None:
    rng = np.random.default_rng(SEED)
    outcomes = Counter(blocks(rng, 0.01).outcome for _ in range(300))
    assert outcomes[NOT_SLOWER] >= 290
    assert outcomes[SLOWER] == 0


def test_the_guide_shows_sentences_as_they_are_said() -> None:
    shown = next(block for block in blocks_of(GUIDE, "text") if "A again" in block.text)
    ratios = [Ratio(*map(float, NUMBER.findall(line)[:5])) for line in shown.text.splitlines()]
    a_a, b = (dataclasses.replace(each, sure=each.sure / 100, pairs=int(each.pairs)) for each in ratios)
    assert list(Verdict(a_a, b, 0.03).sentences()) == shown.text.splitlines()
    assert [each.sure for each in (a_a, b)] == [pytest.approx(coverage(21, level), abs=5e-4) for level in (0.99, 0.95)]


def test_slower_by_the_threshold_itself_is_not_yet_slower() -> None:
    control = Ratio(1.0, 0.99, 1.01, 0.99, 21)
    for median, outcome in ((1.5, UNTOLD), (1.51, SLOWER)):
        assert Verdict(control, Ratio(median, 1.4, 1.6, 0.95, 21), 0.5).outcome == outcome
