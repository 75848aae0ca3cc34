"""Notebook 03 says what clients got and what rates were kept: points, labels and fields, on figures made by hand."""

from __future__ import annotations

from pathlib import Path

from scenarios.analysis import clients_and_rates
from scenarios.analysis.cores import UNCLEAR
from scenarios.analysis.notebook import OpenedRun
from tests.scenarios import shown
from tests.scenarios.tables import Cells, cells
from tests.scenarios.twenty import CLIENTS, IN_PROCESS, NAMES, p50


def test_one_client_gets_what_it_got_and_its_cores_are_those_of_either_side(twenty: OpenedRun) -> None:
    found = clients_and_rates.one_client(twenty, "json")
    assert shown.heads(found) == ["lane json", "payload", "calls/s", "client cores", "server cores"]
    medians = {name: p50(name, 100) for name in NAMES if name not in IN_PROCESS}
    expected = [(name, ["100 B", f"{1e6 / us:,.0f}", f"{7 / us:.2f}", f"{5 / us:.2f}"]) for name, us in medians.items()]
    assert list(shown.rows(found).items()) == expected
    assert expected[0] == ("shm", ["100 B", "47,393", "0.33", "0.24"])


def test_the_rate_of_one_client_is_the_measured_one_and_orders_the_table(tmp_path: Path) -> None:
    often = cells("often", {100: (12.0,) * 3}, client_cpu=4, server_cpu=6, calls_per_s="50000")
    short = cells("short", {100: (10.0,) * 3}, client_cpu=4, server_cpu=6, calls_per_s="25000")
    found = clients_and_rates.one_client(shown.opened(tmp_path, short, often), "native")
    assert list(shown.rows(found).items()) == [
        ("often", ["100 B", "50,000", "0.20", "0.30"]),
        ("short", ["100 B", "25,000", "0.10", "0.15"]),
    ]


def test_a_server_is_not_given_more_cores_than_its_client_leaves(tmp_path: Path) -> None:
    spins = cells("spins", {100: (10.0,) * 3}, client_cpu=10, server_cpu=18.9)
    neither = cells("neither", {100: (20.0,) * 3}, client_cpu=41, server_cpu=1)
    table = clients_and_rates.one_client(shown.opened(tmp_path, spins, neither), "native")
    assert shown.rows(table) == {
        "spins": ["100 B", "100,000", "1.00", UNCLEAR],
        "neither": ["100 B", "50,000", UNCLEAR, UNCLEAR],
    }
    assert f"*{UNCLEAR}: " in table.text


def test_calls_and_latency_are_drawn_against_the_number_of_clients(twenty: OpenedRun) -> None:
    (picture,) = clients_and_rates.throughput(twenty)
    calls, fairness, p50_axes, p99_axes = shown.panels(picture)
    for axes, per_client in ((calls, 1000), (p50_axes, 20), (p99_axes, 90)):
        expected = [(clients, per_client * clients) for clients in CLIENTS]
        assert shown.lines(axes) == {"shm": expected, "zmq-ipc": expected}
        assert shown.ticks(axes.xaxis) == ["1", "2", "4"]
    assert shown.ribbons(calls) == [[(clients, 1000 * clients, 1000 * clients) for clients in CLIENTS]] * 2
    assert shown.lines(fairness)["shm"] == [(2, 1.25), (4, 1.25)]
    assert shown.legend(picture) == ["shm", "zmq-ipc"]


def several(name: str, calls_per_s: dict[int, tuple[float, ...]]) -> list[Cells]:
    """A contender's repeats by number of clients."""
    return [
        [
            row | {"calls_per_s": str(value)}
            for row, value in zip(
                cells(name, {100: [10.0] * len(values)}, scenario="s/clients", clients=str(clients)),
                values,
                strict=True,
            )
        ]
        for clients, values in calls_per_s.items()
    ]


def test_the_best_number_of_clients_is_that_of_the_highest_median(twenty: OpenedRun, tmp_path: Path) -> None:
    found = clients_and_rates.best_number(twenty)
    heads = ["contender", "fewest clients, calls/s", "most calls/s", "with clients", "gain"]
    assert shown.heads(found) == heads
    assert shown.rows(found) == {name: ["1,000", "4,000", "4", "4.00x"] for name in ("shm", "zmq-ipc")}
    peak = several("peak", {1: (100, 200, 300), 2: (500, 500, 500), 4: (1, 450, 9000)})
    falls = several("falls", {1: (300, 300, 300), 2: (200, 200, 200)})
    assert shown.rows(clients_and_rates.best_number(shown.opened(tmp_path, *peak, *falls))) == {
        "falls": ["300", "300", "1", "1.00x"],
        "peak": ["200", "500", "2", "2.50x"],
    }


def test_fairness_is_told_for_more_than_one_client(twenty: OpenedRun) -> None:
    found = clients_and_rates.fairness(twenty)
    assert shown.heads(found) == ["most over least calls", "2 clients", "4 clients"]
    assert shown.rows(found) == {name: ["1.25", "1.25"] for name in ("shm", "zmq-ipc")}


def test_latency_since_a_call_was_due_is_drawn_against_the_rates_that_were_served(twenty: OpenedRun) -> None:
    (picture,) = clients_and_rates.offered(twenty)
    for axes in shown.panels(picture)[:2]:
        assert shown.ticks(axes.xaxis) == ["1k", "5k"]
    assert shown.legend(picture) == ["shm", "zmq-ipc"]


def test_the_last_rate_without_a_skipped_call_is_told_with_its_p99_and_the_dispatchers_lateness(
    twenty: OpenedRun,
) -> None:
    found = clients_and_rates.highest_served(twenty)
    late = ["dispatcher late by, p50", "p99"]
    assert shown.heads(found) == ["contender", "highest rate served, no call skipped", "answered there", "p99", *late]
    assert shown.rows(found) == {
        "shm": ["5,000/s", "20,000/s", "500 µs", "3.00 µs", "11.0 µs"],
        "zmq-ipc": ["1,000/s", "100,000/s", "100 µs", "3.00 µs", "11.0 µs"],
    }


def test_one_skipped_call_in_one_repeat_is_enough_and_so_are_too_few_answers(tmp_path: Path) -> None:
    more = {"scenario": "s/load", "load": "1000/s", "offered_rps": "1000", "skipped": "0"}
    rows = cells("a", {100: (5.0, 5.0, 5.0)}, **more)
    kept = [row | {"calls_per_s": "1000"} for row in rows]
    assert shown.rows(clients_and_rates.highest_served(shown.opened(tmp_path / "kept", kept)))["a"][0] == "1,000/s"
    slow = [row | {"calls_per_s": "800"} for row in rows]
    assert shown.rows(clients_and_rates.highest_served(shown.opened(tmp_path / "slow", slow)))["a"][0] == "none"
    rows[2]["skipped"] = "1"
    assert shown.rows(clients_and_rates.highest_served(shown.opened(tmp_path, rows))) == {"a": ["none", "", "", "", ""]}
