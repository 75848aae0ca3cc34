"""Colours that survive a grey printer and colour blindness, and a look for every name."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from contenders import registry
from contenders.interface import LANES
from scenarios.plots import style

SEES = {
    "everybody": np.eye(3),
    # Of linear RGB: Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision
    # Deficiency, IEEE TVCG 15 (2009), severity 1.
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
COLOURS = {each.members[0]: each.colour for each in style.FAMILIES}
PAIRS = list(itertools.combinations(COLOURS, 2))


def lab(colour: str, sight: str) -> np.ndarray:
    """CIE L*a*b* of an sRGB colour as someone sees it."""
    coded = np.array(to_rgb(colour))
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(SEES[sight] @ linear, 0, 1)
    parts = TO_XYZ @ seen / WHITE
    f = np.where(parts > 0.008856, np.cbrt(parts), 7.787 * parts + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_scale_is_that_of_cie() -> None:
    assert lab("#FFFFFF", "everybody") == pytest.approx([100, 0, 0], abs=0.02)
    assert lab("#FF0000", "everybody") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


@pytest.mark.parametrize("sight", SEES)
def test_two_families_differ_by_eight_just_noticeable_differences_to_any_eye(sight: str) -> None:
    """One such difference is 2.3 (Mahy and others, 1994)."""
    distances = {
        pair: float(np.linalg.norm(lab(COLOURS[pair[0]], sight) - lab(COLOURS[pair[1]], sight))) for pair in PAIRS
    }
    assert min(distances.values()) >= 8 * 2.3, min(distances.items(), key=lambda each: each[1])


def test_two_families_differ_in_print_without_colour() -> None:
    lightness = sorted(float(lab(colour, "everybody")[0]) for colour in COLOURS.values())
    assert min(np.diff(lightness)) >= 6.5, lightness
    assert lightness[-1] < 70, "the lightest is to be seen on white"


def test_two_members_of_a_family_differ_by_their_line_and_two_families_by_their_marker() -> None:
    for family in style.FAMILIES:
        lines = [str(style.of(name)["linestyle"]) for name in family.members]
        assert len(set(lines)) == len(lines)
    assert len({family.marker for family in (*style.FAMILIES, style.OTHER)}) == len(style.FAMILIES) + 1


def test_a_new_contender_looks_like_its_family_and_one_of_none_is_grey() -> None:
    assert style.of("grpc-brand-new")["color"] == style.of("grpc-uds")["color"]
    assert style.of("grpc-brand-new") == style.of("grpc-brand-new")
    assert style.of("third-party")["color"] == style.OTHER.colour
    red, green, blue = to_rgb(style.OTHER.colour)
    assert red == green == blue


def test_every_known_member_is_a_contender_there_is_and_what_matters_stands_for_its_family() -> None:
    known = {name for family in style.FAMILIES for name in family.members}
    assert known <= set(registry.names())
    assert set(style.BOLD) <= {family.members[0] for family in style.FAMILIES}


def test_few_are_all_in_front_and_of_many_the_first_of_each_family_and_the_fastest_others() -> None:
    assert style.representatives(["b", "shm", "a"]) == ["shm", "a", "b"]
    chosen = style.representatives(registry.names())
    assert [name for name in chosen if name not in style.ALWAYS] == list(COLOURS)
    assert {*style.ALWAYS} <= {*chosen}
    strangers = [f"third-party-{number}" for number in range(20)]
    assert style.representatives([*strangers, "shm-spin", "shm"]) == ["shm", *strangers[:4]]


def test_lanes_are_in_the_projects_order_and_unknown_ones_last() -> None:
    assert style.lanes(["zzz", *reversed(LANES), "aaa"]) == [*LANES, "aaa", "zzz"]
