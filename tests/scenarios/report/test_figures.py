"""The figures of a report, computed by hand. What else is in the page is test_page.py's."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pandas as pd
import pytest

from scenarios.advice.curves import Curves
from scenarios.records.store import Run
from scenarios.report import answer, percentiles
from scenarios.statistics import figures
from scenarios.tables import columns, of_run
from tests.scenarios import tables


def cells(**contenders: list[float]) -> pd.DataFrame:
    """Cells of one payload size: contender to its p50 in each repeat, and half and a quarter of it as CPU time."""
    half = {name: statistics.median(p50) / 2 for name, p50 in contenders.items()}
    return tables.table(
        *(
            tables.cells(name, {1000: p50}, client_cpu=half[name], server_cpu=half[name] / 2)
            for name, p50 in contenders.items()
        )
    )


def first(table: pd.DataFrame) -> answer.Answer:
    curves = Curves(table, "native")
    return answer.answer(curves, answer.opening(curves), "of run r")


def test_a_page_opens_with_the_least_cpu_of_those_within_a_tenth_of_the_fastest() -> None:
    table = cells(hot=[20, 21, 22], cool=[30, 31, 32], slow=[400, 410, 420])
    table.loc[table["contender"] == "hot", "client_cpu_us_per_call"] = 60.0
    found = first(table)
    assert found.recommendation[0] == "Use cool: a call takes 131 µs at the median"
    assert found.recommendation[2] == ("hot, the fastest, takes 121 µs, less by a tenth at most, and burns 0.07")
    assert [(row.contender, row.best) for row in found.ranked] == [("hot", True), ("cool", True), ("slow", False)]
    assert [row.fields[3] for row in found.ranked] == ["1.00", "1.08", "4.21"]


def test_a_page_recommends_nobody_who_never_sleeps_where_another_keeps_up() -> None:
    table = cells(hot=[10, 11, 12], cool=[40, 41, 42], slow=[400, 410, 420])
    table.loc[table["contender"] == "hot", "wait"] = "spin"
    found = first(table)
    assert found.recommendation[0] == "Use cool: a call takes 141 µs at the median"
    assert found.recommendation[2] == "hot, the fastest, which never sleeps, takes 111 µs and burns 1.11"
    assert [(row.contender, row.best) for row in found.ranked] == [("hot", False), ("cool", True), ("slow", False)]
    assert [row.fields[3] for row in found.ranked] == ["1.00", "1.27", "4.59"]


def test_every_question_of_a_page_has_a_key_and_an_answer() -> None:
    curves = Curves(cells(a=[10, 11, 12]), "native")
    asked = answer.questions(curves)
    keys = [answer.key(each) for each in asked]
    assert answer.key(answer.opening(curves)) in keys
    assert len(set(keys)) == len(answer.RATES) * len(answer.HANDLERS_US)
    assert keys[0] == "native-1000-100-0"


@pytest.mark.parametrize(("repeats", "sure"), [(3, "75%"), (4, "88%"), (5, "94%"), (6, "97%"), (20, "96%")])
def test_an_interval_is_called_as_sure_as_its_repeats_allow(repeats: int, sure: str) -> None:
    found = first(cells(a=[10 + repeat / 10 for repeat in range(repeats)]))
    assert f"the {sure} interval of the IPC is" in " ".join(found.grounds)


def test_the_table_marks_the_fastest_and_what_takes_a_tenth_longer_at_most() -> None:
    lines = figures.summary(cells(a=[10, 20, 30], b=[11, 22, 33], c=[12, 23, 34]))
    marked = of_run.by_payload(lines)
    names, fields = marked["contender", ""], marked["1 KB", "µs"]
    assert [(name.text, field.best) for name, field in zip(names, fields, strict=True)] == [
        *(("a", True), ("b", True), ("c", False)),
    ]


@pytest.mark.parametrize(
    ("there", "shown", "small", "said"),
    [
        (0, "\N{EN DASH}", "", "at the median"),
        (1, "\N{EN DASH}", "1 of 3 repeats", "at the median"),
        (2, "≥ 99.0", "2 of 3 repeats", "and at least 199 µs at p99"),
        (3, "99.0", "99.0 to 99.0", "and 199 µs at p99"),
    ],
)
def test_a_p99_that_slower_repeats_have_not_is_a_least_or_none(there: int, shown: str, small: str, said: str) -> None:
    table = cells(a=[10, 11, 12])
    table["p99_us"] = [99.0] * there + [math.nan] * (3 - there)
    field = columns.P99.field(figures.summary(table).iloc[0].to_dict())
    assert (field.text, field.small) == (shown, small)
    opening = first(table)
    assert opening.recommendation[0].endswith(said)
    assert opening.ranked[0].fields[2] == shown


def test_few_curves_of_many_have_a_name_beside_them(tmp_path: Path) -> None:
    names = [*percentiles.FRONT[:2], *(f"other-{number}" for number in range(9))]
    table = cells(**{name: [10, 11, 12] for name in names})
    (plot,) = percentiles.plots(Run(tmp_path), table)
    assert {curve.contender for curve in plot.curves if curve.label_y is not None} == set(percentiles.FRONT[:2])
    assert len(plot.curves) == 11
    (plot,) = percentiles.plots(Run(tmp_path), table[table["contender"].isin(names[2:6])])
    assert all(curve.label_y is not None for curve in plot.curves)
