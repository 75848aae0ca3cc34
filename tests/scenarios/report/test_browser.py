"""The report as its reader sees it, in a headless Chromium: what it answers, sorts and folds, and that it fits.

Pictures of the page at both widths, light and dark, are left in the folder that ``REPORT_PICTURES`` names, for the eye.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from rich.console import Console

from scenarios.advice import model, words
from scenarios.advice.curves import curves_of
from scenarios.advice.question import Question
from scenarios.common.units import unbroken
from scenarios.records.store import Run
from scenarios.report import answer
from scenarios.report.page import write
from tests.scenarios import chromium

COMMITTED = Path(__file__).parents[3] / "results" / "reference"
RUNS_OFF = """() => [...document.querySelectorAll('body *')].filter((each) => each.checkVisibility()
    && !each.closest('svg') && !each.parentElement.closest('.scroll')
    && each.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
    .map((each) => each.outerHTML.slice(0, 80))"""
CLIPPED = """() => [...document.querySelectorAll('.scroll')].filter((each) => each.checkVisibility()
    && each.scrollWidth > each.clientWidth).map((each) => each.getAttribute('aria-label'))"""


@pytest.fixture(scope="module", autouse=True)
def _in_a_browser() -> None:
    """Before anything is made for a browser that isn't there."""
    chromium.skip_or_fail_without()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the committed run."""
    run = Run(tmp_path_factory.mktemp("report"))
    for name in ("cells.csv", "environment.json", "run.json", "warnings.json", "plots"):
        (run.folder / name).symlink_to(COMMITTED / name)
    return write(run, Console(quiet=True))


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with chromium.browser() as found:
        yield found


@pytest.fixture
def page(running: Browser, file: Path) -> Iterator[Page]:
    """The report, opened anew at desktop size."""
    found = chromium.opened(running, file)
    yield found
    found.context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_opens_without_complaint_or_request_and_nothing_runs_off_it(
    running: Browser, file: Path, width: int
) -> None:
    page = chromium.opened(running, file, width=width)
    photograph(page, f"{width}-light")
    assert brightness(page, "backgroundColor") > 240
    assert brightness(page, "color") < 60
    for fold in (False, True):
        page.evaluate(f"document.querySelectorAll('details').forEach((each) => {{ each.open = {str(fold).lower()}; }})")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(RUNS_OFF) == []
        if width == 1280:  # a table scrolls in its box on a phone; here every column is seen
            cut = page.evaluate(CLIPPED)
            assert [label for label in cut if not label.startswith(("lane", "full"))] == []
    page.emulate_media(color_scheme="dark")
    photograph(page, f"{width}-dark")
    assert brightness(page, "backgroundColor") < 60
    assert brightness(page, "color") > 180
    assert page.evaluate(RUNS_OFF) == []
    assert page.complaints == []  # type: ignore[attr-defined]
    asked = page.requests  # type: ignore[attr-defined]
    assert [url for url in asked if not url.startswith("data:")] == [file.resolve().as_uri()]
    page.context.close()


def photograph(page: Page, name: str) -> None:
    if folder := os.environ.get("REPORT_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}-first.png")
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def brightness(page: Page, what: str) -> float:
    """Of the page's text or ground, from 0 to 255."""
    colour: str = page.evaluate(f"getComputedStyle(document.body).{what}")
    return sum(int(part) for part in colour[4:-1].split(",")) / 3


def test_a_request_would_be_seen_and_is_forbidden(page: Page) -> None:
    """Else the test above could not fail."""
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"
    assert any("Content Security Policy" in text for text in page.complaints)  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [390, 1280])
def test_the_answer_is_on_the_first_screen(running: Browser, file: Path, width: int) -> None:
    page = chromium.opened(running, file, width=width)
    assert page.evaluate("document.querySelector('#answer .verdict').getBoundingClientRect().bottom") <= 800
    page.context.close()


def test_without_javascript_the_page_gives_the_same_answer(running: Browser, file: Path, page: Page) -> None:
    without = chromium.opened(running, file, script=False)
    assert without.locator("#answer").inner_text() == page.locator("#answer").inner_text()
    expect(without.locator("#question")).to_be_hidden()
    without.context.close()


def test_ids_are_unique(page: Page) -> None:
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))


def test_every_picture_of_the_run_is_shown(page: Page) -> None:
    page.evaluate("document.querySelectorAll('.plot img').forEach((each) => { each.loading = 'eager'; })")
    page.wait_for_function("[...document.querySelectorAll('.plot img')].every((each) => each.naturalWidth > 100)")
    assert page.locator(".plot img").count() >= 2


@pytest.mark.parametrize(
    ("lane", "payload", "rate", "handler"),
    [("bytes", 100, 100, 0), ("native", 2_000_000, 10_000, 10_000), ("json", 1000, 1000, 100)],
)
def test_the_page_says_what_the_decision_model_says(
    page: Page, lane: str, payload: int, rate: float, handler: float
) -> None:
    for field, value in (("lane", lane), ("payload", payload), ("rate", rate), ("handler", handler)):
        page.locator(f"#{field}").select_option(str(value))
    curves = curves_of(Run(COMMITTED), lane)
    question = Question(payload, rate, handler, lane)
    rows = model.answer(curves, question)
    said = words.clauses(curves, question, rows, "")
    expect(page.locator("#answer .verdict")).to_have_text(unbroken(said[0][0]))
    shown = page.locator("#answer tbody th").all_inner_texts()
    assert [name.split()[0] for name in shown] == [row.contender for row in rows]
    fields = page.locator("#answer tbody tr").nth(len(rows) // 2).locator("td").all_inner_texts()
    assert fields == answer.answer(curves, question, "").ranked[len(rows) // 2].fields


def test_a_table_is_sorted_by_click_and_by_keyboard(page: Page) -> None:
    rows = page.locator("#latency-1 tbody tr")
    head = page.locator("#latency-1 th").nth(3)
    for descending, way in ((False, "ascending"), (True, "descending")):
        head.locator("button").click()
        texts = rows.evaluate_all("(rows) => rows.map((row) => row.cells[3].dataset.v)")
        values = [float(value) for value in texts if value]
        assert values == sorted(values, reverse=descending)
        expect(head).to_have_attribute("aria-sort", way)
        expect(page.locator("#latency-1 th[aria-sort$=ending]")).to_have_count(1)
    page.locator("#latency-1 th button").first.press("Enter")
    names = page.locator("#latency-1 tbody th").all_inner_texts()
    assert names == sorted(names)


def test_the_cost_table_shows_one_payload_until_asked_for_all(page: Page) -> None:
    shown = (
        "() => [...document.querySelectorAll('#everything-1 tbody tr:not([hidden])')].map((row) => row.dataset.group)"
    )
    assert set(page.evaluate(shown)) == {"1 KB"}
    page.locator("select[data-table=everything-1]").select_option("")
    assert len(set(page.evaluate(shown))) > 1


def test_few_curves_of_a_percentile_chart_have_a_name_and_the_others_are_brought_forward_by_theirs(page: Page) -> None:
    chart = page.locator(".percentiles figure").first
    assert chart.locator("text.label").count() <= 6
    assert chart.locator("path.curve").count() > 20
    curve = chart.locator("[data-contender=rpyc]")
    before = curve.evaluate("(each) => getComputedStyle(each).stroke")
    page.locator(".legend button[data-contender=rpyc]").click()
    assert curve.evaluate("(each) => getComputedStyle(each).stroke") != before
