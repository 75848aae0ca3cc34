"""--only and --skip: on every axis, in the user's spelling, and a mistake says what there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from contenders import registry
from scenarios.cli.commands import main
from scenarios.common.errors import FilterError, RunError
from scenarios.plan import filters, scenario_files
from scenarios.plan.cells import AXES, expand
from scenarios.plan.scenario import Scenario
from scenarios.records.store import FINISHED, RUNNING, PartOfRun, Run, find
from scenarios.running import runner, session
from scenarios.statistics import figures
from tests.scenarios import canned
from tests.scenarios.conftest import Write
from tests.scenarios.fakes import CATALOGUE

CELLS = [
    {"scenario": "s", "contender": contender, "lane": lane, "payload_bytes": size, "clients": 1, "load": "closed"}
    | {"repeat": 0}
    for contender in ("shm", "zmq")
    for lane in ("bytes", "json")
    for size in (100, 10_000)
]


def _left(only: list[str], skip: list[str]) -> int:
    chosen = filters.parse(only, skip)
    chosen.check(CELLS, AXES)
    return sum(map(chosen.accepts, CELLS))


@pytest.mark.parametrize(
    ("only", "skip", "left"),
    [
        ([], [], 8),
        (["lane=json"], [], 4),
        (["lane=json,bytes"], [], 8),
        (["lane=json", "lane=bytes"], [], 8),
        (["lane=json", "contender=shm"], [], 2),
        ([], ["contender=shm"], 4),
        (["payload_bytes=100"], [], 4),
        (["payload=100 B"], [], 4),
        (["size=10KB, 100B"], [], 8),
        (["lane=json"], ["payload=10 KB", "contender=zmq"], 1),
        (["clients=1", "load=closed", "repeat=0", "scenario=s"], [], 8),
    ],
)
def test_a_cell_is_kept_when_it_has_an_only_value_of_each_axis_and_no_skipped_one(
    only: list[str], skip: list[str], left: int
) -> None:
    assert _left(only, skip) == left


def test_what_is_left_out_already_may_be_skipped() -> None:
    skipped = filters.parse([], ["contender=grpc"])
    skipped.check(CELLS, AXES, ["grpc"])
    with pytest.raises(FilterError, match="nothing here has contender=grpc"):
        skipped.check(CELLS, AXES, ["iceoryx2"])
    with pytest.raises(FilterError, match="nothing here has contender=grpc"):
        filters.parse(["contender=grpc"], []).check(CELLS, AXES, ["grpc"])


def test_a_scenario_with_a_missing_package_runs_with_it_skipped_or_not(
    write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "pynng", "no_such_package:Pynng")
    path = str(write(contenders='["direct", "pynng"]'))
    assert main(["plan", path]) == 0
    assert "left out: contender pynng is not available: pip install no_such_package" in capsys.readouterr().out
    assert main(["plan", path, "--skip", "contender=pynng"]) == 0


@pytest.mark.parametrize(
    ("only", "skip", "message"),
    [
        (["lan=json"], [], r"--only: there is no axis 'lan'; did you mean 'lane'\? allowed: scenario, contender"),
        ([], ["lane=jsn"], r"--skip: nothing here has lane=jsn; did you mean 'json'\? allowed: json, bytes"),
        (["payload=1KB"], [], r"nothing here has payload=1 KB; .*allowed: 100 B, 10 KB"),
        (["payload=big"], [], r"'big' is not a size; a number of bytes, or 100B"),
        (["lane"], [], r"--only lane: not AXIS=VALUE\[,VALUE\]"),
        (["lane="], [], r"not AXIS=VALUE"),
        ([], ["contender=shm,zmq"], r"--skip contender=shm,zmq leaves nothing of 8 cells"),
    ],
)
def test_a_mistake_is_answered_with_what_is_allowed(only: list[str], skip: list[str], message: str) -> None:
    with pytest.raises(FilterError, match=message):
        _left(only, skip)


def test_what_is_left_keeps_its_order_and_is_recorded_with_the_scenario(write: Write) -> None:
    scenario = scenario_files.read(write(contenders='["plain", "pipes"]', repeats=2), CATALOGUE)
    chosen = filters.parse(["contender=plain"], [])
    some = Scenario.from_resolved(scenario.resolved() | {"filter": chosen.resolved()})
    assert some.filter == chosen
    assert [cell.axes for cell in expand(some)] == [cell.axes for cell in expand(scenario) if cell.contender == "plain"]
    assert Scenario.from_resolved(some.resolved()) == some


@pytest.fixture
def command(write: Write, results: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`run` of a small scenario, without processes and pictures."""
    monkeypatch.setattr("scenarios.cli.measure.Registered", lambda: CATALOGUE)
    monkeypatch.setattr("scenarios.plots.pictures.draw", lambda run, console: [])
    monkeypatch.setattr(session, "run_cell", canned.run_cell())
    path = write(contenders='["plain", "pipes"]', repeats=2)
    return ["run", str(path), "--results", str(results)]


def test_a_filtered_run_is_resumed_as_it_was_begun(command: list[str], results: Path) -> None:
    assert main([*command, "--only", "contender=plain", "--skip", "payload=1KB", "--reruns", "3"]) == 0
    run = find(results, None)
    assert len(run.rows()) == 2
    run.set_state(RUNNING)
    run.rewrite_rows(run.rows()[:1])
    assert main([*command, "--resume"]) == 0
    assert (len(run.rows()), run.about()["state"]) == (2, FINISHED)
    run.set_state(RUNNING)
    run.rewrite_rows(run.rows()[:1])
    assert main(["run", "--resume", "--results", str(results)]) == 0
    assert len(run.rows()) == 2


def test_a_run_is_not_resumed_with_another_filter(
    command: list[str], results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--only", "contender=plain"]) == 0
    find(results, None).set_state(RUNNING)
    assert main([*command, "--only", "contender=pipes", "--resume"]) == 2
    assert "another definition of small (changed: filter)" in capsys.readouterr().err


def test_a_filter_of_nothing_starts_no_run(command: list[str], results: Path) -> None:
    assert main([*command, "--only", "contender=shm"]) == 2
    assert not results.exists()


def test_a_table_shows_the_part_that_was_asked_for(
    command: list[str], results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0
    capsys.readouterr()
    assert main(["table", "--results", str(results), "--only", "contender=pipes"]) == 0
    shown = capsys.readouterr().out
    assert " pipes " in shown
    assert " plain " not in shown
    assert main(["table", "--results", str(results), "--only", "contender=shm"]) == 2


def test_part_of_a_run_has_the_interval_of_the_repeats_it_holds_and_cannot_be_written(
    write: Write, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "run_cell", canned.run_cell())
    scenario = scenario_files.read(write(repeats=3), CATALOGUE)
    run = runner.begin(scenario, CATALOGUE, results)
    runner.measure(run, scenario, CATALOGUE, Console(quiet=True))
    part = PartOfRun(run.folder, filters.parse([], ["repeat=0"]))
    assert figures.summary(figures.frame(part.rows()))["p50_low"].isna().all()
    whole = PartOfRun(run.folder, filters.parse(["payload=1KB"], []))
    assert figures.summary(figures.frame(whole.rows()))["p50_low"].notna().all()
    with pytest.raises(RunError, match="cannot be written"):
        part.rewrite_rows([])
    assert len(Run(run.folder).rows()) == 6
