"""Warnings: said where they are due, and not where they are not."""

from __future__ import annotations

import json
from pathlib import Path

import diptest
import numpy as np
import pytest

from scenarios.records.store import Run
from scenarios.statistics import caveats
from tests.scenarios.rows import repeats, row, run_of

CALLS = 2000


def _lognormal(seed: int, centre_us: float = 50, spread: float = 0.2, calls: int = CALLS) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(np.log(centre_us * 1000), spread, calls)


def _kinds(run: Run) -> set[str]:
    return {each.kind for each in caveats.find(run)}


def test_two_speeds_are_seen() -> None:
    mixed = np.concatenate([_lognormal(1, 7, calls=CALLS * 3 // 4), _lognormal(2, 60, calls=CALLS // 4)])
    found = caveats.modes(mixed.astype(np.int64))
    assert found is not None
    assert found["p50_us"] < 10
    assert found["p90_us"] > 40


@pytest.mark.parametrize("seed", range(20))
def test_one_speed_with_a_long_tail_is_one_speed(seed: int) -> None:
    samples = _lognormal(seed, spread=0.4)
    slow = np.random.default_rng(seed).random(CALLS) < 0.03
    samples[slow] *= 20
    assert caveats.modes(samples.astype(np.int64)) is None


def test_steps_of_the_clock_are_not_speeds() -> None:
    # A call of 70 ns to a clock of 10 ns: three or four different values in all.
    samples = np.round(np.random.default_rng(1).normal(75, 9, CALLS), -1).astype(np.int64)
    assert caveats.modes(samples) is None


def test_speeds_too_close_to_mislead_are_not_reported() -> None:
    mixed = np.concatenate([_lognormal(1, 50, 0.01), _lognormal(2, 55, 0.01)])
    assert caveats.modes(mixed.astype(np.int64)) is None


def test_a_twentieth_of_the_calls_is_a_tail_and_no_second_speed() -> None:
    mixed = np.concatenate([_lognormal(1, 50, 0.05, CALLS * 19), _lognormal(2, 100, 0.02, CALLS)])
    assert diptest.diptest(np.log(mixed))[1] < caveats.DIP_P, "certain, but small"
    assert caveats.modes(mixed.astype(np.int64)) is None


def test_a_burst_of_slow_calls_in_one_repeat_of_three_is_not_the_contender(tmp_path: Path) -> None:
    rows = repeats("shm", [50.0, 50.0, 50.0], p99_us=90, calls=CALLS)
    mixed = np.concatenate([_lognormal(1, calls=CALLS // 2), _lognormal(2, 500, calls=CALLS // 2)])
    one = {0: mixed, 1: _lognormal(3), 2: _lognormal(4)}
    assert "several-modes" not in _kinds(run_of(tmp_path / "one", rows, samples=one))
    assert "several-modes" in _kinds(run_of(tmp_path / "two", rows, samples=one | {1: mixed}))


def test_each_kind_is_said_where_it_is_due_and_nowhere_else(tmp_path: Path) -> None:
    quiet = repeats("quiet", [5.0] * 6, p99_us=9, calls=1000)
    assert _kinds(run_of(tmp_path / "quiet", quiet)) == set()
    rows = [
        *repeats("erratic", [5.0, 5.0, 5.0, 5.0, 5.0, 11.0], p99_us=9, calls=1000),
        *repeats("hasty", [5.0] * 6, calls=400),
        *repeats("disturbed", [5.0] * 6, p99_us=9, calls=1000, noise_flags="steal;load"),
        *repeats("stalled", [5.0] * 5, p99_us=9, calls=1000, mean_us=5, max_us=49),
        row("stalled", repeat=5, p50_us=5.0, p99_us=9, calls=1000, mean_us=1600, max_us=1_500_000),
        *repeats("slow", [40_000.0] * 6, p99_us=41_000, calls=15, mean_us=40_000, max_us=90_000),
    ]
    found = {
        (each.kind, each.group.get("contender")): each for each in caveats.find(run_of(tmp_path / "run", quiet + rows))
    }
    assert set(found) == {
        ("outlying", None),
        ("repeats-differ", "erratic"),
        ("few-calls", "hasty"),
        ("disturbed", "disturbed"),
        ("stall", "stalled"),
    }
    assert "94% of its cell, in 1 of 6 repeats" in str(found["stall", "stalled"])
    assert "2.2-fold (p50 5.00 µs to 11.0 µs)" in str(found["repeats-differ", "erratic"])
    assert "400; 1,000 are needed" in str(found["few-calls", "hasty"])
    assert "load, steal" in str(found["disturbed", "disturbed"])


def test_how_many_slow_repeats_the_systems_flags_saw_is_said_once(tmp_path: Path) -> None:
    rows = [*repeats("a", [5.0, 5.0, 5.0, 5.0, 5.0, 8.0], p99_us=9, calls=1000)]
    rows += [*repeats("b", [5.0, 5.0, 5.0, 5.0, 4.0, 8.0], p99_us=9, calls=1000)]
    rows[-1]["noise_flags"] = "steal"
    (only,) = caveats.find(run_of(tmp_path / "run", rows))
    assert (only.kind, only.group, only.figures) == ("outlying", {}, {"cells": 2, "flagged": 1})


def test_few_repeats_are_said_once_with_how_sure_their_range_is(tmp_path: Path) -> None:
    rows = [*repeats("a", [5.0] * 3, p99_us=9, calls=1000), *repeats("b", [5.0] * 3, p99_us=9, calls=1000)]
    (only,) = caveats.find(run_of(tmp_path / "run", rows))
    assert (only.kind, only.group) == ("few-repeats", {})
    assert "75% sure" in only.message


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", repeats("a", [5.0, 20.0], calls=40))
    found = caveats.of(run)
    caveats.write(run)
    listed = json.loads((run.folder / caveats.FILE).read_text())["warnings"]
    assert {each["kind"] for each in listed} == {"few-repeats", "few-calls", "repeats-differ"}
    assert caveats.of(run) == found
