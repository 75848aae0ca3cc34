"""Other clients whose calls are slow: real processes, beside those that are measured."""

from __future__ import annotations

import multiprocessing
import re
from pathlib import Path

import pytest

from contenders.process import ServerProcess
from contenders.registry import Registered
from contenders.service import SLOW_SECONDS, BenchService
from contenders.shm import Shm
from scenarios.common.errors import ScenarioError
from scenarios.plan import cells, circumstances, scenario_files
from scenarios.plan.circumstances import Circumstances
from scenarios.running.slow_callers import SlowCallers
from tests.scenarios.conftest import RunIt, Write
from tests.scenarios.fakes import CATALOGUE

BLOCK = """
repeats = 1
reruns = 0
[[cells]]
lanes = ["json"]
contenders = ["streams"]
payload_sizes = [100]
calls = 30
warmup_calls = 2
seconds = 0.2
"""
TWO = Circumstances(beside="2-sleeping-calls")


def _slow_callers() -> list[int]:
    return [each.pid or 0 for each in multiprocessing.active_children() if each.name.startswith("slow caller")]


@pytest.mark.parametrize("kind", ["sleeping", "computing"])
def test_a_quick_call_waits_for_slow_ones_where_one_is_served_at_a_time(run_it: RunIt, kind: str) -> None:
    """By other clients."""
    run, failed = run_it(text=BLOCK + f'beside = ["2-{kind}-calls"]\n')
    assert failed == 0
    (row,) = run.rows()
    assert float(row["p50_us"]) >= 1e6 * SLOW_SECONDS / 2
    assert not _slow_callers()


def test_they_run_once_they_are_answered_and_end_with_the_cell() -> None:
    shm = Shm("native")
    with ServerProcess(shm, BenchService()) as server:
        with SlowCallers(shm, TWO, "ascii", 100, seed=1) as slow:
            assert slow.start(server.address, 60.0) == ""
            pids = _slow_callers()
            assert len(pids) == 2
            assert slow.failure() == ""
        assert not _slow_callers()
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_one_that_cannot_call_says_why() -> None:
    with SlowCallers(Shm("native"), TWO, "ascii", 100, seed=1) as slow:
        said = slow.start("nobody-serves-this", 60.0)
    assert re.match(r"slow caller 0: ServerGone: ", said)


def test_one_whose_server_goes_says_so() -> None:
    shm = Shm("native")
    with SlowCallers(shm, TWO, "ascii", 100, seed=1) as slow:
        with ServerProcess(shm, BenchService()) as server:
            assert slow.start(server.address, 60.0) == ""
        for process, pipe in slow._processes:
            process.join(60)
            assert pipe.poll(60)
        assert "ServerGone" in slow.failure()


def test_contenders_without_a_server_of_their_own_are_left_out(write: Write) -> None:
    text = (
        BLOCK.replace('"json"', '"native"').replace('"streams"', '"shm", "direct", "process-pool"')
        + 'beside = ["nothing", "1-sleeping-call"]\n'
    )
    made = cells.expand(scenario_files.read(write(text), Registered()))
    assert {(cell.contender, cell.circumstances.slow_callers) for cell in made} == {
        ("shm", 0),
        ("shm", 1),
        ("direct", 0),
        ("process-pool", 0),
    }


def test_a_lane_that_carries_echoes_alone_has_no_slow_calls(write: Write) -> None:
    text = BLOCK.replace('"json"', '"bytes"') + 'beside = ["2-computing-calls"]\n'
    with pytest.raises(ScenarioError, match="lane 'bytes' carries echo alone"):
        scenario_files.read(write(text), CATALOGUE)


def test_what_is_beside_is_parsed() -> None:
    assert (TWO.slow_callers, TWO.slow_method) == (2, "sleep")
    assert Circumstances(beside="1-computing-call").slow_method == "compute"
    assert (Circumstances().slow_callers, Circumstances().slow_method) == (0, "")
    assert circumstances.validated_beside("12-computing-calls")
    with pytest.raises(ValueError, match="allowed"):
        circumstances.validated_beside("0-sleeping-calls")
