"""Names find a place of their own: pure geometry."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from scenarios.plots import names

PANEL = np.array([0.0, 0.0, 400.0, 300.0])
NOTHING = np.empty((0, 4))


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_names_at_the_ends_of_lines_keep_apart_and_in_order() -> None:
    assert names.apart([50, 10, 30], 0, 100, 12) == [50, 10, 30]
    assert names.apart([99, 98, 5], 0, 100, 12) == [100, 88, 5]
    assert names.apart([1, 2], 10, 100, 12) == [10, 22]
    crowd = names.apart([50.0] * 40, 0, 100, 12)
    assert crowd == sorted(crowd)
    assert (crowd[0], crowd[-1]) == (0, 100)


def test_a_name_alone_stands_beside_its_point_without_a_line() -> None:
    (spot,) = names.fitted([(200, 150)], [(40, 9)], NOTHING, PANEL)
    assert spot
    assert spot.distance <= 4


@pytest.mark.parametrize("where", [(1, 1), (399, 1), (1, 299), (399, 299)])
def test_a_name_stays_in_the_panel(where: tuple[float, float]) -> None:
    (spot,) = names.fitted([where], [(60, 9)], NOTHING, PANEL)
    assert spot
    assert (np.array(spot.box) >= 0).all()
    assert (spot.box[2], spot.box[3]) <= (400, 300)


def test_twenty_five_names_of_points_in_a_heap_are_on_no_other_no_point_and_no_word() -> None:
    rng = np.random.default_rng(3)
    points = [(float(x), float(y)) for x, y in rng.normal((200, 150), (25, 20), (25, 2))]
    word = (150.0, 200.0, 250.0, 212.0)
    found = names.fitted(points, [(62, 9)] * 25, np.array([word]), PANEL)
    assert all(found)
    boxes = [spot.box for spot in found if spot]
    assert not [pair for pair in itertools.combinations([*boxes, word], 2) if overlap(*pair)]
    assert not [point for point in points for box in boxes if overlap(box, (*point, *point))]


def test_a_name_there_is_no_room_for_is_left_out_rather_than_put_on_another() -> None:
    small = np.array([0.0, 0.0, 50.0, 30.0])
    found = names.fitted([(25, 15), (25, 15), (25, 15), (25, 15)], [(45, 9)] * 4, NOTHING, small)
    assert None in found
    boxes = [spot.box for spot in found if spot]
    assert not [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)]
