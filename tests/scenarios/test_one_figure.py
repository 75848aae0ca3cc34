"""What the committed run's figures are, said the same by all that show them: table, report, notebooks, pictures,
advice, README. Each shows them as it does for its reader; the numbers are read back from what is shown.
"""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.axes import Axes
from rich.console import Console

from scenarios.advice import model
from scenarios.advice.model import Question
from scenarios.analysis import clients_and_rates as notebook_3
from scenarios.analysis import latency as notebook_1
from scenarios.analysis import notebook
from scenarios.analysis.notebook import OpenedRun
from scenarios.cli import table
from scenarios.common.units import figure, least, size
from scenarios.plan.load import BUSY
from scenarios.plots import clients_and_rates as pictures
from scenarios.plots import style
from scenarios.plots.sheet import Sheet
from scenarios.publish import reference
from scenarios.statistics import clients_and_rates, figures, real
from scenarios.tables import of_run
from tests.scenarios import shown

COMMITTED = Path(__file__).parents[2] / "results" / "reference"


@pytest.fixture(autouse=True)
def _without_a_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the words of a picture come to stand takes most of its time, and is nothing to its figures."""
    monkeypatch.setattr(Sheet, "finish", lambda sheet, about="": sheet)


@pytest.fixture(scope="module")
def opened() -> OpenedRun:
    return notebook.open_run(str(COMMITTED))


@pytest.fixture(scope="module")
def lines(opened: OpenedRun) -> pd.DataFrame:
    """What a figure is."""
    return figures.summary(opened.cells)


@pytest.fixture(scope="module")
def printed(opened: OpenedRun) -> list[str]:
    """The lines of the table in a terminal."""
    text = io.StringIO()
    table.show(opened.run, Console(width=250, file=text))
    return text.getvalue().splitlines()


def headline(lines: pd.DataFrame, lane: str) -> pd.DataFrame:
    found = figures.headline(lines)
    return found[found["lane"] == lane]


@pytest.mark.parametrize("lane", ["bytes", "json", "native"])
def test_the_table_shows_every_median_and_p99(lines: pd.DataFrame, printed: list[str], lane: str) -> None:
    start = next(place for place, text in enumerate(printed) if text.startswith(f"full, lane {lane}"))
    part = "\n".join(printed[start : start + 250])
    for _, line in headline(lines, lane).iterrows():
        texts = [figure(line["p50_us"]), least(line["p99_us"], line["p99_of_all"])]
        pattern = rf"\b{re.escape(line['contender'])} +{re.escape(texts[0])} +.*{re.escape(texts[1])}"
        assert re.search(pattern, part), (line["contender"], texts)


def test_the_table_shows_rates_as_they_are(lines: pd.DataFrame, opened: OpenedRun, printed: list[str]) -> None:
    text = "\n".join(printed)
    for _, line in clients_and_rates.by_rate(opened.cells).iterrows():
        shown_there = least(line["p99_us"], line["p99_of_all"])
        assert re.search(rf"{line['rate']:,.0f} .*{re.escape(figure(line['p50_us']))} +{re.escape(shown_there)} ", text)


def values(table: pd.DataFrame, heading: str, unit: str = "") -> list[float | str]:
    """What a column's fields are sorted by."""
    return [field.value for field in table[heading, unit]]


def test_the_report_is_made_of_the_same(lines: pd.DataFrame, opened: OpenedRun) -> None:
    ratios = figures.ratios(figures.headline(opened.cells), figures.BASE)
    for lane in opened.lanes:
        own = headline(lines, lane)
        wide, every = of_run.by_payload(own), of_run.of_one(own, ratios)
        for at, each in own.groupby("payload_bytes"):
            known = dict(zip(each["contender"], each["p50_us"], strict=True))
            shown_there = dict(zip(values(wide, "contender"), values(wide, size(at), "µs"), strict=True))
            assert {name: value for name, value in shown_there.items() if name in known} == known
        for column, shown_as in {"p50_us": "p50", "p99_us": "p99", "longest_us": "longest"}.items():
            keys = zip(values(every, "payload"), values(every, "contender"), strict=True)
            expected = own.set_index(["payload_bytes", "contender"])[column].to_dict()
            found = dict(zip(keys, values(every, shown_as, "µs"), strict=True))
            assert found == pytest.approx(expected, nan_ok=True, rel=0, abs=0)
    of_load = clients_and_rates
    kinds = (of_load.by_clients, of_load.by_in_flight, of_load.beside_slow_calls, of_load.by_rate)
    told = pd.concat([kind(opened.cells) for kind in kinds])
    cases = real.by_case(opened.cells)
    shown_load = [value for table in of_run.of_load(opened.cells) for value in values(table.frame, "p50", "µs")]
    assert sorted(shown_load) == pytest.approx(sorted([*told["p50_us"], *cases["p50_us"]]), rel=0, abs=0)
    # Every line is told of somewhere; those of the scenarios of other circumstances that are ideal are the headline's.
    apart = cases[cases["case"] != real.IDEAL]
    beside = lines[lines["scenario"].isin(figures.of_circumstances(lines))]
    again = [real.case(line) == real.IDEAL for line in beside.to_dict("records")]
    assert len(figures.headline(lines)) + len(told) + len(apart) + sum(again) == len(lines)


def points(axes: Axes) -> set[tuple[float, float]]:
    """All that the lines of a panel go through."""
    return {point for line in axes.lines for point in shown.points(line)}


@pytest.mark.parametrize("column", ["p50", "p99"])
def test_the_notebooks_draw_the_same(lines: pd.DataFrame, opened: OpenedRun, column: str) -> None:
    for lane in opened.lanes:
        own = headline(lines, lane)
        own = own[~own["contender"].isin(style.WITHOUT_IPC) & own[f"{column}_us"].notna()]
        drawn = points(shown.panels(notebook_1.by_payload(opened, lane, column))[0])
        expected = set(zip(own["payload_bytes"].astype(float), own[f"{column}_us"], strict=True))
        assert len(expected) >= 10
        assert expected <= drawn


def test_the_notebooks_and_the_pictures_draw_the_same_rates(opened: OpenedRun) -> None:
    known = clients_and_rates.by_rate(opened.cells)
    with style.applied():
        sheet = pictures.sheets(opened.cells)["load"]
    (in_notebook,) = notebook_3.offered(opened)
    for place, column in enumerate(("p50_us", "p99_us")):
        for axes in (shown.panels(in_notebook)[place], sheet.figure.axes[place]):
            # What is beyond stands at the edge.
            within = known[known[column] < axes.get_ylim()[1] / 1.01]
            assert len(within) > 10
            assert set(zip(within["rate"].astype(float), within[column], strict=True)) <= points(axes)


def test_the_notebooks_and_the_pictures_draw_the_same_clients(opened: OpenedRun) -> None:
    known = clients_and_rates.by_clients(opened.cells)
    expected = set(zip(known["clients"].astype(float), known["calls_per_s"], strict=True))
    assert len(expected) > 10
    with style.applied():
        sheet = pictures.sheets(opened.cells)["clients"]
    (in_notebook,) = notebook_3.throughput(opened)
    for axes in (shown.panels(in_notebook)[0], sheet.figure.axes[0]):
        assert expected <= points(axes)


def test_the_notebooks_and_the_pictures_draw_the_same_calls_in_flight(opened: OpenedRun) -> None:
    lines = clients_and_rates.by_in_flight(opened.cells)
    with style.applied():
        sheets = pictures.sheets(opened.cells)
    in_notebook = notebook_3.in_flight(opened)
    assert len(in_notebook) == lines["scenario"].nunique() == 2
    for of_one, (scenario, known) in zip(in_notebook, lines.groupby("scenario"), strict=True):
        sheet = sheets[f"in_flight_{scenario}".replace("/", "-")]
        for place, column in enumerate(("calls_per_s", "cpu_us", "p50_us", "p99_us", "ticker_p50_us", "ticker_p99_us")):
            expected = set(zip(known["in_flight"].astype(float), known[column], strict=True))
            expected = {point for point in expected if not math.isnan(point[1])}
            if expected and place < len(sheet.figure.axes):
                assert expected <= points(shown.panels(of_one)[place])
                assert expected <= points(sheet.figure.axes[place])


def test_the_notebooks_and_the_pictures_draw_the_same_quick_calls(opened: OpenedRun) -> None:
    lines = clients_and_rates.beside_slow_calls(opened.cells)
    with style.applied():
        sheet = pictures.sheets(opened.cells)["slow_calls"]
    (in_notebook,) = notebook_3.slow_calls(opened)
    for place, beside in enumerate(("nothing", "2-computing-calls", "2-sleeping-calls")):
        known = lines[lines["beside"] == beside]
        for side, column in enumerate(("p50_us", "p99_us")):
            expected = set(zip(known["clients"].astype(float), known[column], strict=True))
            expected = {point for point in expected if not math.isnan(point[1])}
            assert expected or column == "p99_us"
            for axes in (shown.panels(in_notebook)[2 * place + side], sheet.figure.axes[2 * place + side]):
                assert expected <= points(axes)


@pytest.mark.parametrize("lane", ["bytes", "json", "native"])
def test_the_advice_rests_on_the_same(lines: pd.DataFrame, opened: OpenedRun, lane: str) -> None:
    known = headline(lines, lane).set_index(["contender", "payload_bytes"])
    for at in (100, 1000, 100_000):
        for row in model.answer(opened.curves(lane), Question(at, 1000, 0, lane, caller=BUSY)):
            line = known.loc[(row.figures_of, at)]
            if row.ipc_p50_us is None:
                assert math.isnan(line["p50_us"]) or row.caveat.startswith("parks")
                continue
            ends = (row.ipc_p50_us.value, row.ipc_p50_us.low, row.ipc_p50_us.high)
            assert ends == (line["p50_us"], line["p50_low"], line["p50_high"])
            assert (row.ipc_p99_us is None) == math.isnan(line["p99_us"])
            assert row.ipc_p99_us is None or row.ipc_p99_us == line["p99_us"]
            assert row.p99_of_all is line["p99_of_all"]


def test_the_readme_says_the_same(lines: pd.DataFrame, opened: OpenedRun) -> None:
    text = reference.section(opened.run)
    own = headline(lines, "native")
    own = own[own["payload_bytes"] == own["payload_bytes"].min()]
    for _, line in own.iterrows():
        (row,) = re.findall(rf"^\| \**{re.escape(line['contender'])}\** \| ([\d.,]+)", text, re.MULTILINE)[:1]
        assert row == figure(line["p50_us"])
