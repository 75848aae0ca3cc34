"""What the notebooks show, on a run with many contenders, with load, and on runs that lack what a picture needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios import analysis, analysis_advice, analysis_latency, analysis_load, analysis_parts, statistics, store
from scenarios.advice import Question
from scenarios.analysis import Opened, Picture, Prose
from tests.scenarios.tables import Cells, cells

SIZES = (100, 10_000, 100_000)
NAMES = ["shm", "shm-block", "zmq-ipc", "grpc-uds", "direct", "direct-codec", *(f"third-party-{i}" for i in range(14))]
QUESTION = Question(20_000, 500, 500, "json")


def _contender(name: str, number: int, lane: str) -> Cells:
    slower = 10.0 * (number + 1) * (1 if lane == "bytes" else 2)
    p50 = {at: [slower + at / 1000 + repeat for repeat in range(3)] for at in SIZES}
    wait = "adaptive" if name == "shm" else "block"
    server_cpu = None if name.startswith("direct") else 5.0
    more = {"lane": lane, "wait": wait, "voluntary_switches_per_call": str(number)}
    return cells(name, p50, p99=2 * slower, client_cpu=7, server_cpu=server_cpu, **more)


def _clients(name: str, clients: int, calls_per_s: float, fairness: str) -> Cells:
    more = {
        "lane": "json",
        "scenario": "s/clients",
        "clients": str(clients),
        "calls_per_s": str(calls_per_s),
        "fairness": fairness,
    }
    return cells(name, {100: [20.0 * clients] * 3}, p99=90, **more)


def _rate(name: str, rate: int, skipped: int) -> Cells:
    more = {
        "lane": "json",
        "scenario": "s/load",
        "load": f"{rate}/s",
        "offered_rps": str(rate),
        "skipped": str(skipped),
    }
    late = {"lateness_p50_us": "3.0", "lateness_p99_us": "11.0"}
    return cells(name, {100: [rate / 100] * 3}, p99=rate / 10, **more, **late)


def _opened(folder: Path, *rows: Cells) -> Opened:
    run = store.create(folder, {"name": "made"})
    (run.folder / "environment.json").write_text(json.dumps({"cpu": "a CPU", "cpus": 2}))
    return Opened(run, statistics.frame([row for each in rows for row in each]))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Twenty contenders in two lanes, clients and rates."""
    rows = [_contender(name, i, lane) for lane in ("bytes", "json") for i, name in enumerate(NAMES)]
    rows += [_clients(name, n, 1000 * n, "1.25" if n > 1 else "") for name in ("shm", "zmq-ipc") for n in (1, 2, 4)]
    rows += [_rate("shm", rate, 0) for rate in (1000, 5000)] + [_rate("zmq-ipc", 1000, 0), _rate("zmq-ipc", 5000, 9)]
    return _opened(tmp_path_factory.mktemp("results"), *rows)


@pytest.fixture
def bare(tmp_path: Path) -> Opened:
    """One contender, one size, one lane, two repeats."""
    return _opened(tmp_path, cells("only", {100: (5.0, 6.0)}, lane="json"))


Show = Callable[[Opened], Picture | Prose]
SHOWN: dict[str, Show] = {
    "latency": analysis_latency.by_payload,
    "p99": lambda run: analysis_latency.by_payload(run, "p99_us"),
    "smallest": lambda run: analysis_latency.smallest_call(run, "json"),
    "fixed": lambda run: analysis_latency.fixed_and_per_byte(run, "json"),
    "against": lambda run: analysis_latency.against(run, "json"),
    "against in words": lambda run: analysis_latency.against_in_words(run, "json"),
    "crossovers": lambda run: analysis_latency.where_they_cross(run, "json"),
    "tails": lambda run: analysis_latency.tails(run, "json"),
    "stacked": analysis_parts.stacked,
    "in figures": lambda run: analysis_parts.in_figures(run, "json"),
    "largest": lambda run: analysis_parts.largest_part(run, "json"),
    "codec": lambda run: analysis_parts.what_a_codec_adds(run, "json"),
    "switches": analysis_parts.switches,
    "cpu": lambda run: analysis_parts.cpu_and_time(run, "json"),
    "one client": lambda run: analysis_load.one_client(run, "json"),
    "throughput": analysis_load.throughput,
    "best number": analysis_load.best_number,
    "fairness": analysis_load.fairness,
    "offered": analysis_load.offered,
    "nothing skipped": analysis_load.nothing_skipped,
    "answer": lambda run: analysis_advice.answer(run, QUESTION),
    "share": lambda run: analysis_advice.share_by_handler(run, QUESTION),
    "break even": lambda run: analysis_advice.break_even(run, QUESTION),
    "cores": lambda run: analysis_advice.cores_at_the_rate(run, QUESTION),
}
LACKING = {
    "against",
    "against in words",
    "stacked",
    "in figures",
    "largest",
    "codec",
    "switches",
    "throughput",
    "best number",
    "fairness",
    "offered",
    "nothing skipped",
    "share",
    "break even",
    "cores",
}
"""What a run of one contender has no data for."""


@pytest.mark.parametrize("name", SHOWN)
def test_everything_is_shown_for_twenty_contenders(whole: Opened, name: str) -> None:
    shown = SHOWN[name](whole)
    if isinstance(shown, Picture):
        assert shown._repr_png_().startswith(b"\x89PNG")
        assert shown.alt in repr(shown)
    else:
        assert shown._repr_markdown_()
        assert "Not measured in this run" not in shown.text
        assert "nan" not in shown.text


@pytest.mark.parametrize("name", SHOWN)
def test_what_a_run_lacks_is_said_in_a_sentence_with_the_remedy(bare: Opened, name: str) -> None:
    shown = SHOWN[name](bare)
    missing = isinstance(shown, Prose) and "Not measured in this run: " in shown.text
    assert missing == (name in LACKING)
    if missing and isinstance(shown, Prose):
        assert "`make bench SCENARIO=" in shown.text


def test_a_picture_is_the_same_file_each_time_it_is_drawn(bare: Opened) -> None:
    first, second = (analysis_latency.by_payload(bare)._repr_png_() for _ in range(2))
    assert first == second


def test_of_too_many_contenders_shm_and_the_fastest_stand_in_front() -> None:
    p50 = {f"c{i:02}": float(i) for i in range(30)} | {"shm": 1e9, "noop": 0.0}
    front = analysis.in_front(p50, p50)
    assert front == ["shm", *(f"c{i:02}" for i in range(analysis.MANY - 1))]
    assert analysis.in_front(["b", "a"], {"a": 2, "b": 1}) == ["b", "a"]


def test_the_parts_of_a_call_are_differences_that_add_up_to_it(tmp_path: Path) -> None:
    opened = _opened(
        tmp_path,
        cells("shm", {100: (10.0,) * 3, 10_000: (16.0,) * 3}, lane="bytes"),
        cells("shm-block", {100: (30.0,) * 3, 10_000: (36.0,) * 3}, lane="bytes"),
        cells("shm-block", {100: (50.0,) * 3, 10_000: (60.0,) * 3}, lane="json"),
        cells("direct", {100: (1.0,) * 3, 10_000: (1.0,) * 3}, lane="json"),
        cells("direct-codec", {100: (5.0,) * 3, 10_000: (31.0,) * 3}, lane="json"),
    )
    found = analysis_parts.parts(opened, "json")
    assert found is not None
    first, second = (found[found["payload_bytes"] == at].iloc[0] for at in (100, 10_000))
    assert first[list(analysis_parts.PARTS)].to_list() == [20, 10, 0, 4, 16]
    assert second[list(analysis_parts.PARTS)].to_list() == [20, 10, 6, 30, -6]
    text = analysis_parts.largest_part(opened, "json").text
    assert "at 100 B the largest part is **wake-ups** (40% of the call)" in text
    assert "at 10 KB the largest part is **codec** (50% of the call)" in text
    assert "| 10 KB | 20.0 | 10.0 | 6.00 | 30.0 | -6.00 | 60.0 |" in analysis_parts.in_figures(opened, "json").text


def test_a_fixed_cost_and_one_per_byte_describe_a_curve(tmp_path: Path) -> None:
    opened = _opened(tmp_path, cells("a", {100: (10.0,) * 3, 10_000: (12.0,) * 3, 110_000: (112.0,) * 3}))
    row = analysis_latency.fixed_and_per_byte(opened, "native").text.splitlines()[-1]
    assert row == "| a | 10.0 µs | 100 µs | 1.00 GB/s | 10 KB |"


def test_the_tables_of_load_name_the_best_number_of_clients_and_the_last_rate_without_a_skipped_call(
    whole: Opened,
) -> None:
    assert "| shm | 1,000 | 4,000 | 4 | 4.00x |" in analysis_load.best_number(whole).text
    kept = analysis_load.nothing_skipped(whole).text
    assert "| shm | 5,000/s | 500 µs | 3.00 µs | 11.0 µs |" in kept
    assert "| zmq-ipc | 1,000/s |" in kept
    assert "| zmq-ipc | 1.25 | 1.25 |" in analysis_load.fairness(whole).text


def test_the_answer_is_that_of_the_model(whole: Opened) -> None:
    text = analysis_advice.answer(whole, QUESTION).text
    assert "Use shm" in text
    assert "shm (parked, as shm-block)" in text
    assert "a CPU" in text


def test_a_run_tells_what_it_is_and_how_noisy(whole: Opened) -> None:
    text = whole._repr_markdown_()
    assert "a CPU" in text
    assert f"{len(NAMES)} contenders, lanes bytes, json, payloads 100 B to 100 KB, 3 repeats" in text
    assert "0 of the" in text
