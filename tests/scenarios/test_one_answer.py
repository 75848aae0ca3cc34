"""Questions that a reader asks of the committed run in several places, and that have one answer: what a call takes at a
rate, how many clients it takes, where the fastest one changes, how evenly clients are served, what was repeated.
"""

from __future__ import annotations

import html
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.text import Text
from rich.console import Console

from scenarios.advice import crossovers, model, negligible, words
from scenarios.advice.curves import curves_of
from scenarios.advice.question import Question
from scenarios.analysis import advice as notebook_4
from scenarios.analysis import clients_and_rates as notebook_3
from scenarios.analysis import latency as notebook_1
from scenarios.analysis import notebook
from scenarios.analysis.notebook import OpenedRun
from scenarios.cli import advice as terminal
from scenarios.common.units import figure, three, unbroken
from scenarios.plan.load import ASLEEP, AWAKE, BUSY
from scenarios.plots import drift
from scenarios.publish import documents, reference
from scenarios.report import answer, by_payload, trust
from scenarios.statistics import clients_and_rates, figures, real
from scenarios.tables import of_run
from tests.scenarios import shown

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def opened() -> OpenedRun:
    return notebook.open_run(str(ROOT / "results" / "reference"))


def headline(opened: OpenedRun) -> pd.DataFrame:
    """The lines of 100 B in lane native, by contender."""
    lines = figures.headline(figures.summary(opened.cells))
    return lines[(lines["lane"] == "native") & (lines["payload_bytes"] == 100)].set_index("contender")


def of_case(opened: OpenedRun, case: str) -> pd.DataFrame:
    """Likewise, of calls as programs make them."""
    lines = real.by_case(opened.cells)
    lines = lines[(lines["lane"] == "native") & (lines["payload_bytes"] == 100)]
    return lines[lines["case"] == case].set_index("contender")


@pytest.mark.parametrize(("payload", "rate", "handler"), [(100, 5000, 0), (1000, 1000, 100), (20_000, 60_000, 30)])
def test_terminal_report_and_notebook_give_the_same_advice(
    opened: OpenedRun, payload: int, rate: int, handler: int
) -> None:
    question = Question(payload, rate, handler)
    rows = model.answer(curves_of(opened.run, "native"), question)
    text = io.StringIO()
    terminal.show(opened.run, question, Console(width=250, file=text))
    in_notebook = shown.rows(notebook_4.answer(opened, question))
    in_report = {each.contender: each for each in answer.answer(opened.curves("native"), question, "").ranked}
    for row in rows:
        mark = f" (parked, as {row.figures_of})" if row.figures_of != row.contender else ""
        fields = words.fields(row)
        assert in_notebook[row.contender + mark] == fields
        line = next(line for line in text.getvalue().splitlines() if re.match(rf"│{row.contender}[¹²]? ", line))
        assert [field.strip() for field in line.strip("│").split("│")][1 : len(fields) + 1] == fields
        if row.ipc_p50_us:
            about = words.ABOUT if row.is_estimated else ""
            assert in_report[row.contender].fields[0] == about + three(row.ipc_p50_us.value)
    said = words.sentences(opened.curves("native"), question, rows, words.where(opened.run))
    assert all(sentence in text.getvalue() for sentence in said)
    assert all(sentence in notebook_4.answer(opened, question).text for sentence in said)


def test_the_committed_page_gives_the_models_answers(opened: OpenedRun) -> None:
    page = html.unescape((ROOT / "results" / "reference" / "report.html").read_text())
    page = re.sub(r"of run \S+ on", "of run reference on", page)  # it was made before it was published
    looked_at = 0
    for lane in answer.lanes(figures.headline(opened.cells)):
        curves = opened.curves(lane)
        for question in answer.questions(curves)[::7]:
            told = answer.answer(curves, question, words.where(opened.run))
            there = page.partition(f'<template id="{told.key}">')[2].partition("</template>")[0]
            assert all(unbroken(clause) in there for clause in (*told.recommendation, *told.grounds)), told.key
            assert all(field in there for line in told.ranked for field in line.fields), told.key
            looked_at += 1
    assert looked_at > 30


@pytest.mark.parametrize("rate", [1000, 5000, 20_000, 50_000])
def test_advice_says_of_an_offered_rate_what_was_measured_at_it(opened: OpenedRun, rate: int) -> None:
    """Of callers that compute until they call; where programs' calls were measured so, too, it is as they were."""
    rates, cases = clients_and_rates.by_rate(opened.cells), of_case(opened, f"{rate:,}/s awake")
    measured = rates[rates["rate"] == rate].set_index("contender")
    rows = {row.contender: row for row in model.answer(opened.curves("native"), Question(100, rate, 0, caller=AWAKE))}
    of_programs = cases["p50_us"]
    for name, p50 in measured["p50_us"].items():
        assert rows[name].gives == measured["served"][name]
        if rows[name].rates:
            assert rows[name].ipc_p50_us.value == pytest.approx(of_programs.get(name, p50))  # type: ignore[union-attr]


def test_the_readme_says_of_paced_calls_what_advice_says(opened: OpenedRun) -> None:
    short, table = documents.in_short(ROOT, opened.run), documents.real_in_short(ROOT, opened.run)
    for row in model.answer(opened.curves("native"), Question(100, 1000, 0, caller=ASLEEP)):
        if row.contender in documents.MOST_ASKED:
            assert row.ipc_p50_us
            shown_there = figure(row.ipc_p50_us.value)
            assert re.search(rf"1,000/s asleep \|.* {re.escape(shown_there)}( /|\b)", table)
            assert row.contender not in (figures.BASE, documents.FASTEST_COMMON) or shown_there in short


@pytest.mark.parametrize("rate", [3500, 5000, 20_000, 60_000, 300_000])
def test_the_clients_that_a_rate_takes_were_measured_to_get_it_and_fewer_were_not(opened: OpenedRun, rate: int) -> None:
    crowds = clients_and_rates.by_clients(opened.cells)
    rows = model.answer(opened.curves("native"), Question(100, rate, 0, caller=BUSY))
    for row in rows:
        together = crowds[(crowds["contender"] == row.contender) & (crowds["clients"] > 1)]
        got = dict(zip(together["clients"], together["calls_per_s"], strict=True))
        if got and row.clients != 1:
            assert row.clients is None or row.clients not in got or got[row.clients] >= rate
            assert row.clients is not None or max(got.values()) < rate, row.contender
    recommended = next(row for row in rows if not row.in_process)
    assert min(row.clients or 10**6 for row in rows if not row.in_process) == (recommended.clients or 10**6)


def test_one_client_gets_as_many_calls_in_advice_as_in_tables_and_notebooks(opened: OpenedRun) -> None:
    own = headline(opened)["calls_per_s"]
    in_notebook = {name: row[1] for name, row in shown.rows(notebook_3.one_client(opened, "native")).items()}
    for row in model.answer(opened.curves("native"), Question(100, 10**9, 0, caller=BUSY)):
        assert row.most_calls_per_s is not None
        assert row.most_calls_per_s.value == pytest.approx(own[row.contender])
        assert in_notebook.get(row.contender, f"{own[row.contender]:,.0f}") == f"{own[row.contender]:,.0f}"


def test_the_highest_rate_that_is_told_is_one_that_no_table_shows_as_overloaded(opened: OpenedRun) -> None:
    lines = clients_and_rates.by_rate(opened.cells)
    for name, (rate, *_) in shown.rows(notebook_3.highest_served(opened)).items():
        served = lines[(lines["contender"] == name) & lines["served"]]
        assert rate == f"{served['rate'].max():,.10g}/s"


def test_report_and_notebook_name_the_same_crossovers(opened: OpenedRun) -> None:
    count = 0
    for lane in opened.lanes:
        found = crossovers.of_the_fastest(opened.curves(lane))
        text = notebook_1.where_they_cross(opened, lane).text
        _, in_report = by_payload.by_payload([opened.curves(lane)])
        assert [line[2:] for line in text.splitlines() if line.startswith("- ")] == list(map(words.crossing, found))
        clear = [f"Lane {lane}: {words.crossing(each)}" for each in found if each.clear]
        assert [line for line in in_report if "may be chance" not in line] == clear
        count += len(clear)
    assert count


def test_fairness_and_calls_per_second_of_several_clients_are_the_same_everywhere(opened: OpenedRun) -> None:
    lines = clients_and_rates.by_clients(opened.cells)
    in_notebook = shown.rows(notebook_3.fairness(opened))
    table = next(each.frame for each in of_run.of_load(opened.cells) if "several clients" in each.title)
    readme = documents.in_short(ROOT, opened.run)
    assert [field.value for field in table["fairness", "most/least"]] == pytest.approx(lines["fairness"], nan_ok=True)
    assert [field.value for field in table["answered", "calls/s"]] == pytest.approx(lines["calls_per_s"])
    for name, each in lines[lines["clients"] > 1].groupby("contender"):
        assert in_notebook[str(name)] == list(map(three, each["fairness"]))
    most = lines[(lines["contender"] == figures.BASE) & (lines["clients"] == lines["clients"].max())].iloc[0]
    assert f"**{most['calls_per_s']:,.0f} calls a second** with this library" in readme
    assert f"some clients get {most['fairness']:.1f} times as many calls" in readme


def test_what_was_measured_again_is_counted_alike_in_picture_and_report(opened: OpenedRun) -> None:
    count = sum(row["attempt"] not in ("", "0") for row in opened.run.rows())
    said = f"{count} disturbed cells were measured again;"
    sheet = drift.sheet(figures.frame(opened.run.rows(), every_attempt=True)).finish("")
    words_there = " ".join(str(each.get_text()) for each in sheet.figure.findobj(Text))  # type: ignore[attr-defined]
    assert (said in " ".join(words_there.split())) == bool(count)
    warnings = trust.warnings(opened.run, opened.cells, figures.summary(opened.cells))
    assert any(said in str(warning) for warning in warnings) == bool(count)


def test_the_repeats_of_rows_that_have_fewer_are_not_said_to_be_more(opened: OpenedRun) -> None:
    lines = figures.headline(figures.summary(opened.cells))
    fewest, most = lines["repeats"].min(), lines["repeats"].max()
    assert fewest < most
    assert f"{fewest} to {most} repeats of each cell" in opened._repr_markdown_()
    assert f"within repeats, {fewest} to {most} of them" in reference.section(opened.run)
    rows = model.answer(opened.curves("native"), Question(100, 1000, 0, caller=BUSY))
    assert all(row.repeats == headline(opened)["repeats"][row.contender] for row in rows)


def test_what_the_guide_says_of_spinning_was_measured(opened: OpenedRun) -> None:
    lines = headline(opened)
    assert lines["cpu_us"]["shm"] < lines["cpu_us"]["shm-block"]
    rates = clients_and_rates.by_rate(opened.cells)
    at = rates[rates["rate"] == 5000].set_index("contender")["cpu_us"]
    assert at["shm"] == pytest.approx(2.4 * at["shm-block"], rel=0.1)
    at = of_case(opened, documents.PACED)["cpu_us"]
    assert at["shm"] == pytest.approx(at["shm-block"], rel=0.25)
    guide = " ".join((ROOT / "docs" / "benchmark" / "guide.md").read_text().split())
    assert "it spins away, at 2.4 times the cost (5,000 calls/s); in longer ones it sleeps, too" in guide


def test_advice_as_json_is_that_of_the_table(opened: OpenedRun) -> None:
    text = io.StringIO()
    question = Question(100, 5000, 0)
    terminal.show(opened.run, question, Console(width=250, file=text), as_json=True)
    found = json.loads(text.getvalue())
    rows = model.answer(opened.curves("native"), question)
    assert [(row["contender"], row["clients"], row["client_cores"]) for row in found["rows"]] == [
        (row.contender, row.clients, row.client_cores) for row in rows
    ]


def test_from_the_handler_on_that_documents_name_any_ipc_is_about_a_twentieth_of_a_call(opened: OpenedRun) -> None:
    found = negligible.break_even(opened.curves("native"), 100)
    dearest = max(each.handler_us.value for each in found if each.handler_us)
    assert dearest == pytest.approx(10_000, rel=0.1)
    for file in ("README.md", "docs/choose.md", "docs/benchmark/guide.md"):
        assert re.search(r"[Ii]f your(s| function) takes 10 ms|functions that take 10 ms", (ROOT / file).read_text())
