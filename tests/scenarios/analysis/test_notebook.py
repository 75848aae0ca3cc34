"""What the notebooks show, on a run with many contenders, with load, and on runs that lack what a picture needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.advice.question import Question
from scenarios.analysis import advice, clients_and_rates, latency, parts
from scenarios.analysis.notebook import OpenedRun, Picture, Prose
from tests.scenarios.shown import opened
from tests.scenarios.tables import cells

QUESTION = Question(20_000, 500, 500, "json")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> OpenedRun:
    """One contender, one size, one lane, two repeats."""
    return opened(tmp_path_factory.mktemp("bare"), cells("only", {100: (5.0, 6.0)}, lane="json"))


Show = Callable[[OpenedRun], Picture | Prose]
SHOWN: dict[str, Show] = {
    "latency": lambda run: latency.by_payload(run, "json"),
    "p99": lambda run: latency.by_payload(run, "json", "p99"),
    "smallest": lambda run: latency.smallest_call(run, "json"),
    "fixed": lambda run: latency.fixed_and_per_byte(run, "json"),
    "against in words": lambda run: latency.against_in_words(run, "json"),
    "crossovers": lambda run: latency.where_they_cross(run, "json"),
    "tails": lambda run: latency.tails(run, "json"),
    "stacked": parts.stacked,
    "in figures": lambda run: parts.in_figures(run, "json"),
    "largest": lambda run: parts.largest_part(run, "json"),
    "codec": lambda run: parts.what_a_codec_adds(run, "json"),
    "switches": parts.switches,
    "cost": lambda run: parts.cost(run, "json"),
    "cpu": lambda run: parts.cpu_and_time(run, "json"),
    "one client": lambda run: clients_and_rates.one_client(run, "json"),
    "throughput": lambda run: clients_and_rates.throughput(run)[0],
    "best number": clients_and_rates.best_number,
    "fairness": clients_and_rates.fairness,
    "offered": lambda run: clients_and_rates.offered(run)[0],
    "highest served": clients_and_rates.highest_served,
    "answer": lambda run: advice.answer(run, QUESTION),
    "share": lambda run: advice.share_by_handler(run, QUESTION),
    "break even": lambda run: advice.break_even(run, QUESTION),
    "cores": lambda run: advice.cores_at_the_rate(run, QUESTION),
}
LACKING = {
    "p99",
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
    "highest served",
    "share",
    "break even",
    "cores",
}
"""What a run of one contender has no data for."""


@pytest.mark.parametrize("name", SHOWN)
def test_everything_is_shown_for_twenty_contenders(twenty: OpenedRun, name: str) -> None:
    shown = SHOWN[name](twenty)
    if isinstance(shown, Picture):
        png, shown_at = shown._repr_png_()
        assert png.startswith(b"\x89PNG")
        assert shown_at == {"width": 600}
        assert shown.sheet.title in repr(shown)
    else:
        assert shown._repr_markdown_()
        assert "Not measured in this run" not in shown.text
        assert "nan" not in shown.text


@pytest.mark.parametrize("name", SHOWN)
def test_what_a_run_lacks_is_said_in_a_sentence_with_the_remedy(bare: OpenedRun, name: str) -> None:
    shown = SHOWN[name](bare)
    missing = isinstance(shown, Prose) and "Not measured in this run: " in shown.text
    assert missing == (name in LACKING)
    if missing and isinstance(shown, Prose):
        assert "`make bench SCENARIO=" in shown.text


def test_a_picture_is_the_same_file_each_time_it_is_drawn(bare: OpenedRun) -> None:
    first, second = (latency.smallest_call(bare, "json")._repr_png_() for _ in range(2))
    assert first == second


def test_a_run_tells_what_it_is_and_how_noisy(twenty: OpenedRun) -> None:
    text = twenty._repr_markdown_()
    assert "a CPU" in text
    assert "20 contenders, lanes bytes, json, payloads 100 B to 100 KB, 3 repeats of each cell" in text
    assert f"0 of the {3 * 20 * 2 * 3} cells of one client" in text  # 20 contenders, 2 lanes, 3 payloads


def test_a_run_tells_how_many_of_its_cells_were_disturbed(tmp_path: Path) -> None:
    rows = cells("a", {100: (5.0, 6.0, 7.0), 2_000_000: (8.0, 9.0, 9.5)})
    rows[1]["noise_flags"] = rows[4]["noise_flags"] = "steal;load"
    text = opened(tmp_path, rows)._repr_markdown_()
    assert "1 contenders, lanes native, payloads 100 B to 2 MB, 3 repeats of each cell" in text
    assert "2 of the 6 cells of one client" in text
