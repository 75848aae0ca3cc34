"""Ideal and real side by side in the notebooks: the figures of the documents, and a sentence where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.analysis import notebook, real
from scenarios.analysis.notebook import OpenedRun
from scenarios.publish import documents
from scenarios.statistics.real import by_case
from scenarios.tables.of_run import PINNED
from tests.scenarios import shown
from tests.scenarios.tables import cells

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def opened() -> OpenedRun:
    return notebook.open_run(str(ROOT / "results" / "reference"))


def test_latencies_are_those_of_the_documents(opened: OpenedRun) -> None:
    title, table, pinned = real.latency(opened).text.split("\n\n")
    assert title == "**100 B, lane native: median / p99, µs**"
    assert f"{table}\n" == documents.real(ROOT, opened.run)
    assert f"{table}\n" in (ROOT / "docs" / "results.md").read_text()
    assert pinned == f"{PINNED}."


def test_cpu_times_and_calls_per_second_are_those_of_the_same_lines(opened: OpenedRun) -> None:
    lines = by_case(opened.cells)
    lines = lines[(lines["lane"] == "native") & (lines["payload_bytes"] == 100) & (lines["contender"] == "shm")]
    of_case = lines.set_index("case")
    rows = {
        case: fields[1]
        for case, fields in shown.rows(notebook.Prose(real.answered(opened).text.split("\n\n")[1])).items()
    }
    assert rows["back to back"] == f"{of_case['calls_per_s']['back to back']:,.0f}"
    assert len(rows) == len(of_case)
    cpu = shown.rows(notebook.Prose(real.cpu(opened).text.split("\n\n")[1]))
    assert cpu["back to back"][1].count(" + ") == 1


def test_a_run_of_ideal_circumstances_alone_says_what_it_takes(tmp_path: Path) -> None:
    found = real.latency(shown.opened(tmp_path, cells("shm", {100: (5.0,) * 3})))
    assert "Not measured in this run: calls with pauses, or beside other work" in found.text
    assert "make bench SCENARIO=real" in found.text
