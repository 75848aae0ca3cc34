"""Real, small runs through the real runner: what is on disk, what a failure leaves, what a resumed run does."""

from __future__ import annotations

import csv
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from scenarios.common.errors import RunError
from scenarios.plan import cells, scenario_files
from scenarios.plan.cells import key_of
from scenarios.plan.scenario import Scenario
from scenarios.records import environment, store
from scenarios.records.store import COLUMNS, Run
from scenarios.running import runner
from tests.scenarios import fakes
from tests.scenarios.conftest import RunIt, Write
from tests.scenarios.fakes import CATALOGUE

PROJECT = Path(__file__).parents[3]
SAME = environment.SAME


def test_a_run_leaves_a_row_and_all_samples_of_every_cell(run_it: RunIt, results: Path) -> None:
    run, failed = run_it(contenders='["plain", "pipes"]', repeats=3)
    assert failed == 0
    with run.cells_file.open() as file:
        assert tuple(next(csv.reader(file))) == COLUMNS
    rows = run.rows()
    assert len(rows) == len({key_of(row) for row in rows}) == 2 * 2 * 3
    assert [int(row["order_index"]) for row in rows] == list(range(12))
    for row in rows:
        samples = run.samples(key_of(row))
        assert samples is not None
        assert samples.size == int(row["calls"]) == int(row["verified"]) == 40
        assert float(row["max_us"]) == pytest.approx(samples.max() / 1000, abs=0.001)
        assert row["p50_us"]
        assert row["p99_us"] == ""
        assert (row["server_cpu_us_per_call"] == "") == (row["contender"] == "plain")
        assert (row["wait"], row["run_id"]) == ("none" if row["contender"] == "plain" else "block", run.id)
    assert (results / "latest").resolve() == run.folder.resolve()
    about = run.environment()
    assert about["settings"]["pipes"]["json"] == {"transport": "Unix socket"}
    assert about["timer"]["cost_ns"] > 0
    assert run.about()["state"] == store.FINISHED
    assert not (run.folder / "failures.json").exists()


def test_the_settings_of_every_block_are_kept(write: Write, results: Path) -> None:
    block = '[[cells]]\nlanes = ["json"]\npayload_sizes = [100]\ncalls = 1\ncontenders = '
    scenario = scenario_files.read(write(f'{block}["plain"]\n{block}["pipes"]\nname = "more"\n'), CATALOGUE)
    about = runner.begin(scenario, CATALOGUE, results).environment()
    assert set(about["settings"]) == {"plain", "pipes"}


def test_failed_cells_are_recorded_and_stop_no_other(run_it: RunIt, capfd: pytest.CaptureFixture[str]) -> None:
    run, failed = run_it(contenders='["plain", "stale", "raising", "dying", "no-server"]')
    assert failed == 8
    assert {row["contender"] for row in run.rows()} == {"plain"}
    reasons = {(why["axes"]["contender"], why["kind"]) for why in run.failures().values()}
    assert reasons == {
        ("stale", "WrongAnswer"),
        ("raising", "CallError"),
        ("dying", "ClientDied"),
        ("no-server", "ServerFailed"),
    }
    messages = {why["axes"]["contender"]: why["reason"] for why in run.failures().values()}
    assert "exit code 3" in messages["dying"]
    assert "no room for a server" in messages["no-server"]
    assert not list((run.folder / "samples").glob("*stale*"))
    assert "Traceback" not in capfd.readouterr().err


def test_a_cell_that_takes_too_long_is_stopped(run_it: RunIt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fakes.HANG_FIFO, str(tmp_path / "said"))
    run, failed = run_it(contenders='["hang"]', limit=1)
    assert failed == 2
    assert {why["kind"] for why in run.failures().values()} == {"TimeLimit"}
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "said").read_text()), 0)


class _Killed:
    """A runner in a process of its own, sent a signal while the client of `hang` hangs."""

    def __init__(self, path: Path, results: Path, fifo: Path, number: int) -> None:
        os.mkfifo(fifo)
        command = [sys.executable, "-m", "tests.scenarios.run_fakes", str(path), str(results)]
        environment = os.environ | {fakes.HANG_FIFO: str(fifo)}
        with subprocess.Popen(
            command, cwd=PROJECT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL
        ) as process:
            client = int(fifo.read_text())
            self.family = [os.pidfd_open(pid) for pid in _session_of(process.pid)]
            assert len(self.family) >= 3, "runner, server and client"
            if number == signal.SIGINT:  # as a terminal does: to everyone
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            self.exit_code = process.wait(30)
        self.client = client

    def all_ended(self) -> bool:
        """Whether every process of the run ends within 10 s."""
        return all(select.select([each], [], [], 10)[0] for each in self.family)


def _session_of(leader: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader:
            found.append(int(stat.parent.name))
    return found


@pytest.fixture
def interrupted(write: Write, results: Path, tmp_path: Path) -> Path:
    """A scenario whose first cell is of `plain`, and whose second hangs."""
    for seed in range(1000):
        text = write(contenders='["plain", "hang"]').read_text().replace("seed = 5", f"seed = {seed}")
        path = write(text, name="small")
        order = [cell.contender for cell in cells.expand(scenario_files.read(path, CATALOGUE))]
        if order[:2] == ["plain", "hang"]:
            return path
    raise AssertionError("no such order")


def _resume(path: Path, results: Path) -> Run:
    scenario = scenario_files.read(path, CATALOGUE)
    run = runner.resume(scenario, CATALOGUE, results)
    assert runner.measure(run, scenario, CATALOGUE, Console(quiet=True)) == 0
    return run


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_was_killed_is_resumed_and_nothing_measured_twice(
    interrupted: Path, results: Path, tmp_path: Path, number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    killed = _Killed(interrupted, results, tmp_path / "fifo", number)
    assert killed.exit_code == (-number if number == signal.SIGKILL else 130)
    assert killed.all_ended(), "no process may outlive the run"
    assert "Traceback" not in capfd.readouterr().err
    (run,) = store.unfinished(results)
    before = run.rows()
    assert [row["contender"] for row in before] == ["plain"]
    samples = {path: path.stat().st_mtime_ns for path in (run.folder / "samples").iterdir()}

    assert _resume(interrupted, results).folder == run.folder
    rows = run.rows()
    assert len(rows) == len({key_of(row) for row in rows}) == 4
    unchanged = [column for column in COLUMNS if not column.startswith("ci_")]
    assert [[row[each] for each in unchanged] for row in rows[:1]] == [[row[c] for c in unchanged] for row in before]
    assert {path: path.stat().st_mtime_ns for path in samples} == samples
    (part,) = run.environment()["resumed"]
    assert {"taken", "command", "load_average", "git_commit", "git_dirty"} == set(part)
    with pytest.raises(RunError, match="there is no unfinished run of small"):
        _resume(interrupted, results)


def test_a_torn_last_line_is_measured_again(run_it: RunIt, write: Write, results: Path) -> None:
    run, _ = run_it(repeats=3)
    content = run.cells_file.read_bytes()
    run.cells_file.write_bytes(content[:-40])
    run.set_state(store.RUNNING)
    assert len(run.rows()) == 5
    _resume(write(repeats=3), results)
    assert len(run.cells_file.read_bytes().splitlines()) == 7
    assert [key_of(row) for row in run.rows()] == [
        cell.key for cell in cells.expand(scenario_files.read(write(repeats=3), CATALOGUE))
    ]


def test_a_run_killed_before_its_first_cell_is_resumed(write: Write, results: Path) -> None:
    scenario = scenario_files.read(write(), CATALOGUE)
    store.create(results, scenario.resolved())
    assert len(_resume(write(), results).rows()) == 2


def test_a_changed_scenario_is_not_resumed(run_it: RunIt, write: Write, results: Path) -> None:
    run, _ = run_it(calls=40)
    run.set_state(store.RUNNING)
    with pytest.raises(RunError, match=r"another definition of small \(changed: blocks\)"):
        _resume(write(calls=41), results)


CHANGED = {
    "cpu": ({"cpu": "another"}, "cpu: another before, "),
    "commit": ({"git_commit": "c0ffee"}, "git_commit: c0ffee before, "),
    "edits": ({"git_dirty": "unknown"}, "git_dirty: unknown before, "),
    "package": ({"packages": environment.describe([], 1, "")["packages"] | {"orjson": "0.1"}}, "orjson: 0.1 before, "),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_run_of_another_environment_is_not_resumed_and_stays_as_it_is(
    run_it: RunIt, write: Write, results: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "SAME", SAME)
    values, reason = CHANGED[what]
    run, _ = run_it()
    run.set_state(store.RUNNING)
    run.write_json("environment.json", run.environment() | values)
    before = run.environment()
    with pytest.raises(RunError, match=rf"another environment \({reason}.* now\): start a new run without --resume"):
        _resume(write(), results)
    assert run.environment() == before


def test_a_stored_scenario_is_the_one_that_was_read(write: Write) -> None:
    scenario = scenario_files.read(write(contenders='["plain", "pipes"]', lanes='["bytes", "json"]'), CATALOGUE)
    stored = json.loads(json.dumps(scenario.resolved()))
    assert Scenario.from_resolved(stored) == scenario
    assert stored == scenario.resolved()


def test_the_newest_unfinished_run_of_that_scenario_is_resumed(write: Write, results: Path) -> None:
    scenario = scenario_files.read(write(), CATALOGUE)
    runs = [runner.begin(scenario, CATALOGUE, results) for _ in range(3)]
    assert len({run.id for run in runs}) == 3
    runs[2].set_state(store.FINISHED)
    assert runner.resume(scenario, CATALOGUE, results).id == runs[1].id
    assert runner.unfinished(results).id == runs[1].id
    other = scenario_files.read(write(name="other"), CATALOGUE)
    with pytest.raises(RunError, match=r"no unfinished run of other in .*; there are some of small"):
        runner.resume(other, CATALOGUE, results)


def test_failed_cells_are_tried_again_when_a_run_is_resumed(
    run_it: RunIt, write: Write, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fakes.HANG_FIFO, str(tmp_path / "said"))
    values = {"contenders": '["hang"]', "limit": 1}
    run, failed = run_it(**values)
    assert (failed, len(run.failures())) == (2, 2)
    run.set_state(store.RUNNING)
    monkeypatch.delenv(fakes.HANG_FIFO)
    _resume(write(**values), results)
    assert (len(run.rows()), run.failures()) == (2, {})


def test_two_runners_do_not_write_one_run(run_it: RunIt, write: Write, results: Path) -> None:
    run, _ = run_it()
    run.set_state(store.RUNNING)
    with run.locked(), pytest.raises(RunError, match="being written by another process"):
        _resume(write(), results)
