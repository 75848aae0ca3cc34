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


def test_an_interval_needs_three_repeats() -> None:
    assert figures.interval([1.0, 2.0]) is None
    assert figures.interval([1.0, 2.0, math.nan]) is None
    assert figures.interval([1.0, 2.0, 3.0]) == (1.0, 3.0)


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 1e6), min_size=3, max_size=12))
def test_an_interval_lies_within_the_repeats_and_holds_their_median(values: list[float]) -> None:
    low, high = figures.interval(values) or (math.nan, math.nan)
    hair = 1e-12 * max(values)
    assert min(values) - hair <= low <= np.median(values) + hair
    assert np.median(values) - hair <= high <= max(values) + hair


def test_how_sure_intervals_are_is_said_by_their_repeats() -> None:
    assert figures.sureness([3, 5, 3, 6]) == "75% sure over 3 repeats, 94% sure over 5 repeats, 95% sure over 6 repeats"
    assert figures.sureness([1, 2]) == ""


def test_equal_repeats_have_an_interval_of_no_width() -> None:
    assert figures.interval([4.2] * 5) == (4.2, 4.2)


def _row(contender: str, repeat: int, p50: float, **more: str) -> dict[str, str]:
    empty = dict.fromkeys(COLUMNS, "")
    axes = {"scenario": "s", "lane": "json", "payload_bytes": "100", "clients": "1", "load": "closed"}
    numbers = {"client_cpu_us_per_call": "2", "calls_per_s": "10", "p50_us": str(p50)}
    return empty | axes | numbers | {"contender": contender, "repeat": str(repeat)} | more


def test_intervals_are_filled_into_every_row_of_a_group() -> None:
    rows = [_row("shm", i, p50) for i, p50 in enumerate((1.0, 2.0, 3.0))] + [_row("zmq", 0, 9.0)]
    rows = [row | {"p99_us": ""} for row in rows]
    filled = figures.with_intervals(rows)
    assert [(row["ci_low_us"], row["ci_high_us"]) for row in filled] == [("1.000", "3.000")] * 3 + [("", "")]
    assert figures.with_intervals(filled) == filled


def test_ratios_are_paired_within_repeats() -> None:
    # The machine is ten times slower in repeat 1; the ratio does not care.
    rows = [_row("shm", i, p50) for i, p50 in enumerate((1.0, 10.0, 1.0))]
    rows += [_row("zmq", i, p50) for i, p50 in enumerate((4.0, 40.0, 5.0))]
    found = figures.ratios(figures.frame(rows), "shm").set_index("contender")
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


def test_samples_that_lack_the_skipped_calls_make_no_interval_lower_than_the_figures() -> None:
    kept = np.arange(1, 1001) * 1000
    rows = [_row("shm", i, p50, skipped="500") for i, p50 in enumerate((900.0, 910.0, 920.0))]
    rows = [row | {"p99_us": ""} for row in rows]
    (filled, *_) = figures.with_intervals(rows, lambda row: kept)
    assert (filled["ci_low_us"], filled["ci_high_us"]) == ("900.000", "920.000")
    whole = figures.with_intervals([row | {"skipped": "0"} for row in rows], lambda row: kept)
    assert float(whole[0]["ci_low_us"]) < 600


def test_an_interval_of_ratios_holds_what_both_sides_calls_leave_open() -> None:
    calls = np.random.default_rng(1).lognormal(10, 1, 1000).astype(np.int64)
    p99 = figures.describe(calls)["p99_us"]
    rows = [_row(name, i, 1.0, p99_us=str(p99)) for name in ("shm", "zmq") for i in range(3)]
    cells = figures.frame(rows)
    alone = figures.ratios(cells, "shm", "p99_us").set_index("contender").loc["zmq"]
    assert (alone["low"], alone["ratio"], alone["high"]) == (1, 1, 1)
    known = figures.ratios(cells, "shm", "p99_us", lambda row: calls).set_index("contender")
    assert known.loc["zmq", "low"] < 0.95
    assert known.loc["zmq", "high"] > 1.05
    assert (known.loc["shm", "low"], known.loc["shm", "high"]) == (1, 1)


def test_a_percentile_curve_goes_through_the_figures_of_the_table_and_ends_where_ten_calls_are_beyond() -> None:
    calls = {str(i): np.random.default_rng(i).permutation(np.arange(1, 10_001) * (1000 + i)) for i in range(3)}
    described = [{name: str(value) for name, value in figures.describe(each).items()} for each in calls.values()]
    cells = figures.frame([_row("shm", i, 1.0, **each) for i, each in enumerate(described)])
    points, sampled = figures.percentile_curve(cells, lambda row: calls[str(row["repeat"])])
    line = figures.summary(cells).iloc[0]
    assert sampled
    assert points[-1][0] == pytest.approx(0.999)
    assert [value for _, value in points] == sorted(value for _, value in points)
    assert {share: dict(points)[share] for share in (0.5, 0.9, 0.99)} == {
        0.5: line["p50_us"],
        0.9: line["p90_us"],
        0.99: line["p99_us"],
    }
    assert dict(points)[0.5] == 5005


def test_without_samples_a_curve_is_of_the_percentiles_that_most_repeats_have() -> None:
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
