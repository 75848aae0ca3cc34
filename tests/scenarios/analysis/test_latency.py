"""Notebook 01 says what was measured: every point, ribbon, label and field, on figures made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.analysis import latency
from scenarios.analysis.notebook import OpenedRun
from scenarios.common.units import BLANK
from tests.scenarios import shown
from tests.scenarios.tables import cells
from tests.scenarios.twenty import NAMES, SIZES, p50

FRONT = ["shm", "shm-block", "zmq-ipc", "grpc-uds", "direct-codec"]
"""The first of each family, and the fastest other; the fastest first."""
WORDS = ["100 B", "10 KB", "100 KB"]


@pytest.mark.parametrize(("column", "times"), [("p50", 1), ("p99", 2)])
@pytest.mark.parametrize("lane", ["bytes", "json"])
def test_latency_is_drawn_at_its_payloads_with_the_range_of_its_repeats(
    twenty: OpenedRun, lane: str, column: str, times: int
) -> None:
    picture = latency.by_payload(twenty, lane, column)
    (axes,) = shown.panels(picture)
    assert f"(lane {lane})" in repr(picture)
    assert (axes.get_xscale(), axes.get_yscale(), axes.get_xlabel()) == ("log", "log", "payload")
    assert axes.get_ylabel() == f"round trip, {column}"
    assert shown.ticks(axes.xaxis) == WORDS
    drawn = shown.lines(axes)
    assert sorted(drawn) == sorted(FRONT)
    for name in FRONT:
        assert drawn[name] == [(at, pytest.approx(times * p50(name, at, lane))) for at in SIZES]
    behind = [shown.points(line) for line in axes.lines if str(line.get_label()).startswith("_")]
    others = [name for name in NAMES if name not in (*FRONT, "direct")]
    expected = [[(at, pytest.approx(times * p50(name, at, lane))) for at in SIZES] for name in others]
    assert sorted(behind) == expected
    ends = [[(at, *(times * p50(name, at, lane, repeat) for repeat in (0, 2))) for at in SIZES] for name in FRONT]
    assert sorted(shown.ribbons(axes), key=lambda each: each[0][1]) == [
        [pytest.approx(point) for point in each] for each in ends
    ]
    assert sorted(shown.words(axes)) == sorted(FRONT)


def test_the_smallest_calls_stand_below_each_other_with_the_fastest_on_top(twenty: OpenedRun) -> None:
    (axes,) = shown.panels(latency.smallest_call(twenty, "json"))
    slowest_first = [name for name in NAMES[::-1] if name != "direct"]
    assert [each.get_text() for each in axes.get_yticklabels()] == slowest_first
    intervals, dots, bars = ([shown.points(line) for line in axes.lines[kind::3]] for kind in range(3))
    for place, name in enumerate(slowest_first):
        low, median, high = (p50(name, 100, repeat=repeat) for repeat in range(3))
        assert intervals[place] == [(pytest.approx(low), place), (pytest.approx(high), place)]
        assert dots[place] == [(pytest.approx(median), place)]
        assert bars[place] == [(pytest.approx(2 * median), place)]
    assert shown.words(axes)[-3:] == ["61.1 µs", "41.1 µs", "21.1 µs"]
    assert shown.words(axes)[0] == "401 µs"


def test_a_fixed_cost_and_one_per_byte_describe_a_curve(tmp_path: Path) -> None:
    steep = cells("steep", {100: (10.0,) * 3, 10_000: (12.0,) * 3, 110_000: (112.0,) * 3})
    flat = cells("flat", {100: (30.0,) * 3, 10_000: (30.0,) * 3, 110_000: (40.0,) * 3})
    two = cells("two sizes", {100: (1.0,) * 3, 10_000: (2.0,) * 3})
    found = latency.fixed_and_per_byte(shown.opened(tmp_path, flat, steep, two), "native")
    assert shown.heads(found) == ["contender", "fixed", "each further 100 KB", "that is", "both are equal at"]
    assert list(shown.rows(found).items()) == [
        ("steep", ["10.0 µs", "100 µs", "1.00 GB/s", "10 KB"]),
        ("flat", ["30.0 µs", "none", "", ""]),
    ]


def test_multiples_are_taken_within_repeats_and_not_between_medians(tmp_path: Path) -> None:
    base, twice = cells("shm", {100: (10.0, 20.0, 90.0)}), cells("twice", {100: (20.0, 40.0, 9.0)})
    run = shown.opened(tmp_path, base, twice)
    assert shown.rows(latency.against_in_words(run, "native"))["twice"][0].startswith("2.00x slower")


def test_the_multiples_in_words_go_with_their_range_from_the_fastest_to_the_slowest(twenty: OpenedRun) -> None:
    found = latency.against_in_words(twenty, "json")
    assert shown.heads(found) == ["against shm", "100 B", "100 KB"]
    assert list(shown.rows(found)) == NAMES[1:]
    assert shown.rows(found)["zmq-ipc"] == ["2.90x slower (2.81 to 2.99)", "1.33x slower (1.33 to 1.33)"]


def test_it_is_said_which_contender_overtakes_which_where_the_lines_cross(tmp_path: Path) -> None:
    # 20 µs of the 30 more, at two thirds of the way.
    rising = cells("rising", {100: (10.0,) * 3, 10_000: (40.0,) * 3})
    level = cells("level", {100: (30.0,) * 3, 10_000: (30.0,) * 3})
    never = cells("never", {100: (50.0,) * 3, 10_000: (60.0,) * 3})
    text = latency.where_they_cross(shown.opened(tmp_path, rising, level, never), "native").text
    reigns, _, *crossings = text.splitlines()
    assert reigns.endswith("has rising from 100 B to 6.7 KB; level from 6.7 KB to 10 KB.")
    between = "on a line between 100 B and 10 KB, as measured"
    assert crossings == [
        f"- rising is faster below about 6.7 KB (6.7 KB to 6.7 KB in 95% of draws of repeats), level above: {between}."
    ]


def test_a_tail_is_a_multiple_of_its_own_repeats_median(tmp_path: Path, twenty: OpenedRun) -> None:
    found = latency.tails(twenty, "json")
    assert shown.heads(found) == ["p99 / p50", *WORDS, "disturbed"]
    assert shown.rows(found) == {name: ["2.00x", "2.00x", "2.00x", "0 of 9"] for name in NAMES}
    assert list(shown.rows(found)) == NAMES
    noisy = cells("a", {100: (16.0, 20.0, 25.0)}, p99=80)
    noisy[1]["noise_flags"] = "steal"
    found = latency.tails(shown.opened(tmp_path, noisy), "native")
    assert shown.rows(found) == {"a": ["4.00x", "1 of 3"]}
    noisy[2]["p99_us"] = ""
    assert shown.rows(latency.tails(shown.opened(tmp_path, noisy), "native")) == {"a": ["≥ 4.50x", "1 of 3"]}
    noisy[1]["p99_us"] = ""
    assert shown.rows(latency.tails(shown.opened(tmp_path, noisy), "native")) == {"a": [BLANK, "1 of 3"]}
