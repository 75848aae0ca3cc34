"""What an item of a stream costs, in figures, tables and pictures, from rows written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from scenarios.cli import table
from scenarios.plots import pictures
from scenarios.statistics import figures
from scenarios.statistics.clients_and_rates import beside_slow_calls, by_clients, by_in_flight, by_rate
from scenarios.statistics.real import by_case
from scenarios.statistics.streams import by_items
from tests.scenarios.rows import repeats, row, run_of

PLAIN = repeats("shm", (5, 5, 5), p99_us=9, calls=1000)
COST = {"p99_us": 90_000, "calls": 1000, "client_cpu_us_per_call": 2000, "server_cpu_us_per_call": 1000}
STREAMS = [
    *repeats("shm", (3900, 4000, 4400), scenario="s/streams", items=1000, **COST),
    *repeats("pipe", (20_000, 20_000, 20_000), scenario="s/streams", items=1000, **COST),
]


def test_an_item_takes_the_median_streams_time_over_the_number_of_its_items() -> None:
    lines = by_items(figures.frame([*PLAIN, *STREAMS])).set_index("contender")
    assert lines["item_us"].to_dict() == {"shm": 4, "pipe": 20}
    assert lines["items_per_s"].to_dict() == {"shm": 250_000, "pipe": 50_000}
    line = lines.loc["shm"]
    assert (line["item_low"], line["item_high"]) == (3.9, 4.4)
    assert (line["items_per_s_low"], line["items_per_s_high"]) == pytest.approx((1e6 / 4.4, 1e6 / 3.9))
    assert (line["client_cpu_us_per_item"], line["server_cpu_us_per_item"]) == (2, 1)


def test_streams_are_no_calls() -> None:
    elsewhere = [
        *(row("shm", scenario="s/c", p50_us=9, clients=clients) for clients in (1, 2)),
        *(row("shm", scenario="s/f", p50_us=9, in_flight=count) for count in (1, 4)),
        *(row("shm", scenario="s/b", p50_us=9, beside=beside) for beside in ("nothing", "2-burners")),
        *(row("shm", scenario="s/w", p50_us=9, beside=beside) for beside in ("nothing", "2-sleeping-calls")),
        row("shm", scenario="s/l", p50_us=9, load="100/s", calls_per_s=100),
    ]
    streams = [*STREAMS, *(each | {"items": "10", "p50_us": "900"} for each in elsewhere if each["load"] == "closed")]
    calls, both = figures.frame([*PLAIN, *elsewhere]), figures.frame([*PLAIN, *elsewhere, *streams])
    for told in (figures.headline, by_clients, by_in_flight, beside_slow_calls, by_rate, by_case):
        found, expected = told(both), told(calls)
        assert found["p50_us"].tolist() == expected["p50_us"].tolist(), told.__name__
        assert set(found["items"]) == {0}, told.__name__
    assert not len(figures.headline(figures.frame(STREAMS)))


def test_the_table_says_items_per_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table.show(run_of(tmp_path / "run", [*PLAIN, *STREAMS]), Console(width=200))
    shown = capsys.readouterr().out
    assert "s/streams, lane json, 100 B: streams" in shown
    (line,) = (line.split() for line in shown.splitlines() if "250,000" in line)
    assert line == ["shm", "1000", "250,000", "4.00", "2.00", "+", "1.00"]


def test_there_is_a_picture_for_each_size_and_none_of_calls(tmp_path: Path) -> None:
    larger = [each | {"payload_bytes": "10000", "items": "200"} for each in STREAMS]
    assert set(pictures.sheets(run_of(tmp_path / "run", [*STREAMS, *larger]))) == {
        "streams_100",
        "streams_10000",
        "drift",
    }
