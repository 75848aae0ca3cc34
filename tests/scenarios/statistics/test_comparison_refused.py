"""Runs that cannot be compared are refused with what differs, unless that is forced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenarios.cli.commands import main
from scenarios.common.errors import ComparisonError
from scenarios.records.store import RUNNING
from scenarios.statistics import comparison
from scenarios.statistics.significance import SAME
from tests.scenarios.rows import repeats, run_of
from tests.scenarios.statistics.floors import FLOOR

OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "machine": ({"environment": {"cpu": "two", "packages": {"orjson": "3"}}}, "cpu: one before, two after"),
    "version": ({"environment": {"cpu": "one", "packages": {"orjson": "4"}}}, "orjson: 3 before, 4 after"),
    "method": ({"method": "process"}, "s, lane json: echo of document before, process of document after"),
}


@pytest.mark.parametrize("what", OTHER)
def test_runs_that_differ_in_what_matters_are_refused_unless_forced(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    different, reason = OTHER[what]
    run_of(tmp_path / "a", repeats("shm", [50, 51, 49, 50]))
    run_of(tmp_path / "b", repeats("shm", [75, 76, 74, 75]), **different)
    command = ["compare", "a", "b", "--results", str(tmp_path)]
    assert main(command) == 2
    assert reason in capsys.readouterr().err
    assert main([*command, "--errors", "json"]) == 2
    said = json.loads(capsys.readouterr().err)
    assert (said["kind"], said["message"]) == ("comparison", reason)
    assert main([*command, "--force"]) == 1
    assert f"compared in spite of: {reason}" in capsys.readouterr().out


def test_tools_that_are_not_timed_and_packages_one_side_lacks_do_not_matter(tmp_path: Path) -> None:
    one = {"packages": {"orjson": "3", "numpy": "1", "pyzmq": None}, "git_commit": "a"}
    other = {"packages": {"orjson": "3", "numpy": "2", "pyzmq": "27"}, "git_commit": "b"}
    runs = [run_of(tmp_path / name, repeats("shm", [50] * 3), about) for name, about in (("a", one), ("b", other))]
    assert comparison.obstacles(*runs) == []


def test_what_no_verdict_can_come_from_is_refused_with_what_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """19 times slower, of one repeat, was "unclear" and exit code 0."""
    run_of(tmp_path / "a", repeats("shm", [50, 50]))
    run_of(tmp_path / "b", repeats("shm", [950]))
    command = ["compare", "a", "b", "--results", str(tmp_path)]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert "a has 2 and b has 1 of a group at most, and it takes 3 on both sides" in " ".join(told.split())
    assert main([*command, "--force"]) == 2
    assert "19.0x" in capsys.readouterr().out


def test_a_run_that_is_not_finished_is_refused_unless_forced(tmp_path: Path) -> None:
    a, b = (run_of(tmp_path / name, repeats("shm", [50] * 3)) for name in "ab")
    for run in (a, b):
        run.set_state(RUNNING)
    with pytest.raises(ComparisonError, match=r"^a and b cannot be compared") as caught:
        comparison.compare(a, b, FLOOR)
    assert str(caught.value).splitlines()[1:] == ["  a is not finished", "  b is not finished"]
    forced = comparison.compare(a, b, FLOOR, force=True)
    assert forced.obstacles == ("a is not finished", "b is not finished")
    assert [each.verdict for each in forced.groups] == [SAME]
