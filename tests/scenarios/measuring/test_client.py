"""The client's side: what is timed, what is checked, what it costs."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from array import array
from typing import Any

import pytest

from contenders.process import ServerProcess
from contenders.service import BenchService
from scenarios.measuring import client, noise, usage
from scenarios.measuring.loops import WrongAnswer
from scenarios.plan import payloads
from scenarios.plan.load import Load
from tests.scenarios.fakes import Pipes, Plain, Raising, Stale


def _task(**values: Any) -> client.Task:
    defaults: dict[str, Any] = {
        "contender": Plain("json"),
        "method": "echo",
        "payload": "document",
        "payload_bytes": 200,
        "seed": 1,
        "repeat": 0,
        "calls": 50,
        "warmup_calls": 5,
        "seconds": 5.0,
        "load": Load(),
        "client": 0,
        "clients": 1,
    }
    return client.Task(**defaults | values)


def _measure(task: client.Task) -> client.ClientResult:
    corpus = payloads.corpus(task.payload, task.payload_bytes, task.seed)
    return client.measure(task, corpus, None, time.perf_counter_ns)


def test_a_measurement_has_all_calls_and_their_cost() -> None:
    found = _measure(_task(calls=200))
    assert len(found.start_ns) == len(found.end_ns) == 200 * 8
    assert found.due_ns == b""
    assert found.cold_start_ns > 0
    assert found.client.rss_mib > 1
    assert found.server_after is None


@pytest.mark.parametrize("method", ["add", "process"])
def test_the_service_decides_what_is_right(method: str) -> None:
    kind = {"add": "numbers", "process": "document"}[method]
    assert _measure(_task(method=method, payload=kind)).end_ns


def test_garbage_is_collected_while_calls_are_timed_and_what_was_there_before_is_frozen() -> None:
    found: list[tuple[bool, bool]] = []

    def begin() -> int:
        found.append((gc.isenabled(), gc.get_freeze_count() > 1000))
        return time.perf_counter_ns()

    gc.unfreeze()
    client.measure(_task(), payloads.corpus("document", 200, 1), None, begin)
    assert found == [(True, True)]
    assert gc.isenabled()


def test_an_open_loop_makes_every_call_of_its_schedule_and_knows_what_waiting_cost() -> None:
    found = _measure(_task(load=Load(10_000.0, constant=True), seconds=0.02, calls=1000))
    assert len(found.start_ns) == len(found.due_ns) == 200 * 8
    assert len(found.free) == 200
    assert found.skipped == 0
    assert found.harness_cpu_ns > 0


def test_each_repeat_has_arrivals_of_its_own() -> None:
    def dues(repeat: int) -> list[int]:
        found = _measure(_task(load=Load(10_000.0), seconds=0.01, repeat=repeat))
        return [due - found.begin_ns for due in array("q", found.due_ns)]

    assert dues(0) == dues(0) != dues(1)


def test_waiting_for_the_clock_is_not_the_callers_cpu_time() -> None:
    """Between two calls of an in-process contender, which take 1 µs, the dispatcher spins for some 100 µs."""
    found = _measure(_task(load=Load(500.0, constant=True), seconds=0.2, calls=1000))
    assert len(found.start_ns) == 100 * 8
    assert found.harness_cpu_ns > 0
    assert found.client.cpu_ns < found.harness_cpu_ns / 2
    assert found.client.voluntary < 50, "a sleep before each of 100 calls is the dispatcher's switch too"


@pytest.mark.parametrize("load", [Load(), Load(2000.0)])
def test_the_clients_begin_at_the_moment_they_are_told(load: Load) -> None:
    moments: list[int] = []

    def begin() -> int:
        moments.append(time.perf_counter_ns() + 3_000_000)
        return moments[0]

    found = client.measure(_task(load=load), payloads.corpus("document", 200, 1), None, begin)
    (moment,) = moments
    starts = array("q", found.start_ns)
    assert found.begin_ns == moment
    assert min(starts) >= moment


def test_a_server_is_not_charged_for_what_it_spins_before_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    moments: list[int] = []
    readings: list[int] = []

    def begin() -> int:
        moments.append(time.perf_counter_ns() + 20_000_000)
        return moments[0]

    def of_process(pid: int) -> usage.Usage:
        readings.append(time.perf_counter_ns())
        return read(pid)

    read = usage.of_process
    monkeypatch.setattr(usage, "of_process", of_process)
    with ServerProcess(Pipes("json"), BenchService()) as server:
        place = client.Server(server.address, server.pid)
        found = client.measure(_task(contender=Pipes("json")), payloads.corpus("document", 200, 1), place, begin)
    earliest = moments[0] - client.READING_NS
    assert found.machine_before.at_ns >= earliest
    assert readings[0] >= earliest
    assert readings[1] > max(array("q", found.end_ns))
    assert found.machine_before.cpu_mhz is None, "reading it takes too long here"


def test_clients_that_share_a_cpu_have_longer_to_take_their_readings() -> None:
    cpus = os.cpu_count() or 1
    assert client.reading_lead_ns(1) == client.reading_lead_ns(cpus) == client.READING_NS
    assert client.reading_lead_ns(3 * cpus) == 3 * client.READING_NS


def test_a_stale_answer_gives_no_measurement() -> None:
    with pytest.raises(WrongAnswer):
        _measure(_task(contender=Stale("json")))


def test_an_error_gives_no_measurement() -> None:
    with pytest.raises(Exception, match="as it was told"):
        _measure(_task(contender=Raising("json")))


def test_the_cost_of_a_check_is_found_and_small_for_the_same_object() -> None:
    documents = [{"values": list(range(20_000))} for _ in range(4)]
    copies = [{"values": list(range(20_000))} for _ in range(4)]
    assert client.check_cost_ns(copies[0], documents[0]) > 20 * client.check_cost_ns("a", "a")


def test_the_cpu_time_of_a_process_includes_threads_that_ended() -> None:
    burn = "import threading,time; "
    burn += "t = threading.Thread(target=lambda: [None for _ in iter(lambda: time.thread_time() < .05, False)]); "
    burn += "t.start(); t.join(); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = usage.of_process(process.pid)
        process.communicate(b"\n")
    assert found.cpu_ns > 50_000_000
    assert found.voluntary > 0
    assert found.rss_mib > 1


def test_a_process_that_is_gone_has_no_usage() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with pytest.raises(ProcessLookupError, match=f"process {process.pid} is gone"):
        usage.of_process(process.pid)


def test_own_usage_is_that_of_the_process() -> None:
    own, seen = usage.of_self(), usage.of_process(os.getpid())
    assert seen.cpu_ns >= own.cpu_ns
    assert seen.since(own).cpu_ns == seen.cpu_ns - own.cpu_ns


def _reading(**values: float) -> noise.Reading:
    quiet = {"at_ns": 0, "busy_ticks": 0, "steal_ticks": 0, "pressure_us": 0, "load_1min": 0.1, "running": 1}
    return noise.Reading(**{"cpu_mhz": None, **quiet, **values})  # type: ignore[arg-type]


SECOND = {"at_ns": 10**9}


def _own(cpu_ns: int = 0, voluntary: int = 0, involuntary: int = 0) -> usage.Usage:
    return usage.Usage(cpu_ns, voluntary, involuntary, rss_mib=20.0)


@pytest.mark.parametrize(
    ("word", "after", "own"),
    [
        ("steal", {"steal_ticks": 50}, _own()),
        ("others", {"busy_ticks": 100}, _own(cpu_ns=100_000_000)),
        ("pressure", {"pressure_us": 500_000}, _own()),
        ("preempted", {}, _own(voluntary=20, involuntary=5000)),
    ],
)
def test_each_disturbance_has_its_word(word: str, after: dict[str, float], own: usage.Usage) -> None:
    assert noise.flags(_reading(), _reading(**SECOND | after), own) == (word,)


def test_a_load_average_has_no_word_for_the_cells_before_have_made_it() -> None:
    assert noise.flags(_reading(load_1min=1000), _reading(**SECOND), _own()) == ()


def test_a_queue_at_both_ends_has_its_word_and_one_of_the_cells_own_has_none() -> None:
    long = _reading(running=1000), _reading(**SECOND, running=1000)
    assert noise.flags(*long, _own()) == ("queue",)
    assert noise.flags(*long, _own(), processes=1000) == ()
    assert noise.flags(_reading(running=1000), _reading(**SECOND), _own()) == (), "a thread about to sleep"


def test_a_queue_is_one_task_more_than_there_are_cpus_and_one_to_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for running, words in ((5, ()), (6, ("queue",))):
        assert noise.flags(_reading(running=running), _reading(**SECOND, running=running), _own()) == words
    assert noise.flags(_reading(running=1), _reading(**SECOND, running=1000), _own()) == (), "it came at the end"


def test_the_figures_behind_the_flags_are_shares_of_the_machine() -> None:
    cpus = os.cpu_count() or 1
    after = _reading(
        **SECOND, cpu_mhz=2600.0, steal_ticks=10 * cpus, busy_ticks=60 * cpus, pressure_us=200_000, running=3
    )
    found = noise.figures(_reading(load_1min=0.7, running=4), after, _own(cpu_ns=400_000_000 * cpus))
    assert found == pytest.approx(
        {"steal_pct": 10, "others_pct": 20, "pressure_pct": 20, "run_queue": 3, "load_1min": 0.7, "cpu_mhz": 2600.0}
    )
    assert tuple(found) == noise.FIGURES


def test_a_cell_of_a_few_ticks_has_no_shares_of_them() -> None:
    found = noise.figures(_reading(), _reading(at_ns=10**6, steal_ticks=1, busy_ticks=1), _own())
    assert (found["steal_pct"], found["others_pct"]) == (None, None)
    assert found["pressure_pct"] == 0


def test_a_quiet_cell_that_uses_its_cpu_itself_has_no_flags() -> None:
    assert noise.flags(_reading(), _reading(**SECOND, busy_ticks=100), _own(1_000_000_000, 0, 5)) == ()


def test_threads_that_wake_each_other_are_not_noise() -> None:
    after = _reading(**SECOND, busy_ticks=120, pressure_us=230_000)
    assert noise.flags(_reading(), after, _own(1_200_000_000, 20_000, 6_000)) == ()


def test_this_machine_can_be_read() -> None:
    before = noise.read()
    after = noise.read()
    assert after.at_ns > before.at_ns
    assert after.busy_ticks >= before.busy_ticks > 0


def test_a_client_process_carries_none_of_the_analysis() -> None:
    """It is in every client's memory and start time, which are measured."""
    heavy = "{'numpy', 'pandas', 'scipy', 'rich', 'matplotlib'}"
    code = f"import sys, scenarios.measuring.client; print(sorted({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
