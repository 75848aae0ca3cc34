"""The search for the highest rate that holds: on imagined machines, and once on a real one."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from contenders import registry
from scenarios.cli.commands import main
from scenarios.records.store import FINISHED, Run
from scenarios.running.capacity import LOWEST_RATE, STEP, grid_index, grid_rate, highest


class Machine:
    """Holds every rate up to `limit`, apart from the trials that are named as unlucky or lucky."""

    def __init__(self, limit: int, otherwise: tuple[int, ...] = ()) -> None:
        self.limit, self.otherwise = limit, otherwise
        self.tried: list[int] = []

    def holds(self, rate: int) -> bool:
        self.tried.append(rate)
        return (rate <= self.limit) != (len(self.tried) - 1 in self.otherwise)


def _found(machine: Machine, top: int = 60) -> int:
    index = highest(machine.holds, top)
    assert index is not None
    return grid_rate(index)


@pytest.mark.parametrize("limit", [LOWEST_RATE, 11, 37, 500, 1234, 3000, 10**9])
def test_the_highest_rate_of_the_grid_that_holds_is_found_in_few_trials(limit: int) -> None:
    machine = Machine(limit)
    found = _found(machine)
    assert found <= limit
    assert found * STEP * 1.05 > limit or found == grid_rate(60)
    assert len(machine.tried) <= 16


def test_nothing_holds_where_not_even_the_lowest_rate_does() -> None:
    assert highest(Machine(0).holds, 60) is None
    assert highest(Machine(0).holds, 0) is None
    assert highest(Machine(0).holds, -1) is None


def test_what_held_by_luck_is_not_the_answer() -> None:
    limit = grid_rate(30)
    plain = Machine(limit)
    _found(plain)
    lucky = plain.tried.index(grid_rate(31))
    assert _found(Machine(limit, otherwise=(lucky,))) == limit


def test_one_unlucky_trial_in_the_confirmation_does_not_change_the_answer() -> None:
    limit = grid_rate(30)
    plain = Machine(limit)
    _found(plain)
    for confirming in (len(plain.tried) - 2, len(plain.tried) - 1):
        assert _found(Machine(limit, otherwise=(confirming,))) == limit


def test_the_grid_is_ascending_and_found_again() -> None:
    rates = [grid_rate(index) for index in range(130)]
    assert all(low < high for low, high in itertools.pairwise(rates))
    assert [grid_index(rate) for rate in rates] == list(range(130))
    assert grid_index(9) == -1


def test_every_trial_is_a_row_with_its_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A p99 no loaded machine misses, over the in-process call: it is the search that is tested."""
    asked = ["capacity", "--contender", "direct", "--p99", "10s", "--seconds", "50ms", "--results", str(tmp_path)]
    assert main(asked) == 0
    (run,) = [Run(path) for path in tmp_path.iterdir() if path.is_dir() and not path.is_symlink()]
    answer = json.loads((run.folder / "capacity.json").read_text())["answers"][0]
    rows = run.rows()
    assert run.about()["state"] == FINISHED
    assert [row["load"] for row in rows] == ["closed", *(f"{rate}/s" for rate, _, _ in answer["trials"])]
    assert all(run.samples_of(row) is not None for row in rows)
    assert answer["rate"] <= answer["closed_rate"]
    shown = capsys.readouterr().out
    assert f"{answer['rate']:,}" in shown


def test_a_contender_whose_package_is_missing_is_left_out_alone_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "pynng", "no_such_package:Pynng")
    common = ["--p99", "10s", "--seconds", "50ms", "--results", str(tmp_path)]
    assert main(["capacity", "--contender", "pynng", *common]) == 2
    assert "contender pynng is not available: pip install no_such_package" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main(["capacity", "--contender", "pynng,direct", *common]) == 0
    answers = json.loads((tmp_path / "latest" / "capacity.json").read_text())["answers"]
    assert len(answers) == 1
    assert "left out: contender pynng is not available" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--contender", "sh"], "--contender: unknown value 'sh'; allowed: "),
        (["--contender", "noop", "--clients", "2"], "--clients: noop in lane native takes one client only"),
        (["--contender", "direct-codec", "--lane", "bytes"], "--lane: direct-codec has no lane 'bytes'; it has json"),
        (["--payload", "1B"], "--payload: 1 bytes is too small; allowed: 16 and more"),
        (["--p99", "fast"], "--p99 'fast' is not a time; allowed:"),
        (["--clients", "0"], "--clients"),
    ],
)
def test_a_mistake_names_the_option_and_what_is_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["capacity", *arguments, "--results", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
