"""Many clients and open loops through the real runner: what is in the rows and the samples."""

from __future__ import annotations

import numpy as np
import pytest

from scenarios.plan.cells import key_of
from scenarios.records.store import Run
from scenarios.statistics.figures import SAMPLES_BEYOND
from tests.scenarios.conftest import RunIt

CLIENTS = """
repeats = 1
reruns = 0
[[cells]]
lanes = ["json"]
contenders = ["streams", "pipes", "plain"]
payload_sizes = [100]
clients = [1, 3]
calls = 100
warmup_calls = 2
"""

IN_FLIGHT = """
repeats = 1
reruns = 0
[[cells]]
lanes = ["json"]
contenders = ["streams", "pipes", "plain"]
payload_sizes = [100]
in_flight = [1, 5]
calls = 100
warmup_calls = 2
"""

OPEN = """
repeats = 1
reruns = 0
[[cells]]
lanes = ["json"]
contenders = ["streams", "pipes", "plain"]
payload_sizes = [100]
load = ["500/s", "500/s-constant"]
calls = 10000
warmup_calls = 2
seconds = 0.1
"""


def test_several_clients_call_one_server_at_once(run_it: RunIt) -> None:
    run, failed = run_it(text=CLIENTS)
    assert failed == 0
    rows = {(row["contender"], row["clients"]): row for row in run.rows()}
    assert set(rows) == {("streams", "1"), ("streams", "3"), ("pipes", "1"), ("plain", "1")}
    row = rows["streams", "3"]
    owners = run.samples(key_of(row), "client")
    assert owners is not None
    counts = np.bincount(owners)
    assert counts.size == 3
    assert counts.max() == 100, "the window ends when the first client has made all its calls"
    assert int(row["calls"]) == int(row["verified"]) == counts.sum()
    assert float(row["fairness"]) == pytest.approx(counts.max() / counts.min(), abs=0.001)
    if counts.min() > 2 * SAMPLES_BEYOND:  # else, on a busy machine, one of them has no median
        assert float(row["fastest_client_p50_us"]) <= float(row["p50_us"]) <= float(row["slowest_client_p50_us"])
    assert float(row["server_cpu_us_per_call"]) > 0
    assert {each["fairness"] for key, each in rows.items() if key[1] == "1"} == {""}
    assert run.samples(key_of(rows["streams", "1"]), "client") is None


def test_clients_keep_so_many_calls_in_flight_as_the_cell_says(run_it: RunIt) -> None:
    run, failed = run_it(text=IN_FLIGHT)
    assert failed == 0
    rows = {(row["contender"], row["in_flight"]): row for row in run.rows()}
    assert set(rows) == {("streams", "1"), ("streams", "5"), ("pipes", "1"), ("pipes", "5"), ("plain", "1")}
    assert (
        "plain has one call per client under way: not measured with 5 in flight" in run.about()["scenario"]["left_out"]
    )
    assert all(int(row["calls"]) == int(row["verified"]) == 100 for row in rows.values())
    seen = {key: at_once(run, row) for key, row in rows.items()}
    assert all(seen[key] <= int(key[1]) * 1.01 for key in seen)
    for contender in ("streams", "pipes"):
        for _ in range(20):  # a stall before the first call makes it less, never more
            if seen[contender, "5"] > 2:
                break
            again, _ = run_it(text=IN_FLIGHT.replace('"streams", "pipes", "plain"', f'"{contender}"'))
            seen[contender, "5"] = next(at_once(again, row) for row in again.rows() if row["in_flight"] == "5")
        assert seen[contender, "5"] > 2


def at_once(run: Run, row: dict[str, str]) -> float:
    """So much of the time calls were under way, all of them counted: as many as were in flight at a time."""
    latencies = run.samples(key_of(row))
    assert latencies is not None
    return float(latencies.sum()) / 1e9 / (100 / float(row["calls_per_s"]))


def test_an_open_loop_offers_its_rate_to_every_contender_through_one_dispatcher(run_it: RunIt) -> None:
    run, failed = run_it(text=OPEN)
    assert failed == 0
    rows = run.rows()
    assert len(rows) == 6
    offered = {}
    for row in rows:
        latency, service, due = (run.samples(key_of(row), name) for name in ("latency_ns", "service_ns", "due_ns"))
        assert latency is not None
        assert service is not None
        assert due is not None
        assert (float(row["offered_rps"]), row["errors"], row["fairness"]) == (500.0, "0", "")
        assert latency.size == service.size == due.size == int(row["calls"])
        assert (latency >= service).all(), "it begins before the call is sent"
        # How far off is the machine's affair; that the schedule's moments alone are as asked, test_arrivals says.
        assert 0 <= float(row["arrival_distance"]) <= 1
        assert (row["arrival_autocorrelation"] == "") == ("constant" in row["load"])
        offered.setdefault(row["load"], []).append((due.size + int(row["skipped"]), due.tolist()))
    assert [each[0] for each in offered["500/s-constant"]] == [50] * 3
    assert all(each == offered["500/s"][0] for each in offered["500/s"]), "all face the same bursts"


def test_a_client_that_fails_fails_the_cell_and_takes_the_others_with_it(run_it: RunIt) -> None:
    run, failed = run_it(text=CLIENTS.replace('"streams", "pipes", "plain"', '"one-bad"').replace("[1, 3]", "[3]"))
    assert (failed, run.rows()) == (1, [])
    (why,) = run.failures().values()
    assert (why["kind"], why["reason"]) == ("ServerGone", "this client is not wanted")
