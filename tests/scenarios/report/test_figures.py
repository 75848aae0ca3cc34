"""The figures of a report, computed by hand. What else is in the page is test_page.py's."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from scenarios.advice import model
from scenarios.advice.curves import Curves
from scenarios.plan.cells import GROUP
from scenarios.records.store import COLUMNS
from scenarios.report import answer, data, percentiles, tables
from scenarios.statistics import figures


def cells(**contenders: list[float]) -> pd.DataFrame:
    """Cells of one payload size: contender to its p50 in each repeat, and half and a quarter of it as CPU time."""
    rows = []
    for name, medians in contenders.items():
        for repeat, p50 in enumerate(medians):
            known = {
                "scenario": "s",
                "contender": name,
                "lane": "native",
                "payload_bytes": 1000,
                "clients": 1,
                "load": "closed",
                "wait": "block",
                "repeat": repeat,
                "p50_us": p50,
                "p90_us": p50 * 2,
                "mean_us": p50,
                "calls_per_s": 1e6 / p50,
                "client_cpu_us_per_call": p50 / 2,
                "server_cpu_us_per_call": p50 / 4,
                "cold_start_ms": 1,
            }
            rows.append(dict.fromkeys(COLUMNS, "") | {column: str(value) for column, value in known.items()})
    return figures.frame(rows)


def test_the_answer_names_all_that_cannot_be_told_apart() -> None:
    table = cells(a=[10, 11, 12], b=[11, 10, 12.5], c=[40, 41, 42])
    found = answer.answer(Curves(table, "native"), answer.opening(Curves(table, "native")))
    assert found.fastest == ["a", "b"]
    assert found.verdict == "are fastest for 1 KB, too close to tell apart: 11.0 µs a call"
    facts = dict(found.facts)
    assert facts["How sure"].startswith("Not sure which of them is fastest")
    assert "likely that c, the next, takes 3.73x: so in all of only 3 paired repeats" in facts["How sure"]
    assert facts["CPU"].startswith(
        "8.25 µs per call (client 5.50 µs, server 2.75 µs); 0.83% of a core at 1,000 calls/s"
    )
    assert facts["Break-even"] == "IPC is under 5% of a call when the handler takes more than 209 µs (190 to 228 µs)"
    assert facts["Latency"].endswith("with the handler 111 µs, 9.91% of it IPC")


@pytest.mark.parametrize(("repeats", "sure"), [(3, "75%"), (4, "88%"), (5, "94%"), (6, "95%"), (20, "95%")])
def test_an_interval_is_called_as_sure_as_its_repeats_allow(repeats: int, sure: str) -> None:
    table = cells(a=[10 + repeat / 10 for repeat in range(repeats)])
    found = answer.answer(Curves(table, "native"), answer.opening(Curves(table, "native")))
    assert f"({sure} interval " in dict(found.facts)["Latency"]


def test_the_answer_owns_up_to_too_few_repeats() -> None:
    table = cells(a=[10, 11], b=[20, 21])
    found = answer.answer(Curves(table, "native"), answer.opening(Curves(table, "native")))
    assert found.verdict == "is fastest for 1 KB: 10.5 µs a call"
    assert "2 repeats are too few to be sure" in dict(found.facts)["How sure"]


@pytest.mark.parametrize("seed", range(3))
def test_the_page_has_the_ratios_to_whatever_may_be_recommended(seed: int) -> None:
    """It has them to few contenders, or it would take seconds to write; they must be the right ones."""
    drawn = np.random.default_rng(seed)
    names = ("a", "a-block", "b", "b-block", "c", "d")
    parts = [cells(**{name: drawn.uniform(5, 500, 3) for name in names}) for _ in range(3)]
    table = pd.concat([part.assign(payload_bytes=10**place) for place, part in enumerate(parts, 2)])
    table["mean_us"] = table["p50_us"] * drawn.uniform(1, 3, len(table))
    table.loc[table["contender"].isin(["a", "b"]), "wait"] = "adaptive"
    curves = Curves(table, "native")
    lines = figures.summary(table).merge(tables.extras(table))
    ratios = data.embedded(table, lines)["native"]["ratios"]
    for size, rate, handler in itertools.product((100, 450, 10_000), (10, 3_000, 6_000, 50_000), (0, 30, 400)):
        rows = model.advise(curves, size, rate, handler)
        best = model.recommended(rows)
        assert best is not None
        missing = {row.figures_of for row in rows} - {best.figures_of}
        assert all(f"{name} {best.figures_of}" in ratios for name in missing)


def test_equally_fast_is_decided_by_ratios_within_repeats() -> None:
    """Medians that overlap over repeats can still be told apart in each of them; and the other way round."""
    assert tables.equally_fast(cells(a=[10, 20, 30], b=[11, 22, 33])) == {1000: ["a"]}
    assert tables.equally_fast(cells(a=[10, 20, 30], b=[11, 19, 33])) == {1000: ["b", "a"]}


@pytest.mark.parametrize(
    ("there", "shown", "small", "said"),
    [
        (0, "\N{EN DASH}", "", "p99 not measured"),
        (1, "\N{EN DASH}", "1 of 3 repeats", "p99 not measured"),
        (2, "≥ 99.0", "2 of 3 repeats", "p99 at least 99.0 µs"),
        (3, "99.0", "99.0 \N{EN DASH} 99.0", "p99 99.0 µs"),
    ],
)
def test_a_p99_that_slower_repeats_have_not_is_a_least_or_none(there: int, shown: str, small: str, said: str) -> None:
    table = cells(a=[10, 11, 12])
    table["p99_us"] = [99.0] * there + [math.nan] * (3 - there)
    lines = figures.summary(table).merge(tables.extras(table))
    found = tables.everything(lines, figures.ratios(table, "shm").set_index([*GROUP]))
    field = found.lines[0].fields[[head for head, _ in found.heads].index("p99")]
    assert (field.text, field.small) == (shown, small)
    curves = Curves(table, "native")
    found = answer.answer(curves, answer.opening(curves))
    assert said in dict(found.facts)["Latency"]
    assert answer.ranking(found)[0].fields[2] == (shown, False)


def test_a_percentile_curve_of_samples_ends_where_ten_are_beyond_it() -> None:
    ordered = np.arange(1, 10_001) * 1000
    points = percentiles.from_samples(ordered)
    assert points[0] == (0.0, 1.0)
    assert points[-1] == pytest.approx((0.999, 9990.0))
    assert [share for share, _ in points] == sorted(share for share, _ in points)
    for share, latency in points:
        assert latency == pytest.approx(max(1, math.ceil(round(share * 10_000, 6))))
    assert percentiles.from_samples(ordered[:10]) == []


def test_a_percentile_that_most_repeats_have_not_is_not_drawn() -> None:
    table = cells(a=[10, 11, 12])
    table.loc[0, "p99_us"] = 99.0
    assert percentiles.from_columns(table) == [(0.5, 11.0), (0.9, 22.0)]
    table.loc[1, "p99_us"] = 101.0
    assert percentiles.from_columns(table)[-1] == (0.99, 100.0)
