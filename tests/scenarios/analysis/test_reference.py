"""What the notebooks say of the committed run can be: shares of a whole, cores of a machine, parts of a sum."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scenarios.advice.question import Question
from scenarios.analysis import advice, clients_and_rates, latency, notebook
from scenarios.analysis.cores import UNCLEAR
from scenarios.analysis.notebook import OpenedRun
from scenarios.analysis.parts import PARTS, cpu_and_time, in_figures, largest_part, stacked
from scenarios.common.units import BLANK
from tests.scenarios import shown

ROOT = Path(__file__).parents[3]
LANES = ("bytes", "json", "native", "pickle")
WITH_CODEC = LANES[1:]


@pytest.fixture(scope="module")
def committed() -> OpenedRun:
    return notebook.open_run(str(ROOT / "results" / "reference"))


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_committed_notebook_shows_more_than_the_whole_of_a_call(path: Path) -> None:
    assert [share for share in re.findall(r"([\d.]+)% of the call", path.read_text()) if float(share) > 100] == []


@pytest.mark.parametrize("lane", WITH_CODEC)
def test_the_largest_part_is_at_most_all_of_the_call(committed: OpenedRun, lane: str) -> None:
    text = largest_part(committed, lane).text
    shares = [int(share) for share in re.findall(r"\((\d+)% of the call\)", text)]
    assert len(shares) + text.count("can't be split") == 2
    assert all(100 / len(PARTS) <= share <= 100 for share in shares)


@pytest.mark.parametrize("lane", WITH_CODEC)
def test_the_parts_in_figures_add_up_to_the_call(committed: OpenedRun, lane: str) -> None:
    rows = shown.rows(in_figures(committed, lane))
    assert rows
    for *parts, call, _ in rows.values():
        figures = [float(each.replace(",", "")) for each in parts]
        # Each of them is rounded to three digits.
        slack = sum(max(0.005, abs(each) * 0.005) for each in figures)
        assert sum(figures) == pytest.approx(float(call.replace(",", "")), abs=slack, rel=0.005)


def test_the_bars_of_a_call_are_shares_that_add_up_to_it(committed: OpenedRun) -> None:
    panels = shown.panels(stacked(committed))
    assert [axes.get_title() for axes in panels] == [f"lane {lane}" for lane in WITH_CODEC]
    for axes in panels:
        bars = shown.bars(axes)
        heights = list(zip(*([height for *_, height in bars[part]] for part in PARTS), strict=True))
        assert all(sum(each) == pytest.approx(100) for each in heights)
        assert max(height for each in heights for height in each) <= 100
        assert len(heights) + len(shown.words(axes)) == len(axes.get_xticklabels())


@pytest.mark.parametrize("lane", LANES)
def test_no_more_cores_are_at_work_than_the_machine_has(committed: OpenedRun, lane: str) -> None:
    assert committed.cpus == 2
    known = [
        float(cores)
        for _, first, _, last in shown.rows(cpu_and_time(committed, lane)).values()
        for cores in (first, last)
        if cores != UNCLEAR
    ]
    assert len(known) > 10
    assert min(known) > 0
    assert max(known) <= committed.cpus
    table = shown.rows(clients_and_rates.one_client(committed, lane))
    for _, rate, *cores in table.values():
        assert float(rate.replace(",", "")) > 0
        assert sum(float(each) for each in cores if each != UNCLEAR) <= committed.cpus
    rates = [float(rate.replace(",", "")) for _, rate, *_ in table.values()]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("lane", LANES)
def test_a_tail_is_at_least_its_median(committed: OpenedRun, lane: str) -> None:
    rows = shown.rows(latency.tails(committed, lane))
    assert len(rows) > 10
    for *ratios, disturbed in rows.values():
        known = [ratio.removeprefix("≥ ").removesuffix("x") for ratio in ratios if ratio != BLANK]
        assert all(float(ratio.replace(",", "")) >= 1 for ratio in known)
        flagged, measured = map(int, disturbed.split(" of "))
        assert 0 <= flagged <= measured


def test_clients_get_at_least_what_the_fewest_get_and_the_luckiest_no_less_than_the_unluckiest(
    committed: OpenedRun,
) -> None:
    rows = shown.rows(clients_and_rates.best_number(committed))
    assert len(rows) >= 5
    for fewest, most, _, gain in rows.values():
        first, best = (float(each.replace(",", "")) for each in (fewest, most))
        assert best >= first
        assert float(gain[:-1]) == pytest.approx(best / first, rel=0.01)
    fairness = [each for row in shown.rows(clients_and_rates.fairness(committed)).values() for each in row if each]
    assert min(map(float, fairness)) >= 1


def test_ipc_is_at_most_all_of_a_call(committed: OpenedRun) -> None:
    question = Question(20_000, 500, 500, "native")
    shares = [row[3] for row in shown.rows(advice.answer(committed, question)).values() if row[0] != "not measured"]
    assert len(shares) > 5
    assert all(0 <= float(share[:-1]) <= 100 for share in shares if share != "none")
    (axes,) = shown.panels(advice.share_by_handler(committed, question))
    assert all(0 <= share <= 1 for line in axes.lines for _, share in shown.points(line))
