"""The yardsticks of a run: real processes, what they take, when they are read, and that nothing of them stays."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from scenarios.common.quotas import pinned
from scenarios.running import yardsticks
from scenarios.running.yardsticks import DOCUMENT, Yardsticks, codec
from tests.scenarios.conftest import RunIt

PROJECT = Path(__file__).parents[3]
TWO_CPUS = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="has one CPU")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides answer, however busy the machine."""
    monkeypatch.setattr(yardsticks, "LIMIT_NS", 60_000_000_000)
    monkeypatch.setattr(yardsticks, "CROWDED_NS", 60_000_000_000)


def _partners() -> list[int]:
    return [each.pid for each in multiprocessing.active_children() if each.name == "yardstick" and each.pid]


def test_the_document_is_as_large_as_it_is_said_to_be() -> None:
    assert len(orjson.dumps(DOCUMENT)) == 100
    assert codec() == DOCUMENT


@TWO_CPUS
def test_both_are_read_and_leave_the_runner_where_it_may_run() -> None:
    before = os.sched_getaffinity(0)
    with Yardsticks() as taken:
        reading = taken.of_block()
        (partner,) = _partners()
        assert len(os.sched_getaffinity(partner)) == 1
        assert os.sched_getaffinity(0) == before
    assert reading.codec_us is not None
    assert reading.pingpong_us is not None
    assert reading.codec_us > 0
    assert reading.pingpong_us > 0
    assert not _partners()


@TWO_CPUS
def test_the_other_process_sleeps_in_one_system_call_between_readings() -> None:
    with Yardsticks(every_s=0) as taken:
        taken.of_block()
        (partner,) = _partners()
        # It has seen the last byte before it waits for the next word; until then it spins.
        while _state(partner) != "S":
            os.sched_yield()
        spent = Path(f"/proc/{partner}/schedstat").read_text()
        for _ in range(1000):
            os.sched_yield()
        assert Path(f"/proc/{partner}/schedstat").read_text() == spent


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_block_has_one_reading_and_the_next_another(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(yardsticks.time, "monotonic", lambda: now[0])
    readings: Iterator[int] = iter(range(1, 9))
    monkeypatch.setattr(Yardsticks, "_codec_us", lambda self: float(next(readings)))
    with pinned({min(os.sched_getaffinity(0))}), Yardsticks(every_s=5) as taken:
        seen = []
        for now[0] in (100.0, 104.9, 105.0, 106.0, 111.0):
            seen.append(taken.of_block().codec_us)
        assert seen == [1, 1, 2, 2, 3]
        assert taken.of_block().pingpong_us is None, "it takes two CPUs"


@TWO_CPUS
def test_a_ping_pong_that_waits_for_a_cpu_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yardsticks, "CROWDED_NS", 1)
    with Yardsticks() as taken:
        assert taken.of_block().pingpong_us is None


@TWO_CPUS
def test_a_partner_that_was_killed_costs_one_reading_and_is_replaced() -> None:
    with Yardsticks(every_s=0) as taken:
        assert taken.of_block().pingpong_us is not None
        (partner,) = _partners()
        ended = os.pidfd_open(partner)
        os.kill(partner, signal.SIGKILL)
        os.waitid(os.P_PIDFD, ended, os.WEXITED | os.WNOWAIT)
        os.close(ended)
        assert taken.of_block().pingpong_us is None
        assert taken.of_block().pingpong_us is not None


DIES = """
import os
from scenarios.running.yardsticks import Yardsticks
import multiprocessing
if __name__ == "__main__":
    taken = Yardsticks()
    taken.of_block()
    (child,) = multiprocessing.active_children()
    print(child.pid, flush=True)
    input()
    os._exit(1)
"""


@TWO_CPUS
def test_the_partner_ends_with_a_runner_that_just_goes(tmp_path: Path) -> None:
    file = tmp_path / "dies.py"
    file.write_text(DIES)
    command, environment = [sys.executable, str(file)], os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        partner = os.pidfd_open(int(runner.stdout.readline()))
        runner.communicate(b"\n")
    assert select.select([partner], [], [], 10)[0]
    os.close(partner)


def test_the_rows_of_a_block_have_its_reading(run_it: RunIt) -> None:
    run, _ = run_it(repeats=2)
    rows = run.rows()
    assert len({(row["yardstick_codec_us"], row["yardstick_pingpong_us"]) for row in rows}) <= len(rows)
    assert all(float(row["yardstick_codec_us"]) > 0 for row in rows)
