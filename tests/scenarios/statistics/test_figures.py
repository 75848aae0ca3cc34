"""Numbers from samples: known answers, and what must hold for any samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.records.store import COLUMNS
from scenarios.statistics import figures

SAMPLES = st.lists(st.integers(1, 10**10), min_size=1, max_size=3000).map(lambda values: np.array(values, np.int64))


def test_percentiles_of_a_known_distribution() -> None:
    found = figures.describe(np.random.default_rng(1).permutation(np.arange(1, 10_001)) * 1000)
    assert found["p50_us"] == 5000
    assert found["p90_us"] == 9000
    assert found["p99_us"] == 9900
    assert found["p999_us"] == 9990
    assert found["max_us"] == 10_000
    assert found["mean_us"] == 5000.5
    assert found["calls_per_s"] == pytest.approx(1e6 / 5000.5)


@pytest.mark.parametrize(("name", "needed"), [("p50_us", 20), ("p90_us", 100), ("p99_us", 1000), ("p999_us", 10_000)])
def test_a_percentile_exists_from_ten_samples_beyond_it_on(name: str, needed: int) -> None:
    assert figures.describe(np.arange(1, needed + 1))[name] is not None
    assert figures.describe(np.arange(1, needed))[name] is None


@settings(deadline=None)
@given(SAMPLES)
def test_percentiles_are_samples_in_order_below_the_maximum(samples: np.ndarray) -> None:
    found = figures.describe(samples)
    shown = [value for name in figures.PERCENTILES if (value := found[name]) is not None]
    assert shown == sorted(shown)
    assert all(value in samples / 1000 for value in shown)
    assert all(value <= (found["max_us"] or 0) for value in shown)


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**10), min_size=20, max_size=100).map(np.array))
def test_percentiles_are_numpys_inverted_cdf(samples: np.ndarray) -> None:
    expected = float(np.quantile(samples, 0.5, method="inverted_cdf")) / 1000
    assert figures.describe(samples)["p50_us"] == expected


def test_how_sure_intervals_are_is_said_by_their_repeats() -> None:
    assert figures.sureness([3, 5, 3, 6]) == "75% sure over 3 repeats, 94% sure over 5 repeats, 97% sure over 6 repeats"
    assert figures.sureness([1, 2]) == ""


def _row(contender: str, repeat: int, p50: float, **more: str) -> dict[str, str]:
    empty = dict.fromkeys(COLUMNS, "")
    axes = {"scenario": "s", "lane": "json", "payload_bytes": "100", "clients": "1", "load": "closed"}
    numbers = {"client_cpu_us_per_call": "2", "calls_per_s": "10", "p50_us": str(p50)}
    return empty | axes | numbers | {"contender": contender, "repeat": str(repeat)} | more


def test_a_line_has_the_interval_of_its_repeats_and_none_where_a_repeat_has_no_figure() -> None:
    rows = [_row("shm", i, 1.0 + i, p99_us=str(9 + i) if i else "") for i in range(4)] + [_row("zmq", 0, 9.0)]
    lines = figures.summary(figures.frame(rows)).set_index("contender")
    assert (lines.loc["shm", "p50_low"], lines.loc["shm", "p50_high"]) == (1, 4)
    assert lines.loc["shm", "p99_us"] == 11
    assert lines.loc["shm", ["p99_low", "p99_high"]].isna().all()
    assert lines.loc["zmq", ["p50_low", "p50_high"]].isna().all()


def test_ratios_are_paired_within_repeats() -> None:
    # The machine is ten times slower in repeat 1; the ratio does not care.
    rows = [_row("zmq", i, p50) for i, p50 in enumerate((4.0, 40.0, 5.0))]
    rows += [_row("shm", i, p50) for i, p50 in enumerate((1.0, 10.0, 1.0))]
    found = figures.ratios(figures.frame(rows), "shm").set_index("contender")
    assert list(found.index) == ["zmq", "shm"], "in the order of the cells"
    assert found.loc["zmq", "ratio"] == 4.0
    assert (found.loc["zmq", "low"], found.loc["zmq", "high"]) == (4.0, 5.0)
    assert found.loc["shm", "ratio"] == 1.0


def test_ratios_to_a_contender_that_was_not_measured_are_none() -> None:
    assert figures.ratios(figures.frame([_row("zmq", 0, 1.0)]), "shm").empty


def test_a_summary_adds_up_cpu_and_counts_noise() -> None:
    rows = [
        _row("shm", 0, 1.0, server_cpu_us_per_call="3", noise_flags="steal;load"),
        _row("shm", 1, 2.0, server_cpu_us_per_call="3"),
        _row("direct", 0, 2.0),
    ]
    found = figures.summary(figures.frame(rows)).set_index("contender")
    assert list(found.index) == ["shm", "direct"], "in the order of the cells"
    assert found.loc["shm", "cpu_us"] == 5
    assert found.loc["direct", "cpu_us"] == 2
    assert found.loc["shm", "noisy"] == 1
    assert found.loc["shm", "flags"] == "load;steal"
    assert found["p50_low"].isna().all()


@pytest.mark.parametrize(("there", "of_all"), [(0, None), (1, None), (2, None), (3, False), (4, True)])
def test_a_percentile_that_slower_repeats_have_not_is_a_least_and_none_where_half_have_none(
    there: int, of_all: bool | None
) -> None:
    rows = [_row("shm", i, 1.0, p99_us="9" if i < there else "") for i in range(4)]
    line = figures.summary(figures.frame(rows)).iloc[0]
    assert (line["p99_repeats"], line["repeats"]) == (there, 4)
    assert figures.of_all(line["p99_repeats"], line["repeats"]) is of_all


def test_a_percentile_curve_goes_through_the_figures_of_the_table_and_ends_where_ten_calls_are_beyond() -> None:
    calls = {str(i): np.random.default_rng(i).permutation(np.arange(1, 10_001) * (1000 + i)) for i in range(3)}
    described = [{name: str(value) for name, value in figures.describe(each).items()} for each in calls.values()]
    cells = figures.frame([_row("shm", i, 1.0, **each) for i, each in enumerate(described)])
    points, sampled = figures.percentile_curve(cells, lambda row: calls[str(row["repeat"])])
    line = figures.summary(cells).iloc[0]
    assert sampled
    assert points[0] == (0.0, 1.001), "the quickest calls"
    assert [share for share, _ in points[:4]] == pytest.approx([1 - 10 ** (-step / 16) for step in range(4)])
    assert points[-1][0] == pytest.approx(0.999)
    assert [value for _, value in points] == sorted(value for _, value in points)
    assert {share: dict(points)[share] for share in (0.5, 0.9, 0.99)} == {
        0.5: line["p50_us"],
        0.9: line["p90_us"],
        0.99: line["p99_us"],
    }
    assert dict(points)[0.5] == 5005


def test_a_curve_never_falls_for_it_ends_with_the_repeat_of_the_fewest_calls() -> None:
    """The median over those that are left fell where the slow ones, of few calls, had ended."""
    calls = {"0": np.full(40, 9000), "1": np.full(40, 8000), "2": np.full(10_000, 1000)}
    cells = figures.frame([_row("shm", i, 1.0) for i in range(3)])
    points, _ = figures.percentile_curve(cells, lambda row: calls[str(row["repeat"])])
    assert {value for _, value in points} == {8.0}
    assert points[-1][0] <= 0.75


def test_without_samples_a_curve_is_of_the_percentiles_that_all_repeats_have() -> None:
    rows = [_row("shm", i, 1.0 + i, p99_us="9" if i < 1 else "", p90_us="5") for i in range(3)]
    assert figures.percentile_curve(figures.frame(rows)) == ([(0.5, 2.0), (0.9, 5.0)], False)


@pytest.mark.parametrize(("there", "figure"), [(0, math.nan), (1, math.nan), (2, 9.0), (3, 9.0)])
def test_a_figure_that_half_of_the_repeats_lack_does_not_exist(there: int, figure: float) -> None:
    rows = [_row("shm", i, 1.0, p99_us="9" if i < there else "") for i in range(3)]
    assert figures.summary(figures.frame(rows))["p99_us"].tolist() == pytest.approx([figure], nan_ok=True)


def test_what_skipped_calls_took_away_is_infinite_and_what_too_few_calls_did_is_missing() -> None:
    rows = [_row("shm", i, 1.0, p99_us="", skipped="3" if i else "0", calls="9") for i in range(3)]
    cells = figures.frame(rows)
    assert cells["p99_us"].tolist() == pytest.approx([math.nan, math.inf, math.inf], nan_ok=True)
    assert figures.summary(cells)["p99_us"].tolist() == [math.inf]
    assert cells["skipped_share"].tolist() == [0, 0.25, 0.25]


def test_within_a_tenth_of_the_fastest_is_a_tie() -> None:
    assert figures.tied({"slow": 11.01, "near": 11.0, "fast": 10.0}) == ["fast", "near"]
    assert figures.tied({}) == []
