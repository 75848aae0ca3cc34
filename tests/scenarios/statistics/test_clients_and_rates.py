"""Lines, tables and pictures of several clients and of offered rates, from rows written by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from scenarios.cli import table
from scenarios.plots import clients_and_rates, pictures, style
from scenarios.plots.sheet import Sheet
from scenarios.statistics import real
from scenarios.statistics.clients_and_rates import beside_slow_calls, by_clients, by_in_flight, by_rate
from scenarios.statistics.figures import frame, headline
from tests.scenarios.rows import row, run_of


def _clients(contender: str, count: int, repeat: int, rate: float, **values: object) -> dict[str, str]:
    figures = {
        "p50_us": 50 * count,
        "p99_us": 90 * count,
        "calls": 1000,
        "client_cpu_us_per_call": 20,
        "server_cpu_us_per_call": 10,
        "fairness": "" if count == 1 else 1.25,
    }
    return row(contender, scenario="s/clients", clients=count, repeat=repeat, calls_per_s=rate, **figures | values)


def _offered(contender: str, rate: int, repeat: int, answered: float, **values: object) -> dict[str, str]:
    figures = {"p50_us": 50, "p99_us": 90, "calls": 1000, "skipped": 0, "offered_rps": rate, "lateness_p50_us": 0.75}
    axes = {"scenario": "s/load", "load": f"{rate}/s", "repeat": repeat}
    return row(contender, calls_per_s=answered, **axes | figures | values)


COST = {
    "wait": "block",
    "cold_start_ms": 1,
    "client_cpu_us_per_call": 20,
    "server_cpu_us_per_call": 10,
    "voluntary_switches_per_call": 1,
    "involuntary_switches_per_call": 0,
    "client_rss_mib": 30,
    "server_rss_mib": 20,
}
PLAIN = [
    row("shm", p50_us=5, p99_us=9, calls=1000, repeat=i, calls_per_s=200_000, **COST, max_us=93 - i) for i in range(3)
]
CLIENTS = [
    *(_clients("shm", count, i, 1000 * count + i) for count in (1, 2, 4) for i in range(3)),
    _clients("pipe", 1, 0, 500),
]
IN_FLIGHT = [
    *(
        each | {"scenario": "s/in-flight", "clients": "1", "in_flight": str(count)}
        for count in (1, 4)
        for i in range(3)
        for each in [_clients("shm", count, i, 1000 * count + i)]
    ),
    _clients("pipe", 1, 0, 500, p50_us=50) | {"scenario": "s/in-flight"},
]
LOAD = [
    *(_offered("shm", 1000, i, answered) for i, answered in enumerate((1010, 960, 990))),
    *(_offered("shm", 9000, i, 4000, skipped=1000, p99_us="") for i in range(2)),
    _offered("shm", 9000, 2, 8990, p99_us=700),
]


def _cells(*rows: list[dict[str, str]]) -> pd.DataFrame:
    return frame([each for some in rows for each in some])


def test_latency_by_payload_is_of_one_client_in_a_closed_loop() -> None:
    assert set(headline(_cells(PLAIN, CLIENTS, LOAD))["scenario"]) == {"s"}


def test_a_scenario_of_one_client_and_several_loads_keeps_its_closed_loop() -> None:
    closed = row("shm", scenario="s/load", p50_us=5)
    assert headline(_cells(LOAD, [closed]))["p50_us"].tolist() == [5]


def test_clients_have_a_line_per_number_with_the_median_and_range_of_the_repeats() -> None:
    lines = by_clients(_cells(PLAIN, CLIENTS, LOAD)).set_index(["contender", "clients"])
    assert set(lines.index) == {("shm", 1), ("shm", 2), ("shm", 4), ("pipe", 1)}
    line = lines.loc[("shm", 4)]
    assert (line["calls_per_s"], line["low"], line["high"], line["repeats"]) == (4001, 4000, 4002, 3)
    assert (line["cpu_us"], line["fairness"]) == (30, 1.25)
    assert math.isnan(lines.loc[("shm", 1)]["fairness"])


def test_calls_in_flight_have_a_line_per_number_and_change_no_other_figure() -> None:
    frame_of_all = _cells(PLAIN, CLIENTS, LOAD, IN_FLIGHT)
    lines = by_in_flight(frame_of_all).set_index(["contender", "in_flight"])
    assert lines["calls_per_s"].to_dict() == {("shm", 1): 1001, ("shm", 4): 4001, ("pipe", 1): 500}
    assert lines["repeats"].to_dict() == {("shm", 1): 3, ("shm", 4): 3, ("pipe", 1): 1}
    assert set(headline(frame_of_all)["scenario"]) == {"s"}
    assert by_clients(frame_of_all).equals(by_clients(_cells(PLAIN, CLIENTS, LOAD)))
    assert by_rate(frame_of_all).equals(by_rate(_cells(PLAIN, CLIENTS, LOAD)))
    assert headline(_cells(IN_FLIGHT))["in_flight"].tolist() == [1, 1, 1, 1], "where there are no others"
    assert headline(_cells(PLAIN, [row("shm", scenario="s/w", p50_us=1, in_flight=8)]))["p50_us"].tolist() == [5, 5, 5]


def test_quick_calls_beside_slow_ones_have_lines_of_their_own_and_change_no_other_figure() -> None:
    slow = [
        row("shm", scenario="s/slow", p50_us=p50, clients=clients, beside=beside)
        for beside, p50 in (("nothing", 5), ("2-sleeping-calls", 20_000))
        for clients in (1, 8)
    ]
    frame_of_all = _cells(PLAIN, CLIENTS, LOAD, IN_FLIGHT, slow)
    lines = beside_slow_calls(frame_of_all).set_index(["beside", "clients"])
    assert lines["p50_us"].to_dict() == {
        ("2-sleeping-calls", 1): 20_000,
        ("2-sleeping-calls", 8): 20_000,
        ("nothing", 1): 5,
        ("nothing", 8): 5,
    }
    before = _cells(PLAIN, CLIENTS, LOAD, IN_FLIGHT)
    for kind in (by_clients, by_in_flight, by_rate, headline, real.by_case):
        tables = (kind(each).reset_index(drop=True) for each in (frame_of_all, before))
        pd.testing.assert_frame_equal(*tables, check_dtype=False)
    assert real.case(slow[2]) == "back to back, 2 other clients with calls of 10 ms, asleep"


def test_beside_other_work_they_are_told_of_there() -> None:
    rows = [row("shm", scenario="s/w", p50_us=50, in_flight=count, beside="2-burners") for count in (1, 4)]
    frame_of_all = _cells(PLAIN, rows)
    assert not len(by_in_flight(frame_of_all))
    assert real.by_case(frame_of_all)["case"].tolist() == [
        "back to back",
        "back to back, 2 computing processes beside",
        "back to back, 2 computing processes beside, 4 in flight",
    ]


def test_a_rate_is_served_when_it_was_answered_and_nothing_skipped() -> None:
    lines = by_rate(_cells(PLAIN, CLIENTS, LOAD)).set_index("rate")
    assert lines["served"].to_dict() == {1000.0: True, 9000.0: False}
    assert lines.loc[9000]["skipped_share"] == 0.5


def test_a_percentile_lost_to_skipped_calls_is_infinite_and_not_that_of_the_lucky_repeat() -> None:
    lines = by_rate(_cells(LOAD)).set_index("rate")
    assert lines.loc[1000]["p99_us"] == 90
    assert lines.loc[9000]["p99_us"] == math.inf


def test_the_tables_show_fairness_lateness_and_what_was_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path / "run", [*PLAIN, *CLIENTS, *LOAD])
    table.show(run, Console(width=200))
    shown = capsys.readouterr().out
    for text in ("s, lane json", "s/clients, lane json, 100 B: several clients", "fairness", "1.25", "20.0 + 10.0"):
        assert text in shown
    for text in ("s/load, lane json, 100 B: open loop", "9,000", "50.0", "∞", "0.75"):
        assert text in shown
    assert "s/load, lane json\n" not in shown


def test_the_table_of_calls_in_flight_says_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table.show(run_of(tmp_path / "run", [*PLAIN, *IN_FLIGHT]), Console(width=200))
    shown = capsys.readouterr().out
    assert "s/in-flight, lane json, 100 B: several calls in flight" in shown
    (line,) = (line.split() for line in shown.splitlines() if "4,001" in line)
    assert line[:4] == ["4", "4,001", "200", "360"]


@pytest.mark.parametrize(("width", "tables"), [(200, 1), (80, 3)])
def test_a_narrow_terminal_gets_the_further_columns_below(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], width: int, tables: int
) -> None:
    table.show(run_of(tmp_path / "run", PLAIN), Console(width=width))
    shown = capsys.readouterr().out
    assert [line.strip() for line in shown.splitlines()].count("s, lane json") == tables
    assert max(map(len, shown.splitlines())) <= width
    for text in ("waits", "p99", "interval", "answered", "CPU", "switches", "RSS", "cold start", "longest"):
        assert text in shown
    assert "…" not in shown
    assert " 93.0 " in shown, "the longest call of all repeats"


@pytest.mark.parametrize(("there", "marked", "shown"), [(1, 0, 1), (2, 4, 5), (3, 0, 5)])
def test_a_p99_that_slower_repeats_have_not_is_marked_as_a_least_in_every_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: int, marked: int, shown: int
) -> None:
    rows = [*PLAIN, *CLIENTS]
    rows = [each | ({"p99_us": ""} if int(each["repeat"]) >= there else {"p99_us": "77"}) for each in rows]
    table.show(run_of(tmp_path / "run", rows), Console(width=200))
    found = capsys.readouterr().out
    assert (found.count("≥ 77.0 "), found.count(" 77.0 ")) == (marked, shown)


def test_contenders_left_out_are_named_below_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(tmp_path / "run", PLAIN)
    about = run.about()
    run.write_json("run.json", about | {"scenario": about["scenario"] | {"left_out": ["pipe takes one client"]}})
    table.show(run, Console(width=200))
    assert "left out: pipe takes one client" in capsys.readouterr().out


def _sheets(*rows: list[dict[str, str]]) -> dict[str, Sheet]:
    with style.applied():
        return clients_and_rates.sheets(_cells(*rows))


def test_there_is_a_picture_of_what_was_measured_and_of_nothing_else() -> None:
    assert set(_sheets(PLAIN)) == set()
    assert set(_sheets(CLIENTS)) == {"clients"}
    assert set(_sheets(PLAIN, LOAD)) == {"load"}
    assert set(_sheets(PLAIN, IN_FLIGHT)) == {"in_flight"}


def test_a_run_of_load_alone_has_no_picture_of_latency_by_payload(tmp_path: Path) -> None:
    drawn = pictures.draw(run_of(tmp_path / "run", LOAD), Console(quiet=True))
    assert {path.stem for path in drawn} == {"drift", "load"}


def test_rates_that_nobody_served_are_drawn() -> None:
    unserved = {"p50_us": "", "p99_us": "", "skipped": 9000}
    sheets = _sheets([_offered("shm", rate, i, 10, **unserved) for rate in (1000, 2000) for i in range(3)])
    assert set(sheets) == {"load"}
    with style.applied():
        sheets["load"].figure.draw_without_rendering()


def test_several_lanes_have_a_picture_each() -> None:
    both = [each | {"lane": lane} for each in (*CLIENTS, *LOAD) for lane in ("json", "native")]
    assert set(_sheets(both)) == {"clients_json", "clients_native", "load_json", "load_native"}
