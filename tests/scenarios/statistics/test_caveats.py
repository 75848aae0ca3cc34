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
        *repeats("disturbed", [5.0] * 6, p99_us=9, calls=1000, noise_flags="steal;queue"),
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
    assert "queue, steal" in str(found["disturbed", "disturbed"])


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


def _said(tmp_path: Path, kind: str, rows: list[dict[str, str]]) -> list[str]:
    return [each.message for each in caveats.find(run_of(tmp_path / kind, rows)) if each.kind == kind]


@pytest.mark.parametrize(
    ("calls", "p99", "skipped", "said"),
    [
        (1000, 9, "", []),
        (999, "", "", ["too few calls for a p99 (999; 1,000 are needed)"]),
        (999, "", "0", ["too few calls for a p99 (999; 1,000 are needed)"]),
        (999, "", "1", []),
        (20, "", "", ["too few calls for a p99 (20; 1,000 are needed)"]),
        (19, "", "", ["too few calls for a median (19; 20 are needed)"]),
    ],
)
def test_too_few_calls_are_said_with_what_they_are_too_few_for(
    tmp_path: Path, calls: int, p99: object, skipped: str, said: list[str]
) -> None:
    assert _said(tmp_path, "few-calls", repeats("a", [5.0] * 6, p99_us=p99, calls=calls, skipped=skipped)) == said


def test_the_fewest_calls_of_any_repeat_are_said(tmp_path: Path) -> None:
    rows = [row("a", repeat=number, p50_us=5, calls=calls) for number, calls in enumerate((500, 300, 400))]
    assert _said(tmp_path, "few-calls", rows) == ["too few calls for a p99 (300; 1,000 are needed)"]


@pytest.mark.parametrize(
    ("highest", "said"), [(10.0, []), (10.1, ["repeats differ 2.0-fold (p50 5.00 µs to 10.1 µs)"])]
)
def test_repeats_differ_when_one_is_more_than_twice_another(tmp_path: Path, highest: float, said: list[str]) -> None:
    assert _said(tmp_path, "repeats-differ", repeats("a", [5.0, highest, 7.0], p99_us=99, calls=1000)) == said
    assert _said(tmp_path / "alone", "repeats-differ", repeats("a", [5.0], p99_us=99, calls=1000)) == []


@pytest.mark.parametrize(
    ("values", "share"),
    [
        ({"max_us": 50, "mean_us": 1, "calls": 1000}, "5%"),
        ({"max_us": 49, "mean_us": 1, "calls": 1000}, None),  # of the cell's time less than a twentieth
        ({"max_us": 50, "mean_us": 1, "calls": 100, "p50_us": 5.1}, None),  # less than ten medians
        ({"max_us": 50, "mean_us": 1, "calls": 100, "p50_us": 5}, "50%"),
        ({"max_us": 25, "mean_us": 1, "calls": 1000, "clients": 2}, "5%"),
        ({"max_us": 25, "mean_us": 1, "calls": 1000, "in_flight": 2}, "5%"),
        ({"max_us": 500, "mean_us": 1, "calls": 1000, "load": "100/s"}, None),
        ({"max_us": "", "mean_us": 1, "calls": 1000}, None),
        ({"max_us": 500, "mean_us": "", "calls": 1000}, None),
        ({"max_us": 500, "mean_us": 1, "calls": 1000, "p50_us": ""}, None),
    ],
)
def test_a_stall_is_a_twentieth_of_its_cells_time_and_ten_medians_of_a_closed_loop(
    tmp_path: Path, values: dict[str, object], share: str | None
) -> None:
    said = _said(tmp_path, "stall", [row("a", **({"p50_us": 1, "p99_us": 2} | values))])
    took = f"{values['max_us']}.0" if share else ""
    assert said == ([f"one call took {took} µs, {share} of its cell, in 1 of 1 repeats"] if share else [])


def test_a_warning_names_what_is_not_usual_of_its_group(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", [row("a", p50_us=1, calls=5, in_flight=count) for count in (1, 4)])
    told = [str(each).partition(":")[0] for each in caveats.find(run) if each.kind == "few-calls"]
    assert told == ["s, a, lane json, 100 B", "s, a, lane json, 100 B, 4 in flight"]


def test_of_several_stalls_the_one_with_the_largest_share_is_said_and_the_repeats_are_counted(tmp_path: Path) -> None:
    quick = {"p50_us": 1, "p99_us": 2, "mean_us": 1, "calls": 1000}
    rows = [row("a", repeat=number, max_us=longest, **quick) for number, longest in enumerate((100, 300, 200, 5))]
    assert _said(tmp_path, "stall", rows) == ["one call took 300 µs, 30% of its cell, in 3 of 4 repeats"]


def test_a_group_with_one_repeat_that_was_not_disturbed_is_not_called_disturbed(tmp_path: Path) -> None:
    quiet = row("a", repeat=2, p50_us=5, p99_us=9, calls=1000)
    noisy = repeats("a", [5.0] * 2, p99_us=9, calls=1000, noise_flags="steal")
    assert _said(tmp_path / "all", "disturbed", noisy) == ["every repeat was disturbed (steal)"]
    assert _said(tmp_path / "two", "disturbed", [*noisy, quiet]) == []


@pytest.mark.parametrize(("counts", "said"), [((3, 5), 3), ((5, 4), 4), ((6, 5), 5), ((6, 7), None)])
def test_the_fewest_repeats_of_any_group_are_said_below_six(
    tmp_path: Path, counts: tuple[int, int], said: int | None
) -> None:
    rows = [
        each
        for name, count in zip("ab", counts, strict=True)
        for each in repeats(name, [5.0] * count, p99_us=9, calls=1000)
    ]
    found = [each.figures["repeats"] for each in caveats.find(run_of(tmp_path / "run", rows))]
    assert found == ([said] if said else [])


def test_fewer_than_a_hundred_calls_have_no_speeds() -> None:
    mixed = np.concatenate([_lognormal(1, 7, calls=60), _lognormal(2, 60, calls=40)]).astype(np.int64)
    assert caveats.modes(mixed) is not None
    assert caveats.modes(mixed[1:]) is None


def test_of_many_calls_some_are_looked_at_from_all_over_the_cell() -> None:
    """The slow ones came last."""
    mixed = np.concatenate([_lognormal(1, 7, calls=80_000), _lognormal(2, 60, calls=40_000)]).astype(np.int64)
    found = caveats.modes(mixed)
    assert found is not None
    assert found["p10_us"] < 7 < found["p50_us"] < 10
    assert found["p90_us"] > 50


def test_a_warning_says_what_it_is_about(tmp_path: Path) -> None:
    (each,) = caveats.find(run_of(tmp_path / "run", repeats("a", [5.0] * 6, calls=999, payload_bytes=10_000)))
    assert str(each) == "s, a, lane json, 10 KB: too few calls for a p99 (999; 1,000 are needed)"
    general = caveats.Caveat("few-repeats", {}, "few", {})
    assert str(general) == "few"
