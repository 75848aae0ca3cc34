"""What several clients found, made one measurement; on parts written by hand."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

from scenarios.measuring import noise
from scenarios.measuring.client import ClientResult
from scenarios.measuring.usage import Usage
from scenarios.plan.circumstances import Circumstances
from scenarios.plan.load import Load
from scenarios.running.combine import Measurement, combine

S = 1_000_000_000
QUIET = {"busy_ticks": 0, "steal_ticks": 0, "pressure_us": 0, "load_1min": 0.0, "running": 1, "cpu_mhz": None}


def _part(calls: list[tuple[int, int]], due: list[int] | None = None, **values: Any) -> ClientResult:
    """One client's part; `calls` are pairs of start and end, ns."""
    defaults: dict[str, Any] = {
        "begin_ns": 0,
        "start_ns": array("q", (start for start, _ in calls)).tobytes(),
        "end_ns": array("q", (end for _, end in calls)).tobytes(),
        "due_ns": array("q", due or []).tobytes(),
        "free": bytes(len(due or [])),
        "skipped": 0,
        "cold_start_ns": 1_000_000,
        "check_ns": 0.0,
        "client": Usage(1000, 1, 0, 10.0),
        "harness_cpu_ns": 0,
        "server_before": Usage(0, 0, 0, 20.0),
        "server_after": Usage(5000, 4, 0, 20.0),
        "machine_before": noise.Reading(at_ns=0, **QUIET),  # type: ignore[arg-type]
        "machine_after": noise.Reading(at_ns=S, **QUIET),  # type: ignore[arg-type]
    }
    return ClientResult(**defaults | values)


def _every(gap: int, count: int, took: int) -> list[tuple[int, int]]:
    return [(number * gap, number * gap + took) for number in range(count)]


def _combine(*parts: ClientResult, load: Load | None = None, cpus: int = 64) -> Measurement:
    return combine(parts, load or Load(), cpus)


def test_the_window_of_a_closed_loop_ends_with_its_first_client() -> None:
    found = _combine(_part(_every(10, 10, 10)), _part(_every(20, 40, 20)))
    assert found.window_s == 100 / S
    assert found.calls_of_clients == (10, 6), "the second client's calls from 0 to 100"
    assert found.latency_ns.size == 16
    assert found.calls_per_s == 16 / 100 * S
    assert found.made == 50, "the costs are those of all calls"
    assert found.fairness() == pytest.approx(10 / 6)


def test_calls_are_in_the_order_they_were_sent_and_keep_their_client() -> None:
    found = _combine(_part([(0, 5), (30, 40)]), _part([(10, 22), (25, 60)]))
    assert found.latency_ns.tolist() == [5, 12, 35, 10]
    assert found.client_of is not None
    assert found.client_of.tolist() == [0, 1, 1, 0]


def test_checking_answers_is_no_part_of_the_throughput() -> None:
    parts = [_part(_every(10, 10, 10), check_ns=4.0) for _ in range(2)]
    assert _combine(*parts).calls_per_s == 20 / (100 - 40) * S


def test_where_several_calls_are_in_flight_checking_goes_on_while_they_are_answered() -> None:
    part = _part(_every(10, 10, 40), check_ns=4.0)
    found = combine([part], Load(), 64, Circumstances(in_flight=4))
    assert found.calls_per_s == 10 / 130 * S
    assert set(found.latency_ns) == {40}


def test_one_client_has_no_fairness_and_no_owner_of_calls() -> None:
    found = _combine(_part([(0, 5), (30, 40)]))
    assert found.fairness() is None
    assert set(found.samples()) == set()


def test_latency_per_client_shows_the_one_that_the_median_of_all_calls_hides() -> None:
    quick, slow = _part(_every(2, 100, 1)), _part(_every(8, 25, 7))
    found = _combine(quick, slow)
    low, high = found.client_p50_us() or (0.0, 0.0)
    assert found.percentiles()["p50_us"] == low
    assert high > 5 * low
    assert _combine(quick).client_p50_us() is None


def test_a_starved_client_is_infinitely_unfair() -> None:
    assert _combine(_part([(0, 5), (6, 9)]), _part([(20, 30)])).fairness() == float("inf")


def test_clients_costs_are_added_and_the_servers_counted_once() -> None:
    early = _part([(0, 5)], server_before=Usage(100, 0, 0, 20.0), server_after=Usage(900, 7, 0, 20.0))
    late = _part([(0, 5)], server_before=Usage(150, 1, 0, 20.0), server_after=Usage(1100, 9, 1, 21.0))
    found = _combine(early, late)
    assert found.client.cpu_ns == 2000
    assert found.server == Usage(1000, 9, 1, 21.0)
    assert _combine(_part([(0, 5)], server_before=None, server_after=None)).server is None


OPEN = Load(100.0)


def test_latency_in_an_open_loop_counts_from_the_intended_send() -> None:
    free = bytes([1, 0, 1])
    found = _combine(_part([(12, 50), (50, 60), (103, 110)], due=[10, 20, 100], free=free), load=OPEN)
    assert found.latency_ns.tolist() == [40, 40, 10]
    assert found.service_ns is not None
    assert found.service_ns.tolist() == [38, 10, 7]
    assert sorted(found.lateness_ns.tolist()) == [2, 3], "what waited for the call before is not the dispatcher's"
    assert set(found.samples()) == {"service_ns", "due_ns"}


def _numbered(count: int, skipped: int) -> Measurement:
    calls = [(number * 1000, number * 1000 + number + 1) for number in range(count)]
    return _combine(_part(calls, due=[start for start, _ in calls], skipped=skipped), load=OPEN)


def test_a_skipped_call_counts_as_slower_than_any_that_was_made() -> None:
    """Of 2,000 offered, 1,000 made in 1 to 1,000 ns: the 900 below the median of all are the fastest."""
    whole, half = _numbered(2000, 0).percentiles(), _numbered(1000, 800).percentiles()
    assert whole["p50_us"] == 1.0
    assert half["p50_us"] == 0.9
    assert half["p90_us"] is None
    assert half["p99_us"] is None
    assert half["max_us"] == 1.0


def test_lateness_needs_samples_like_any_percentile() -> None:
    calls = _every(1000, 2000, 10)
    found = _combine(_part(calls, due=[start - 3 for start, _ in calls], free=bytes([1]) * 2000), load=OPEN)
    assert found.lateness_us(0.5) == 0.003
    assert found.lateness_us(0.99) == 0.003
    assert _combine(_part(calls[:50], due=[start for start, _ in calls[:50]]), load=OPEN).lateness_us(0.5) is None


def test_an_empty_schedule_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="offer a higher rate"):
        _combine(_part([], due=[]), load=OPEN)


def test_what_a_crowded_cell_does_to_itself_is_no_noise() -> None:
    after = noise.Reading(at_ns=S, **QUIET | {"pressure_us": 900_000, "steal_ticks": 10_000})  # type: ignore[arg-type]
    before = noise.Reading(at_ns=0, **QUIET | {"load_1min": 10_000.0})  # type: ignore[arg-type]
    crowded = {"machine_before": before, "machine_after": after, "client": Usage(0, 0, 10_000, 10.0)}
    parts = [_part([(0, 5)], **crowded) for _ in range(2)]
    assert {"pressure", "preempted", "steal"} <= set(_combine(*parts, cpus=64).noise_flags)
    assert _combine(*parts, cpus=2).noise_flags == ("steal",)


def test_the_harness_own_waiting_is_not_other_processes() -> None:
    after = noise.Reading(at_ns=S, **QUIET | {"busy_ticks": 10_000})  # type: ignore[arg-type]
    part = _part([(0, 5)], machine_after=after)
    assert "others" in _combine(part).noise_flags
    assert "others" not in _combine(_part([(0, 5)], machine_after=after, harness_cpu_ns=100 * S)).noise_flags


def test_samples_are_arrays_of_one_length() -> None:
    parts = [_part([(0, 5), (9, 11)], due=[0, 8]) for _ in range(3)]
    samples = _combine(*parts, load=OPEN).samples()
    assert {name: values.size for name, values in samples.items()} == {"service_ns": 6, "due_ns": 6, "client": 6}
    assert all(np.issubdtype(values.dtype, np.integer) for values in samples.values())
