"""Notebook 02's parts add up to the call, no share is over all of it, and no more cores work than there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.analysis import parts
from scenarios.analysis.cores import UNCLEAR
from scenarios.analysis.notebook import OpenedRun
from scenarios.analysis.parts import PARTS
from tests.scenarios import shown
from tests.scenarios.tables import Cells, cells
from tests.scenarios.twenty import IN_PROCESS, NAMES, SIZES, p50

WORDS = ["100 B", "10 KB", "100 KB"]
OVER_IPC = [name for name in NAMES if name not in IN_PROCESS]


def split(codec: tuple[float, float], call: tuple[float, float]) -> list[Cells]:
    """The contenders a split needs, at 100 B and 10 KB; µs of the codec alone and of shm-block's call in lane json.

    The other parts: wake-ups 20, hand-over 10, copies 0 and 6.
    """
    sizes = (100, 10_000)
    return [
        cells("shm", {100: (10.0,) * 3, 10_000: (16.0,) * 3}, lane="bytes"),
        cells("shm-block", {100: (30.0,) * 3, 10_000: (36.0,) * 3}, lane="bytes"),
        cells("shm-block", {at: (each,) * 3 for at, each in zip(sizes, call, strict=True)}, lane="json"),
        cells("direct", dict.fromkeys(sizes, (1.0,) * 3), lane="json", server_cpu=None),
        cells("direct-codec", {at: (1 + each,) * 3 for at, each in zip(sizes, codec, strict=True)}, lane="json"),
    ]


def test_the_parts_of_a_call_are_differences_that_add_up_to_it(tmp_path: Path) -> None:
    opened = shown.opened(tmp_path, *split(codec=(4, 30), call=(50, 60)))
    found = parts.parts(opened, "json")
    assert found is not None
    first, second = (found[found["payload_bytes"] == at].iloc[0] for at in (100, 10_000))
    assert first[list(PARTS)].to_list() == [20, 10, 0, 4, 16]
    assert second[list(PARTS)].to_list() == [20, 10, 6, 30, -6]
    table = parts.in_figures(opened, "json")
    assert shown.heads(table) == ["lane json, µs", *PARTS, "call of shm-block", "rest in single repeats"]
    assert shown.rows(table) == {
        "100 B": ["20.0", "10.0", "0.00", "4.00", "16.0", "50.0", "16.0 to 16.0"],
        "10 KB": ["20.0", "10.0", "6.00", "30.0", "-6.00", "60.0", "-6.00 to -6.00"],
    }
    assert parts.largest_part(opened, "json").text == (
        "Lane json: at 100 B the largest part is **wake-ups** (40% of the call); "
        "at 10 KB the largest part is **codec** (50% of the call)."
    )


def test_the_parts_of_a_call_are_of_repeats_in_one_phase_of_the_machine(tmp_path: Path) -> None:
    made = split(codec=(4, 30), call=(50, 60))
    slower = {"yardstick_codec_us": "1.6", "yardstick_pingpong_us": "0.4"}
    usual = slower | {"yardstick_codec_us": "0.8"}
    whole = parts.parts(shown.opened(tmp_path / "whole", *([row | usual for row in each] for each in made)), "json")
    mixed = [[row | (slower if row["repeat"] == "2" else usual) for row in each] for each in made[:1]]
    mixed += [[row | usual for row in each] for each in made[1:]]
    found = parts.parts(shown.opened(tmp_path / "mixed", *mixed), "json")
    assert whole is not None
    assert found is not None
    counts = [
        list(each.groupby("payload_bytes")[["wake-ups", "rest", "codec"]].count().iloc[0]) for each in (whole, found)
    ]
    assert counts == [[3, 3, 3], [2, 2, 3]]


def test_the_bars_of_a_call_are_its_parts_on_top_of_each_other(tmp_path: Path) -> None:
    picture = parts.stacked(shown.opened(tmp_path, *split(codec=(4, 30), call=(50, 60))))
    (axes,) = shown.panels(picture)
    bars = shown.bars(axes)
    assert list(bars) == shown.legend(picture) == list(PARTS)
    spans = {part: [(low, low + height) for _, low, _, height in each] for part, each in bars.items()}
    # A negative rest hangs below the axis, so that what is above it is 100% and what hangs there.
    assert spans == {
        "wake-ups": [(0, 40), (0, pytest.approx(100 / 3))],
        "hand-over": [(40, 60), (pytest.approx(100 / 3), pytest.approx(50))],
        "copies": [(60, 60), (pytest.approx(50), pytest.approx(60))],
        "codec": [(60, 68), (pytest.approx(60), pytest.approx(110))],
        "rest": [(68, pytest.approx(100)), (0, pytest.approx(-10))],
    }
    assert all([left + width / 2 for left, _, width, _ in each] == pytest.approx([0, 1]) for each in bars.values())
    assert [each.get_text() for each in axes.get_xticklabels()] == ["100 B", "10 KB"]
    assert axes.get_ylabel() == "share of the call [%]"
    assert (axes.get_title(), axes.get_xlabel()) == ("lane json", "payload")
    colours = {str(kind.get_label()): kind.patches[0].get_facecolor()[:3] for kind in axes.containers}  # type: ignore[union-attr]
    assert len(set(colours.values())) == len(PARTS)
    assert not shown.words(axes)


def test_negative_parts_hang_below_each_other(tmp_path: Path) -> None:
    once = {100: (30.0,) * 3}
    rows = (cells("shm", once, lane="bytes"), cells("shm-block", {100: (27.0,) * 3}, lane="bytes"))
    own = (cells("shm-block", once, lane="json"), cells("direct", {100: (1.0,) * 3}, lane="json"))
    codec = cells("direct-codec", {100: (7.0,) * 3}, lane="json")
    (axes,) = shown.panels(parts.stacked(shown.opened(tmp_path, *rows, *own, codec)))
    spans = {part: (low, low + height) for part, [(_, low, _, height)] in shown.bars(axes).items()}
    assert spans["wake-ups"] == (0, pytest.approx(-10))
    assert spans["rest"] == (pytest.approx(-10), pytest.approx(-20))
    assert spans["hand-over"] == (0, pytest.approx(100))
    assert spans["codec"] == (pytest.approx(100), pytest.approx(120))


def test_a_part_that_is_longer_than_the_call_is_no_share_of_it(tmp_path: Path) -> None:
    """In one process a codec may take longer than the whole call between two: a share of 250% would be nonsense."""
    opened = shown.opened(tmp_path, *split(codec=(4, 150), call=(50, 60)))
    text = parts.largest_part(opened, "json").text
    assert text == (
        "Lane json: at 100 B the largest part is **wake-ups** (40% of the call); "
        "at 10 KB the call can't be split: **codec** alone takes 150 µs, the call 60.0 µs."
    )
    picture = parts.stacked(opened)
    (axes,) = shown.panels(picture)
    assert all([left for left, *_ in each] == pytest.approx([-0.35]) for each in shown.bars(axes).values())
    assert shown.words(axes) == ["not split: codec alone 150 µs,\nthe call 60.0 µs"]
    assert axes.texts[0].get_position()[0] == 1
    assert [each.get_text() for each in axes.get_xticklabels()] == ["100 B", "10 KB"]
    assert shown.rows(parts.in_figures(opened, "json"))["10 KB"][3:6] == ["150", "-126", "60.0"]


def test_a_run_that_can_be_split_nowhere_says_so_at_every_payload(tmp_path: Path) -> None:
    picture = parts.stacked(shown.opened(tmp_path, *split(codec=(51, 61), call=(50, 60))))
    (axes,) = shown.panels(picture)
    assert len(shown.words(axes)) == 2
    assert shown.legend(picture) == list(PARTS)
    assert picture._repr_png_()  # type: ignore[union-attr]


def test_what_a_codec_adds_is_a_contenders_lane_less_its_bytes(twenty: OpenedRun) -> None:
    found = parts.what_a_codec_adds(twenty, "json")
    assert shown.heads(found) == ["added to lane bytes, µs", *WORDS]
    added = {name: p50(name, 100) - p50(name, 100, "bytes") for name in OVER_IPC}
    in_figures = {name: [f"{us:.1f}" if us < 100 else f"{us:.0f}"] * 3 for name, us in added.items()}
    assert shown.rows(found) == {"direct-codec less direct": ["20.0"] * 3, **in_figures}


def test_what_a_codec_adds_is_of_repeats_in_one_phase_of_the_machine(tmp_path: Path) -> None:
    """A repeat in which the machine was slower for the one lane alone made the codec of it."""
    slow = {"yardstick_codec_us": "1.6", "yardstick_pingpong_us": "0.4"}
    usual = slow | {"yardstick_codec_us": "0.8"}
    of_json = [
        row | (slow if row["repeat"] == "2" else usual) for row in cells("shm", {100: (10.0, 10, 50)}, lane="json")
    ]
    of_bytes = [row | usual for row in cells("shm", {100: (4.0, 4, 4)}, lane="bytes")]
    found = parts.what_a_codec_adds(shown.opened(tmp_path, of_json, of_bytes), "json")
    assert shown.rows(found)["shm"] == ["6.00"]
    only = [row | slow for row in cells("shm", {100: (50.0,) * 3}, lane="json")]
    apart = parts.what_a_codec_adds(shown.opened(tmp_path, only, of_bytes, of_bytes), "json")
    assert shown.rows(apart)["shm"] == [""]


def test_switches_are_set_against_the_smallest_calls_median(twenty: OpenedRun) -> None:
    picture = parts.switches(twenty)
    (axes,) = shown.panels(picture)
    assert [shown.points(line) for line in axes.lines] == [
        [(NAMES.index(name), pytest.approx(p50(name, SIZES[0], "bytes")))] for name in sorted(OVER_IPC)
    ]
    assert sorted(filter(None, shown.words(axes))) == sorted(OVER_IPC)
    assert axes.get_xlabel() == "voluntary context switches of a call, client and server"
    assert (axes.get_ylabel(), axes.get_yscale()) == ("round trip, p50", "log")
    assert "100 B (lane bytes)" in repr(picture)


def test_cores_at_work_are_cpu_time_per_call_times_calls_per_second(twenty: OpenedRun) -> None:
    found = parts.cpu_and_time(twenty, "json")
    expected_heads = ["lane json", "CPU, 100 B", "cores at work, 100 B", "CPU, 100 KB", "cores at work, 100 KB"]
    assert shown.heads(found) == expected_heads
    cores = {name: [f"{12 / p50(name, at):.2f}" for at in (100, 100_000)] for name in OVER_IPC}
    expected = {name: ["12.0 µs", first, "12.0 µs", last] for name, (first, last) in cores.items()}
    assert shown.rows(found) == expected
    assert expected["shm"] == ["12.0 µs", "0.57", "12.0 µs", "0.10"]
    assert UNCLEAR not in str(found)


def test_the_time_between_calls_counts_for_cores_too(tmp_path: Path) -> None:
    """A call of 10 µs that begins every 20: its 24 µs of CPU time keep 1.2 cores at work, and not 2.4."""
    row = cells("a", {100: (10.0,) * 3}, client_cpu=14, server_cpu=10, calls_per_s="50000")
    found = parts.cpu_and_time(shown.opened(tmp_path, row), "native")
    assert shown.rows(found)["a"][:2] == ["24.0 µs", "1.20"]


def test_a_servers_cores_are_its_cpu_time_by_the_time_that_was_used_in(tmp_path: Path) -> None:
    """The client checks for 9 us after each call of 10, and the server looks on: 18.9 us of CPU time in 19."""
    spins = cells("spins", {100: (10.0,) * 3}, client_cpu=10, server_cpu=18.9, wall_us_per_call="19.0")
    table = parts.cpu_and_time(shown.opened(tmp_path, spins), "native")
    assert shown.rows(table)["spins"][:2] == ["28.9 µs", "1.99"]
    assert UNCLEAR not in table.text


def test_more_cores_than_there_are_is_no_number_of_cores(tmp_path: Path) -> None:
    spins = cells("spins", {100: (10.0,) * 3}, client_cpu=10, server_cpu=18.9)
    all_of_them = cells("all", {100: (10.0,) * 3}, client_cpu=10, server_cpu=10)
    table = parts.cpu_and_time(shown.opened(tmp_path, spins, all_of_them), "native")
    assert shown.rows(table)["spins"][:2] == ["28.9 µs", UNCLEAR]
    assert shown.rows(table)["all"][:2] == ["20.0 µs", "2.00"]
    assert "2.89" not in table.text
    assert f"*{UNCLEAR}: client and server used more CPU time than 2 CPUs have" in table.text
