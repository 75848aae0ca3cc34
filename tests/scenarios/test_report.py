"""The report of a run: what is in the page, computed by hand where it is a number. How it looks and behaves is
test_report_browser.py's."""

from __future__ import annotations

import csv
import html
import itertools
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from scenarios import (
    advice,
    report,
    report_answer,
    report_data,
    report_percentiles,
    report_plots,
    report_tables,
    statistics,
)
from scenarios.__main__ import main
from scenarios.advice_curves import Curves
from scenarios.cells import GROUP, key_of
from scenarios.errors import RunError
from scenarios.store import COLUMNS, Run
from tests.scenarios.conftest import RunIt

COMMITTED = Path(__file__).parent.parent.parent / "results" / "reference"
Change = Callable[[list[dict[str, str]]], list[dict[str, str]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A part of the committed run, without its plots: small, for it is rendered many times."""
    shutil.copytree(COMMITTED, tmp_path / "run", ignore=shutil.ignore_patterns("plots", report.FILE))
    names, sizes = ("direct", "shm", "shm-block", "grpc-tcp", "zmq-ipc"), ("1000", "10000")
    return changed(
        Run(tmp_path / "run"),
        lambda rows: [
            row
            for row in rows
            if row["lane"] == "native" and row["contender"] in names and row["payload_bytes"] in sizes
        ],
    )


def changed(run: Run, change: Change) -> Run:
    """The run with other rows; a column that is no more is left out of the file."""
    rows = change(run.rows())
    with run.cells_file.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return run


def text_of(page: str) -> str:
    """What a reader sees of a page, more or less."""
    page = re.sub(r"<(script|style|template)\b.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def embedded(page: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.split('id="data">')[1].split("</script>")[0])["lanes"]
    return found


def test_a_measured_run_can_be_reported_with_its_samples(run_it: RunIt) -> None:
    made, _ = run_it(contenders='["plain", "pipes"]', repeats=1, calls=400)
    page = text_of(report.render(made))
    assert "pipes is fastest for 1" in page
    assert "From every call of all repeats" in page
    assert "plain" in page


def test_the_command_writes_a_page_that_names_its_run(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run.folder)]) == 0
    page = (run.folder / report.FILE).read_text()
    assert str(run.folder / report.FILE) in capsys.readouterr().out.replace("\n", "")
    assert run.about()["run_id"] in text_of(page)
    assert len(page) < 5_000_000


def test_a_run_without_cells_has_no_report(run: Run) -> None:
    run.cells_file.write_text("")
    with pytest.raises(RunError, match="no finished cell"):
        report.write(run, Console(quiet=True))


def test_every_contender_setting_and_fact_of_the_environment_is_in_the_page(run: Run) -> None:
    page = text_of(report.render(run))
    about = run.environment()
    for contender, lanes in about["settings"].items():
        assert contender in page
        for settings in lanes.values():
            for name, value in settings.items():
                assert f"{name} {value}" in page
    for value in (about["cpu"], about["kernel"], about["python"], about["git_commit"], about["command"]):
        assert value in page


def test_names_from_outside_cannot_become_markup(run: Run) -> None:
    evil = "</script><b onclick=alert(1)>"

    def rename(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [row | {"contender": evil} if row["contender"] == "grpc-tcp" else row for row in rows]

    page = report.render(changed(run, rename))
    assert evil not in page
    assert "<b onclick" not in page
    assert evil in embedded(page)["native"]["contenders"]
    assert html.escape(evil) in page


def test_many_clients_and_offered_load_have_a_section_of_their_own(run: Run) -> None:
    alone = report.render(run)

    def add(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        some = [row for row in rows if row["contender"] == "shm" and row["payload_bytes"] == "1000"]
        many = [row | {"scenario": "full/clients", "clients": "4", "p50_us": "0.001"} for row in some]
        offered = [
            row | {"scenario": "full/load", "load": "open", "offered_rps": "5000", "skipped": "7", "p50_us": "0.001"}
            for row in some
        ]
        return rows + many + offered

    page = report.render(changed(run, add))
    assert "Many clients, offered load" not in text_of(alone)
    assert "full/clients, lane native" in text_of(page)
    assert "5,000" in page.split('id="load"')[1].split("</section>")[0]
    # The headline is not touched by them.
    assert embedded(page) == embedded(alone)


def test_a_run_of_many_clients_only_is_reported_without_an_answer(run: Run) -> None:
    page = report.render(changed(run, lambda rows: [row | {"clients": "2"} for row in rows]))
    assert 'id="question"' not in page
    assert "Many clients, offered load" in text_of(page)


def test_contenders_lanes_and_flags_nobody_knows_are_reported_as_well(run: Run) -> None:
    def strange(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        more = [row | {"contender": "new-ipc", "wait": "psychic"} for row in rows if row["contender"] == "zmq-ipc"]
        lane = [row | {"lane": "arrow", "noise_flags": "eclipse"} for row in rows]
        return rows + more + lane

    page = text_of(report.render(changed(run, strange)))
    assert "lane arrow" in page
    assert "new-ipc" in page
    assert "eclipse" in page


def test_warnings_of_the_run_are_listed_and_fold_out(run: Run) -> None:
    group = {
        "scenario": "full",
        "contender": "shm",
        "lane": "native",
        "payload_bytes": "1000",
        "clients": "1",
        "load": "closed",
    }
    listed = [
        {"kind": "hot", "group": {}, "message": "the machine was hot", "figures": {}},
        {"kind": "several-modes", "group": group, "message": "two speeds, 10 and 90 µs", "figures": {}},
        {"kind": "new-kind", "group": group, "message": "odd", "figures": {}},
    ]
    run.write_json("warnings.json", {"warnings": listed})
    page = text_of(report.render(run))
    assert "the machine was hot." in page
    assert "Of 1 figures: calls come in several speeds" in page
    assert "full, lane native, shm, 1 KB: two speeds, 10 and 90 µs" in page
    assert "Of 1 figures: new-kind." in page


def test_failed_cells_and_what_was_left_out_are_named(run: Run) -> None:
    run.write_json("failures.json", {"a-cell": {"kind": "ClientDied", "reason": "exit code 3"}})
    about = run.about()
    about["scenario"]["left_out"] = ["contender x is not available: pip install x"]
    run.write_json("run.json", about | {"state": "running"})
    page = text_of(report.render(run))
    assert "a-cell: ClientDied: exit code 3" in page
    assert "1 cells failed" in page
    assert "Not measured: contender x is not available: pip install x." in page
    assert "This run is not complete." in page


# -- figures


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
    return statistics.frame(rows)


def test_the_answer_names_all_that_cannot_be_told_apart() -> None:
    table = cells(a=[10, 11, 12], b=[11, 10, 12.5], c=[40, 41, 42])
    found = report_answer.answer(Curves(table, "native"), report_answer.opening(Curves(table, "native")))
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


def test_the_answer_owns_up_to_too_few_repeats() -> None:
    table = cells(a=[10, 11], b=[20, 21])
    found = report_answer.answer(Curves(table, "native"), report_answer.opening(Curves(table, "native")))
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
    lines = statistics.summary(table).merge(report_tables.extras(table))
    ratios = report_data.embedded(table, lines)["native"]["ratios"]
    for size, rate, handler in itertools.product((100, 450, 10_000), (10, 3_000, 6_000, 50_000), (0, 30, 400)):
        rows = advice.advise(curves, size, rate, handler)
        best = advice.recommended(rows)
        assert best is not None
        missing = {row.figures_of for row in rows} - {best.figures_of}
        assert all(f"{name} {best.figures_of}" in ratios for name in missing)


def test_equally_fast_is_decided_by_ratios_within_repeats() -> None:
    """Medians that overlap over repeats can still be told apart in each of them; and the other way round."""
    assert report_tables.equally_fast(cells(a=[10, 20, 30], b=[11, 22, 33])) == {1000: ["a"]}
    assert report_tables.equally_fast(cells(a=[10, 20, 30], b=[11, 19, 33])) == {1000: ["b", "a"]}


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
    lines = statistics.summary(table).merge(report_tables.extras(table))
    found = report_tables.everything(lines, statistics.ratios(table, "shm").set_index([*GROUP]))
    field = found.lines[0].fields[[head for head, _ in found.heads].index("p99")]
    assert (field.text, field.small) == (shown, small)
    curves = Curves(table, "native")
    answer = report_answer.answer(curves, report_answer.opening(curves))
    assert said in dict(answer.facts)["Latency"]
    assert report_answer.ranking(curves, answer)[0].fields[2] == (shown, False)


def test_a_percentile_curve_of_samples_ends_where_ten_are_beyond_it() -> None:
    ordered = np.arange(1, 10_001) * 1000
    points = report_percentiles.from_samples(ordered)
    assert points[0] == (0.0, 1.0)
    assert points[-1] == pytest.approx((0.999, 9990.0))
    assert [share for share, _ in points] == sorted(share for share, _ in points)
    for share, latency in points:
        assert latency == pytest.approx(max(1, math.ceil(round(share * 10_000, 6))))
    assert report_percentiles.from_samples(ordered[:10]) == []


def test_a_percentile_that_most_repeats_have_not_is_not_drawn() -> None:
    table = cells(a=[10, 11, 12])
    table.loc[0, "p99_us"] = 99.0
    assert report_percentiles.from_columns(table) == [(0.5, 11.0), (0.9, 22.0)]
    table.loc[1, "p99_us"] = 101.0
    assert report_percentiles.from_columns(table)[-1] == (0.99, 100.0)


def test_names_beside_a_plot_keep_apart_and_in_order() -> None:
    assert report_percentiles.apart([50, 10, 30], 0, 100) == [50, 10, 30]
    assert report_percentiles.apart([99, 98, 5], 0, 100) == [100, 88, 5]
    assert report_percentiles.apart([1, 2], 10, 100) == [10, 22]
    crowd = report_percentiles.apart([50.0] * 40, 0, 100)
    assert crowd == sorted(crowd)
    assert (crowd[0], crowd[-1]) == (0, 100)


def test_samples_are_preferred_and_their_want_is_said(run_it: RunIt) -> None:
    made, _ = run_it(contenders='["pipes"]', repeats=1, calls=400)
    table = statistics.frame(made.rows())
    assert all(plot.from_samples for plot in report_percentiles.plots(made, table))
    made.samples_file(key_of(made.rows()[0])).unlink()
    assert "The samples of this run are not beside it" in text_of(report.render(made))


# -- plots


def test_plots_keep_apart_in_one_page_and_bring_no_style_of_their_own(tmp_path: Path) -> None:
    for name in ("latency", "cost"):
        shutil.copy(COMMITTED / "plots" / f"{name}.svg", tmp_path)
    plots, left_out = report_plots.inlined(tmp_path)
    assert [plot.name for plot in plots] == ["latency", "cost"]
    assert not left_out
    assert plots[0].title.startswith("Round-trip latency")
    ids = [each for plot in plots for each in re.findall(r'\sid="([^"]+)"', plot.svg)]
    assert len(ids) == len(set(ids)) > 100
    for plot in plots:
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', plot.svg)) <= set(ids)
        assert "<style" not in plot.svg
        assert "<metadata" not in plot.svg


def test_a_plot_that_could_run_something_or_is_too_large_is_left_out_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, inside in (("good", "<g/>"), ("evil", "<script>alert(1)</script>"), ("large", "<g/>" * 1000)):
        (tmp_path / f"{name}.svg").write_text(f'<svg width="10pt" height="10pt">{inside}</svg>')
    monkeypatch.setattr(report_plots, "LARGEST_BYTES", 2000)
    plots, left_out = report_plots.inlined(tmp_path)
    assert [plot.name for plot in plots] == ["good"]
    assert left_out == ["evil", "large"]
