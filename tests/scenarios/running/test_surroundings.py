"""Circumstances as they are made: real processes, pinned, beside others, limited, with threads that compute."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.common import quotas
from scenarios.measuring import programs, usage
from scenarios.measuring.loops import Record, sleep_until
from scenarios.plan.cells import key_of
from scenarios.plan.circumstances import Circumstances
from scenarios.running import surroundings
from tests.scenarios.conftest import RunIt

BLOCK = """
repeats = 1
reruns = 0
[[cells]]
lanes = ["json"]
contenders = ["streams"]
payload_sizes = [100]
calls = 200
warmup_calls = 2
seconds = 0.2
"""
TWO_CPUS = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="has one CPU")


@TWO_CPUS
def test_pinned_pairs_run_where_they_are_put_and_the_row_says_so(run_it: RunIt) -> None:
    run, failed = run_it(text=BLOCK + 'placement = ["together", "apart"]\n')
    assert failed == 0
    rows = {row["placement"]: row for row in run.rows()}
    for row in rows.values():
        assert (row["client_migrations"], row["server_migrations"]) == ("0", "0")
    assert rows["together"]["client_on_cpu"] == rows["together"]["server_on_cpu"] != ""
    assert rows["apart"]["client_on_cpu"] != rows["apart"]["server_on_cpu"]


def test_what_a_thread_computes_beside_the_calls_is_not_their_cost(run_it: RunIt) -> None:
    """Its CPU time was all there is: milliseconds per call."""
    run, failed = run_it(text=BLOCK + 'beside = ["nothing", "client-thread", "server-thread"]\n')
    assert failed == 0
    rows = {row["beside"]: row for row in run.rows()}
    for beside, side in (("client-thread", "client"), ("server-thread", "server")):
        elapsed_us = 1e6 / float(rows[beside]["calls_per_s"])
        assert float(rows[beside][f"{side}_cpu_us_per_call"]) < 0.5 * elapsed_us


def test_what_is_beside_runs_during_the_cell_and_is_gone_after_it() -> None:
    def burners() -> list[int]:
        return [process.pid or 0 for process in multiprocessing.active_children() if process.name == "burner"]

    with surroundings.around(Circumstances(beside="2-burners")):
        pids = burners()
        assert len(pids) == 2
        for pid in pids:
            _until(lambda pid=pid: _computes(pid))  # type: ignore[misc]
    assert not burners()
    for pid in pids:
        assert not Path(f"/proc/{pid}").exists()


def _computes(pid: int) -> bool:
    return any((task / "comm").read_text().strip() == usage.COMPUTING for task in Path(f"/proc/{pid}/task").iterdir())


def _until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(bool(quotas.why_no_quota("quota-100%")), reason="no cgroup can be made")
def test_a_quota_holds_for_what_is_started_under_it_and_its_cgroup_goes() -> None:
    with quotas.limited(0.2):
        started = time.monotonic()
        code = "import time\nwhile time.process_time() < 0.3: pass"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
        # 0.3 seconds of CPU time, a fifth of a CPU: 1.5 seconds, of which other work only makes more.
        assert time.monotonic() - started > 0.9
    assert not list(quotas.V1.glob(f"bench-{os.getpid()}"))


@TWO_CPUS
def test_a_place_is_for_what_is_started_meanwhile_alone() -> None:
    before = os.sched_getaffinity(0)
    with surroundings.cpu_of_server(Circumstances(placement="apart")):
        assert os.sched_getaffinity(0) == {sorted(before)[1]}
    assert os.sched_getaffinity(0) == before


def test_noise_that_a_cell_makes_itself_is_no_flag() -> None:
    assert surroundings.own_doing(Circumstances(), crowded=False) == frozenset()
    assert "others" in surroundings.own_doing(Circumstances(beside="2-burners"), crowded=False)
    assert "steal" not in surroundings.own_doing(Circumstances(beside="2-burners"), crowded=True)
    assert "pressure" in surroundings.own_doing(Circumstances(placement="together"), crowded=False)


def test_a_worn_heap_is_full_of_holes() -> None:
    """What was freed is kept by the process, and what lives in between is small."""
    process = multiprocessing.get_context("spawn").Process(target=_wear_and_check)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def _wear_and_check() -> None:
    before = usage.of_self()
    programs.wear()
    after = usage.of_self().since(before)
    lives = sum(map(len, programs._kept))
    assert after.faults > 1000
    assert after.rss_mib - before.rss_mib > 2 * lives / 2**20


def test_a_sleeper_wakes_after_the_moment_and_its_sleep_is_no_cost() -> None:
    record = Record(0)
    moment = time.perf_counter_ns() + 20_000_000
    sleep_until(moment, record)
    assert time.perf_counter_ns() >= moment
    assert record.sleeps == 1
    sleep_until(moment, record)
    assert record.sleeps == 1


def test_the_latency_of_a_sleeping_caller_begins_when_it_has_woken(run_it: RunIt) -> None:
    """From the intended moment it would hold what the system takes to wake a sleeper."""
    run, failed = run_it(text=BLOCK + 'load = ["200/s-asleep"]\n')
    assert failed == 0
    (row,) = run.rows()
    latency, service = run.samples(key_of(row)), run.samples(key_of(row), "service_ns")
    assert latency is not None
    assert service is not None
    assert (latency >= service).all()
    assert (latency == service).any(), "though it always wakes late"
