"""The report as its reader sees it, in a headless Chromium: what it answers, sorts and folds, and that it fits."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scenarios.advice import model
from scenarios.advice.curves import Curves
from scenarios.records.store import Run
from scenarios.report import answer
from scenarios.report.page import write
from scenarios.statistics.figures import frame
from tests.scenarios import chromium
from tests.scenarios.chromium import Browser

COMMITTED = Path(__file__).parents[3] / "results" / "reference"


@pytest.fixture(scope="module", autouse=True)
def _in_a_browser() -> None:
    """Before anything is made for a browser that isn't there."""
    chromium.skip_or_fail_without()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the committed run."""
    run = Run(tmp_path_factory.mktemp("report"))
    for file in ("cells.csv", "environment.json", "run.json", "plots"):
        (run.folder / file).symlink_to(COMMITTED / file)
    return write(run, Console(quiet=True))


@pytest.fixture(scope="module")
def running(page: Path) -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(running: Browser, page: Path) -> Browser:
    """The report, opened anew at desktop size."""
    running.open(page)
    return running


def said(browser: Browser) -> dict[str, str]:
    """What stands on the first screen."""
    return {part: browser.run(f"document.getElementById('{part}').innerText") for part in ("verdict", "facts", "rank")}


@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_opens_without_complaint_or_request_and_fits(
    running: Browser, page: Path, width: int, dark: bool
) -> None:
    running.open(page, width=width, dark=dark)
    for fold in (False, True):
        running.run(f"document.querySelectorAll('details').forEach((each) => {{ each.open = {json.dumps(fold)}; }})")
        assert running.run("document.documentElement.scrollWidth") <= width
    complaints = [
        event
        for event in running.events
        if event["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    ]
    assert not complaints
    asked = [e["params"]["request"]["url"] for e in running.events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [page.resolve().as_uri()]
    colours = [running.run(f"getComputedStyle(document.body).{what}") for what in ("backgroundColor", "color")]
    brightness = [sum(int(part) for part in colour[4:-1].split(",")) / 3 for colour in colours]
    assert (brightness[0] < 60 and brightness[1] > 180) if dark else (brightness[0] > 240 and brightness[1] < 60)


def test_a_request_would_be_seen_and_is_forbidden(browser: Browser) -> None:
    """Else the test above could not fail."""
    assert browser.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"
    assert any("Content Security Policy" in json.dumps(event) for event in browser.events)


def test_nothing_of_the_answer_is_below_the_first_screen(browser: Browser) -> None:
    for part in ("question", "verdict", "facts"):
        assert browser.run(f"document.getElementById('{part}').getBoundingClientRect().bottom") <= 800


def test_without_javascript_the_page_gives_the_same_answer(running: Browser, page: Path) -> None:
    running.open(page)
    computed = said(running)
    running.open(page, script=False)
    assert said(running) == computed
    assert not running.run("document.getElementById('question').offsetParent")


def test_ids_are_unique_and_references_lead_somewhere(browser: Browser) -> None:
    ids = browser.run("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    lost = """[...document.querySelectorAll('use, [clip-path]')]
        .map((each) => each.getAttribute('clip-path')?.slice(5, -1)
            ?? (each.getAttribute('href') ?? each.getAttributeNS('http://www.w3.org/1999/xlink', 'href')).slice(1))
        .filter((id) => !document.getElementById(id))"""
    assert browser.run("document.querySelectorAll('.plot use').length") > 100
    assert browser.run(lost) == []


QUESTIONS = [
    {"lane": lane, "bytes": size, "rate": rate, "handler": handler}
    for lane, size, (rate, handler) in itertools.product(
        ("bytes", "json", "native"),
        (99, 100, 1000, 4321.5, 100_000, 1_234_567, 2_000_000, 2_000_001),
        ((1, 0), (1000, 100), (2000, 500), (20_000, 0), (50_000, 5), (3, 100_000)),
    )
]


def test_the_page_computes_what_the_decision_model_says(browser: Browser) -> None:
    """Every contender of many questions: the same order and the same figures as `advise` gives."""
    curves = {lane: Curves(frame(Run(COMMITTED).rows()), lane) for lane in ("bytes", "json", "native")}
    found = browser.run(f"{json.dumps(QUESTIONS)}.map((q) => report.advise(q).rows)")
    for question, theirs in zip(QUESTIONS, found, strict=True):
        ours = model.advise(
            curves[question["lane"]], question["bytes"], question["rate"], question["handler"], question["lane"]
        )
        assert [row["contender"] for row in theirs] == [row.contender for row in ours], question
        for row, expected in zip(theirs, ours, strict=True):
            assert comparable(row) == pytest.approx(figures(expected), rel=1e-4, nan_ok=True), question
            assert (row["told"], row["figuresOf"]) == (expected.told_apart, expected.figures_of), question


@pytest.mark.parametrize(("size", "rate", "handler"), [(1000, 1e6, 0), (1000, 50_000, 100), (100, 1000, 100)])
def test_the_page_says_what_python_says(browser: Browser, size: int, rate: float, handler: float) -> None:
    curves = Curves(frame(Run(COMMITTED).rows()), "native")
    ours = answer.answer(curves, model.Question(size, rate, handler))
    asked = json.dumps({"lane": "native", "bytes": size, "rate": rate, "handler": handler})
    found = browser.run(f"(found => [found.fastest, found.verdict, found.facts])(report.answer({asked}))")
    assert found == [ours.fastest, ours.verdict, [list(fact) for fact in ours.facts]]


def comparable(row: dict[str, Any]) -> list[float]:
    keys = ("p99", "p50", "share", "most", "clients", "clientCores", "serverCores")
    ipc = row.get("ipc", {})
    return [
        number(value) for value in (*(ipc.get(end) for end in ("value", "low", "high")), *(row.get(k) for k in keys))
    ]


def figures(row: model.Advice) -> list[float]:
    ipc = row.ipc_p50_us
    values = (
        *((ipc.value, ipc.low, ipc.high) if ipc else (None,) * 3),
        *(row.ipc_p99_us, row.p50_us and row.p50_us.value, row.ipc_share and row.ipc_share.value),
        *(row.most_calls_per_s and row.most_calls_per_s.value, row.clients, row.client_cores, row.server_cores),
    )
    return [number(value) for value in values]


def number(value: float | None) -> float:
    return math.nan if value is None else float(value)


@pytest.mark.parametrize("size", [100, 20_000, 2_000_000])
def test_the_page_computes_the_same_break_even(browser: Browser, size: int) -> None:
    cells = frame(Run(COMMITTED).rows())
    for expected in model.break_even(cells, size, "native"):
        assert expected.handler_us is not None
        found = browser.run(
            f"report.breakEven(JSON.parse(data.textContent).lanes.native, {json.dumps(expected.contender)}, {size})"
        )
        value = expected.handler_us
        assert found == pytest.approx({"value": value.value, "low": value.low, "high": value.high}, rel=1e-4)


def ask(browser: Browser, **values: str) -> dict[str, str]:
    """Type into the form as a user does."""
    for field, value in values.items():
        browser.run(
            f"(() => {{ const field = document.getElementById({json.dumps(field)}); field.value = {json.dumps(value)};"
            "field.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )
    return said(browser)


def test_typing_another_question_changes_the_answer(browser: Browser) -> None:
    before = said(browser)
    after = ask(browser, payload="20KB", lane="bytes", rate="2k", handler="0.5 ms")
    assert "for 20\N{NO-BREAK SPACE}KB" in after["verdict"]
    assert after["verdict"] != before["verdict"]
    assert "2,000 calls/s" in after["facts"]
    assert "Interpolated between 10\N{NO-BREAK SPACE}KB and 100\N{NO-BREAK SPACE}KB".lower() in after["facts"].lower()
    assert "Measured on" in after["facts"]


def test_what_was_not_measured_is_not_answered(browser: Browser) -> None:
    assert "Not measured for 5\N{NO-BREAK SPACE}MB" in ask(browser, payload="5 MB")["verdict"]
    assert "one client, calling back to back, gets at most" in ask(browser, payload="1 KB", rate="1000000")["verdict"]


def test_a_number_that_is_none_is_marked_and_changes_nothing(browser: Browser) -> None:
    before = said(browser)
    assert ask(browser, payload="much") == before
    assert browser.run("document.getElementById('payload').getAttribute('aria-invalid')") == "true"
    assert ask(browser, payload="1KB") == before
    assert browser.run("document.getElementById('payload').getAttribute('aria-invalid')") == "false"


ROWS = "[...document.querySelector('#{}').tBodies[0].rows]"


def test_a_table_is_sorted_by_click_and_by_keyboard(browser: Browser) -> None:
    heads = "document.querySelectorAll('#latency-1 th button')"
    for expected, way in ((False, "ascending"), (True, "descending")):
        browser.run(f"{heads}[3].click()")
        values = [
            float(value)
            for value in browser.run(f"{ROWS.format('latency-1')}.map((row) => row.cells[3].dataset.v)")
            if value
        ]
        assert values == sorted(values, reverse=expected)
        assert browser.run(f"{heads}[3].closest('th').getAttribute('aria-sort')") == way
        sorted_by = "document.querySelectorAll('#latency-1 th[aria-sort$=ending]').length"
        assert browser.run(sorted_by) == 1
    browser.run(f"{heads}[0].focus()")
    browser.press("Enter")
    names = browser.run(f"{ROWS.format('latency-1')}.map((row) => row.cells[0].innerText)")
    assert names == sorted(names)


def test_the_cost_table_shows_one_payload_until_asked_for_all(browser: Browser) -> None:
    rows = f"{ROWS.format('everything-1')}.filter((row) => !row.hidden).map((row) => row.dataset.group)"
    assert set(browser.run(rows)) == {"1 KB"}
    browser.run(
        "(() => { const s = document.querySelector('select[data-table=everything-1]'); s.value = '';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    everyone = browser.run(f"{ROWS.format('everything-1')}.map((row) => row.dataset.group)")
    assert browser.run(rows) == everyone
    assert len(set(everyone)) > 1
