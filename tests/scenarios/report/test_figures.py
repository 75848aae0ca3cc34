"""The figures of a report, computed by hand. What else is in the page is test_page.py's."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pandas as pd
import pytest

from scenarios.advice.curves import Curves
from scenarios.common import units
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


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("100 B", 100),
        ("100B", 100),
        ("10 KB", 10_000),
        ("1.5KB", 1500),
        ("2MB", 2_000_000),
        ("0.25 MB", 250_000),
        ("4096", 4096),
        ("0", 0),
        ("\u0661", None),
        ("10 kb", None),
        ("10 KBs", None),
        ("-1", None),
        ("", None),
    ],
)
def test_a_size_is_read_in_decimal_units(text: str, count: int | None) -> None:
    assert units.bytes_of(text) == count


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1536, "1.536 KB"),
        (999_999, "1000 KB"),
        (1_000_000, "1 MB"),
        (250_000_000, "250 MB"),
    ],
)
def test_a_size_is_shown_in_decimal_units(count: int, text: str) -> None:
    assert units.size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, ""),
        (math.inf, "∞"),
        (0.5, "0.50 µs"),
        (9.99, "9.99 µs"),
        (10, "10.0 µs"),
        (99.94, "99.9 µs"),
        (100, "100 µs"),
        (9999, "9,999 µs"),
        (10_000, "10.0 ms"),
        (1_500_000, "1,500 ms"),
    ],
)
def test_a_time_has_three_digits_and_is_in_ms_from_ten_of_them(value: float, text: str) -> None:
    assert units.micros(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "\N{EN DASH}"),
        (math.inf, "∞"),
        (0, "0"),
        (0.0123, "0.012"),
        (0.0999, "0.100"),
        (0.1, "0.10"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (1234.5, "1,234"),
    ],
)
def test_a_number_of_a_table_has_a_digit_more_below_a_tenth_and_signs_for_none(value: float, text: str) -> None:
    assert units.figure(value) == text


@pytest.mark.parametrize(
    ("value", "of_all", "text"),
    [(5.0, True, "5.00"), (5.0, False, "≥ 5.00"), (5.0, None, "\N{EN DASH}"), (math.nan, True, "\N{EN DASH}")],
)
def test_a_percentile_of_some_repeats_is_marked_as_the_least_it_may_be(
    value: float, of_all: bool | None, text: str
) -> None:
    assert units.least(value, of_all) == text
    assert units.least(value, of_all, units.micros) == (f"{text} µs" if "5" in text else text)


def test_two_numbers_are_shown_with_what_stands_between_them_and_what_is_not_there_left_out() -> None:
    assert units.interval(1.5, 2.5) == "1.50 to 2.50"
    assert units.interval(math.nan, math.nan) == ""
    assert units.pair(13.9, 12.3) == "13.9 + 12.3"
    assert units.pair(13.9, math.nan) == "13.9"
    assert units.pair(math.nan, math.nan) == "\N{EN DASH}"
    assert units.span(1.0, 2.0) == "1.00 to 2.00 µs"
    assert units.span(1.0, 20_000) == "1.00 µs to 20.0 ms"
    assert units.span(20_000, 30_000) == "20.0 to 30.0 ms"
    assert units.span(1.001, 1.002) == "1.00 µs"


@pytest.mark.parametrize(
    ("ratio", "low", "high", "text"),
    [
        (math.nan, math.nan, math.nan, ""),
        (12.34, 11, 14, "12.3x slower (11.0 to 14.0)"),
        (1.1, 0.9, 1.3, "1.10x slower (0.90 to 1.30, unclear)"),
        (1.1, 1, 1.3, "1.10x slower (1.00 to 1.30, unclear)"),
        (1.0, 0.8, 1.0, "1.00x slower (0.80 to 1.00, unclear)"),
        (0.5, 0.4, 0.8, "2.00x faster (1.25 to 2.50)"),
        (0.5, 0.4, 2, "2.00x faster (0.50 to 2.50, unclear)"),
        (3.0, math.nan, math.nan, "3.00x slower"),
    ],
)
def test_a_ratio_is_said_in_words_and_called_unclear_where_its_interval_holds_1(
    ratio: float, low: float, high: float, text: str
) -> None:
    assert units.factor(ratio, low, high) == text


def test_a_number_stays_with_its_unit_and_a_share_is_a_percentage() -> None:
    assert units.unbroken("10 KB in 5 µs, 3 ms or 2 months") == "10\u00a0KB in 5\u00a0µs, 3\u00a0ms or 2 months"
    assert units.percent(0.1234) == "12.3%"
    assert units.percent(1.0) == "100%"
