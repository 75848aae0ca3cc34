"""Where one contender overtakes another, on curves whose crossing can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from scenarios.advice import words
from scenarios.advice.crossovers import FastestRange, crossovers, fastest_ranges, of_the_fastest
from scenarios.advice.curves import Curves
from tests.scenarios.tables import Cells, cells, table

STEEP = {100: (10.0,) * 3, 10_000: (1000.0,) * 3}
FLAT = {100: (100.0,) * 3, 10_000: (100.0,) * 3}


def curves(*contenders: Cells) -> Curves:
    return Curves(table(*contenders), "native")


def test_curves_cross_where_their_lines_in_the_logarithms_do() -> None:
    (found,) = crossovers(curves(cells("steep", STEEP), cells("flat", FLAT)))
    assert (found.smaller, found.larger) == ("steep", "flat")
    assert found.payload_bytes.value == pytest.approx(1000)
    assert found.payload_bytes.low == pytest.approx(1000)
    assert found.payload_bytes.high == pytest.approx(1000)
    assert found.between == (100, 10_000)
    assert found.seen == 1
    assert found.clear


def test_a_crossover_between_sizes_that_are_far_apart_or_were_disturbed_says_so() -> None:
    (near,) = crossovers(curves(cells("steep", STEEP), cells("flat", FLAT)))
    assert (near.is_far, near.is_disturbed) == (False, False)
    steep, flat = {100: (10.0,) * 3, 20_000: (2000.0,) * 3}, {100: (100.0,) * 3, 20_000: (100.0,) * 3}
    flagged = [row | ({"noise_flags": "steal"} if row["payload_bytes"] == "100" else {}) for row in cells("flat", flat)]
    (found,) = crossovers(curves(cells("steep", steep), flagged))
    assert (found.is_far, found.is_disturbed) == (True, True)
    assert words.crossing(found).endswith(
        "between 100 B and 20 KB, as measured; those two are too far apart to say what either takes there; at one of "
        "them every measurement was disturbed."
    )


def test_curves_that_would_cross_only_beyond_the_last_payload_do_not() -> None:
    low = {size: [value / 11 for value in values] for size, values in STEEP.items()}
    assert crossovers(curves(cells("steep", low), cells("flat", FLAT))) == []


def test_curves_that_touch_do_not_cross_and_those_that_meet_at_a_measured_payload_cross_there() -> None:
    flat = {100: (10.0,) * 3, 1000: (10.0,) * 3, 10_000: (10.0,) * 3}
    touching = {100: (5.0,) * 3, 1000: (10.0,) * 3, 10_000: (5.0,) * 3}
    assert crossovers(curves(cells("a", flat), cells("b", touching))) == []
    meeting = {100: (5.0,) * 3, 1000: (10.0,) * 3, 10_000: (20.0,) * 3}
    (found,) = crossovers(curves(cells("a", flat), cells("b", meeting)))
    assert (found.smaller, found.larger) == ("b", "a")
    assert found.payload_bytes.value == pytest.approx(1000)


def test_contenders_measured_at_different_payloads_are_compared_where_both_have_a_figure() -> None:
    # `kinked` is known at 1000 B, where `steep` is interpolated to 100 µs.
    kinked = {100: (100.0,) * 3, 1000: (100.0,) * 3, 10_000: (10.0,) * 3}
    (found,) = crossovers(curves(cells("steep", STEEP), cells("kinked", kinked)))
    assert found.payload_bytes.value == pytest.approx(1000)
    narrow = {100: (1.0,) * 3}
    assert crossovers(curves(cells("steep", STEEP), cells("narrow", narrow))) == []


def test_the_interval_is_that_of_the_crossovers_of_drawn_repeats() -> None:
    # In one repeat of three the curves meet at 200 B, in the others at 1000 B and 5000 B: as `flat` moves.
    moving = {100: (20.0, 100.0, 500.0), 10_000: (20.0, 100.0, 500.0)}
    (found,) = crossovers(curves(cells("steep", STEEP), cells("moving", moving)))
    assert found.payload_bytes.value == pytest.approx(1000)
    assert found.payload_bytes.low == pytest.approx(200)
    assert found.payload_bytes.high == pytest.approx(5000)
    assert found.clear


def test_a_crossover_that_noise_alone_could_have_made_is_not_clear() -> None:
    rng = np.random.default_rng(4)
    alike = [{size: rng.normal(100, 20, 5) for size in (100, 1000, 10_000, 100_000)} for _ in range(2)]
    found = crossovers(curves(cells("a", alike[0]), cells("b", alike[1])))
    assert found
    assert not any(each.clear for each in found)


def test_from_too_few_repeats_a_crossover_has_no_interval_and_is_not_clear() -> None:
    two = [{size: values[:2] for size, values in each.items()} for each in (STEEP, FLAT)]
    (found,) = crossovers(curves(cells("steep", two[0]), cells("flat", two[1])))
    assert found.payload_bytes.value == pytest.approx(1000)
    assert (found.payload_bytes.low, found.seen, found.clear) == (None, None, False)


def test_a_repeat_that_one_of_the_two_lacks_is_left_out_of_the_interval() -> None:
    steep = cells("steep", {100: (10.0,) * 4, 10_000: (1000.0,) * 4})
    (found,) = crossovers(curves(steep[:-1], cells("flat", FLAT)))
    assert found.seen == 1


def test_an_interval_holds_its_crossover_where_one_size_has_more_repeats() -> None:
    # Of the three repeats that have both sizes two begin at 20 µs; of all five, three begin at 400.
    more = {100: (20.0, 20.0, 400.0, 400.0, 400.0), 10_000: (20.0,) * 3}
    steep = {100: (10.0,) * 5, 10_000: (1000.0,) * 3}
    (found,) = crossovers(curves(cells("steep", steep), cells("more", more)))
    assert found.payload_bytes.low is not None
    assert found.payload_bytes.high is not None
    assert found.payload_bytes.low <= found.payload_bytes.value <= found.payload_bytes.high


def test_the_fastest_reigns_from_crossover_to_crossover() -> None:
    found = curves(
        cells("steep", STEEP),
        cells("flat", FLAT),
        cells("slow", {100: (500.0,) * 3, 10_000: (2000.0,) * 3}),
        cells("direct", {100: (0.1,) * 3, 10_000: (0.1,) * 3}, server_cpu=None),
    )
    first, second = fastest_ranges(found)
    assert (first.contender, first.from_bytes) == ("steep", 100)
    assert second == FastestRange("flat", first.to_bytes, 10_000)
    assert first.to_bytes == pytest.approx(1000)
    (crossing,) = of_the_fastest(found)
    assert (crossing.smaller, crossing.larger) == ("steep", "flat")
