"""Cells of another phase of the machine are found by the yardsticks, and are compared with none of the usual one."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.cli.commands import main
from scenarios.common.errors import ComparisonError
from scenarios.statistics import caveats, comparison, disturbed, figures, phases
from scenarios.statistics.phases import FASTER, SLOWER, USUAL
from scenarios.statistics.significance import SAME, Floor
from scenarios.statistics.significance import SLOWER as FOUND_SLOWER
from tests.scenarios.rows import repeats, row, run_of

Rows = list[dict[str, str]]


def _with(rows: Rows, codec: list[float], pingpong: list[float] | None = None) -> Rows:
    """The rows with yardsticks, one of each per row, and enough calls."""
    for each, one, other in zip(rows, codec, pingpong or [""] * len(rows), strict=True):
        each |= {"calls": "1000", "skipped": "0", "yardstick_codec_us": str(one), "yardstick_pingpong_us": str(other)}
    return rows


@pytest.mark.parametrize(
    ("codec", "pingpong", "expected"),
    [
        ([1.0, 1.0, 1.0, 1.14], None, [USUAL] * 4),
        ([1.0, 1.0, 1.0, 1.16], None, [USUAL] * 3 + [SLOWER]),
        ([1.0, 1.0, 1.0, 0.86], None, [USUAL] * 3 + [FASTER]),
        ([1.0] * 4, [0.3, 0.3, 0.5, 0.3], [USUAL, USUAL, SLOWER, USUAL]),
        ([1.0, 1.0, 1.2, 1.0], [0.3, 0.3, 0.1, 0.3], [USUAL, USUAL, FASTER, USUAL]),  # the one that is farther off
        ([1.0, 2.0], None, [USUAL, SLOWER]),  # half and half: the median is one of the two
        (["", "", "", ""], None, [USUAL] * 4),  # a run of an older version
    ],
)
def test_the_phase_is_the_yardstick_against_the_runs_median(
    codec: list[float], pingpong: list[float] | None, expected: list[str]
) -> None:
    rows = _with(repeats("shm", [10.0] * len(codec)), codec, pingpong)
    assert figures.frame(rows)["phase"].tolist() == expected


def test_a_cell_of_another_phase_is_flagged_as_that_and_not_as_outlying() -> None:
    rows = _with(repeats("shm", [10, 10, 10, 20]), [1, 1, 1, 1.5])
    assert figures.frame(rows)["noise_flags"].tolist() == ["", "", "", "phase"]
    assert disturbed.slow(figures.frame(rows)).cells == 0
    rows = _with(repeats("shm", [10, 10, 10, 20]), [1] * 4)
    assert figures.frame(rows)["noise_flags"].tolist() == ["", "", "", "outlying"]


def test_the_phase_is_no_flag_of_the_system() -> None:
    """Which attempt counts and what is measured again are decided by those of the row."""
    cells = [*repeats("shm", [10.0] * 6), *repeats("shm", [10.0, 10.0, 90.0], payload_bytes=1000)]
    rows = _with(cells, [1.0] * 6 + [2.0] * 3)
    assert disturbed.slow(figures.frame(rows)) == disturbed.Slow(cells=1, flagged=0)


def test_ratios_pair_cells_of_one_phase_only() -> None:
    shm = _with(repeats("shm", [10.0] * 4), [1, 1, 1, 1])
    zmq = _with(repeats("zmq", [20.0, 20.0, 20.0, 60.0]), [1, 1, 1, 2])
    ratios = figures.ratios(figures.frame([*shm, *zmq]), "shm").set_index("contender")
    assert ratios.loc["zmq", "ratio"] == 2
    assert ratios.loc["zmq", "high"] == 2, "the fourth pair is of two phases"
    both_slower = _with(repeats("shm", [30.0], payload_bytes=100), [2])
    rows = [*shm[:3], both_slower[0] | {"repeat": "3"}, *zmq]
    assert figures.ratios(figures.frame(rows), "shm").set_index("contender").loc["zmq", "high"] == 2


def test_a_run_says_how_many_cells_were_in_another_phase_and_what_the_yardsticks_were(tmp_path: Path) -> None:
    rows = _with(repeats("shm", [10.0] * 5), [0.5, 0.5, 0.5, 0.7, 0.8])
    (found,) = [each for each in caveats.find(run_of(tmp_path / "a", rows)) if each.kind == "phase"]
    assert found.group == {}
    assert found.message == (
        "2 of 5 cells were measured in another phase of the machine, in repeats 3, 4: codec 0.70 to 0.80 µs, else 0.50"
    )


def test_contenders_of_different_phases_are_named(tmp_path: Path) -> None:
    shm = _with(repeats("shm", [10.0] * 3), [0.5] * 3)
    zmq = _with(repeats("zmq", [20.0] * 3), [0.5, 0.5, 0.9])
    found = [each for each in caveats.find(run_of(tmp_path / "a", [*shm, *zmq])) if each.kind == "phase"]
    (of_group,) = [each for each in found if each.group]
    assert of_group.group["contender"] == "zmq"
    assert "1 of 3 repeats were measured in another phase of the machine" in of_group.message
    assert "codec 0.90 µs, else 0.50" in of_group.message
    together = [*_with(repeats("shm", [10.0] * 3), [0.5, 0.5, 0.9]), *zmq]
    found = [each for each in caveats.find(run_of(tmp_path / "b", together)) if each.kind == "phase"]
    assert [each.group for each in found] == [{}], "both were in it"


def test_two_runs_are_compared_by_the_cells_of_their_common_phase(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", _with(repeats("shm", [50.0] * 4), [1.0] * 4))
    b = run_of(tmp_path / "b", _with(repeats("shm", [50.0, 50, 50, 90, 90]), [1.0, 1.0, 1.0, 1.8, 1.8]))
    found = comparison.compare(a, b, Floor())
    assert [each.verdict for each in found.groups] == [SAME]
    assert (found.groups[0].after_us, found.left_out, found.of_other_phases) == (50, 2, ())


def test_a_group_that_was_measured_in_another_phase_only_is_named_and_not_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = _with(repeats("zmq", [90.0] * 3), [1.0] * 3)
    run_of(tmp_path / "a", [*_with(repeats("shm", [50.0] * 4), [1.0] * 4), *others])
    slowed = _with(repeats("zmq", [150.0] * 3), [1.6] * 3)
    run_of(tmp_path / "b", [*_with(repeats("shm", [50.0] * 4), [1.0] * 4), *slowed])
    assert main(["compare", "a", "b", "--results", str(tmp_path)]) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert "left out, measured in another phase of the machine: 3 cells" in shown
    assert "nothing can be told of 1 of 2 groups" in shown
    assert ": zmq, lane json, 100 B; it takes 3 in both runs in one phase of the machine" in shown
    assert "only in" not in shown


def test_runs_of_different_phases_are_refused_unless_forced(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", _with(repeats("shm", [50.0] * 4), [0.5] * 4, [0.3] * 4))
    b = run_of(tmp_path / "b", _with(repeats("shm", [90.0] * 4), [0.9] * 4, [0.3] * 4))
    why = r"the machine was in another phase \(codec alone takes 0.50 µs before, 0.90 after\)"
    with pytest.raises(ComparisonError, match=why):
        comparison.compare(a, b, Floor())
    assert [each.verdict for each in comparison.compare(a, b, Floor(), force=True).groups] == [FOUND_SLOWER]


def test_where_the_common_phase_has_too_few_repeats_that_is_said(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", _with(repeats("shm", [50.0] * 3), [0.5] * 3))
    b = run_of(tmp_path / "b", _with(repeats("shm", [50.0] * 4), [0.5, 0.5, 0.9, 0.9]))
    why = r"b has 2 of a group at most \(2 cells of another phase of the machine left out\), and it takes 3"
    with pytest.raises(ComparisonError, match=why):
        comparison.compare(a, b, Floor())


def test_a_run_without_yardsticks_is_compared_as_ever(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", repeats("shm", [50.0] * 4))
    b = run_of(tmp_path / "b", _with(repeats("shm", [90.0] * 4), [0.9] * 4))
    assert phases.between(figures.frame(a.rows()), figures.frame(b.rows())) == ""
    assert [each.verdict for each in comparison.compare(a, b, Floor()).groups] == [FOUND_SLOWER]
    assert figures.frame([row()])["phase"].tolist() == [USUAL]
