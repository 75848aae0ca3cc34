"""The report of a run: what is in the page, its figures are test_figures.py's, how it looks and behaves is
test_browser.py's."""

from __future__ import annotations

import csv
import html
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from scenarios.cli.commands import main
from scenarios.common.errors import RunError
from scenarios.plan.cells import key_of
from scenarios.records.store import Run
from scenarios.report import page as module
from scenarios.report import percentiles
from scenarios.report.page import FILE, render, write
from scenarios.statistics import figures
from tests.scenarios.conftest import RunIt

COMMITTED = Path(__file__).parents[3] / "results" / "reference"
Change = Callable[[list[dict[str, str]]], list[dict[str, str]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A part of the committed run, without its plots: small, for it is rendered many times."""
    shutil.copytree(COMMITTED, tmp_path / "run", ignore=shutil.ignore_patterns("plots", FILE))
    names, sizes = ("direct", "shm", "shm-block", "grpc-tcp", "zmq-ipc"), ("1000", "10000")
    return changed(
        Run(tmp_path / "run"),
        lambda rows: [
            row
            for row in rows
            if row["scenario"] == "full"
            and row["lane"] == "native"
            and row["contender"] in names
            and row["payload_bytes"] in sizes
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


def answers(page: str) -> str:
    """The part of a page that answers."""
    return page.split('aria-label="The answer"')[1].split("</section>")[0]


def test_a_measured_run_can_be_reported_with_its_samples(run_it: RunIt) -> None:
    made, _ = run_it(contenders='["plain", "pipes"]', repeats=1, calls=400)
    page = text_of(render(made))
    assert "Use pipes: a call takes" in page
    assert "Of every call: at each percentile the median over repeats" in page
    assert "plain" in page


def test_the_command_writes_a_page_that_names_its_run(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run.folder)]) == 0
    page = (run.folder / FILE).read_text()
    assert str(run.folder / FILE) in capsys.readouterr().out.replace("\n", "")
    assert run.about()["run_id"] in text_of(page)
    assert len(page) < 5_000_000


def test_a_run_without_cells_has_no_report(run: Run) -> None:
    run.cells_file.write_text("")
    with pytest.raises(RunError, match="no finished cell"):
        write(run, Console(quiet=True))


def test_every_contender_setting_and_fact_of_the_environment_is_in_the_page(run: Run) -> None:
    page = text_of(render(run))
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

    page = render(changed(run, rename))
    assert evil not in page
    assert "<b onclick" not in page
    assert html.escape(evil) in page


def test_many_clients_and_offered_load_have_a_section_of_their_own(run: Run) -> None:
    alone = render(run)

    def add(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        some = [row for row in rows if row["contender"] == "shm" and row["payload_bytes"] == "1000"]
        many = [row | {"scenario": "full/clients", "clients": "4", "p50_us": "0.001"} for row in some]
        offered = [
            row | {"scenario": "full/load", "load": "5000/s", "offered_rps": "5000", "skipped": "7", "p50_us": "0.001"}
            for row in some
        ]
        return rows + many + offered

    page = render(changed(run, add))
    assert "Many clients, offered load" not in text_of(alone)
    assert "full/clients, lane native" in text_of(page)
    assert "5,000" in page.split('id="load"')[1].split("</section>")[0]
    # The headline is not touched by them; which phase of the machine is the usual one may be.
    flagged = re.compile(r"\d+ of the \d+ measurements")
    assert flagged.sub("", answers(page)) == flagged.sub("", answers(alone))


def test_a_run_of_many_clients_only_is_reported_without_an_answer(run: Run) -> None:
    page = render(changed(run, lambda rows: [row | {"clients": "2"} for row in rows]))
    assert 'id="question"' not in page
    assert "Many clients, offered load" in text_of(page)


def test_contenders_lanes_and_flags_nobody_knows_are_reported_as_well(run: Run) -> None:
    def strange(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        more = [row | {"contender": "new-ipc", "wait": "psychic"} for row in rows if row["contender"] == "zmq-ipc"]
        lane = [row | {"lane": "arrow", "noise_flags": "eclipse"} for row in rows]
        return rows + more + lane

    page = text_of(render(changed(run, strange)))
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
    page = text_of(render(run))
    assert "the machine was hot." in page
    assert "Of 1 figures: calls come in several speeds" in page
    assert "full, shm, lane native, 1 KB: two speeds, 10 and 90 µs" in page
    assert "Of 1 figures: new-kind." in page


def test_failed_cells_and_what_was_left_out_are_named(run: Run) -> None:
    run.write_json("failures.json", {"a-cell": {"kind": "ClientDied", "reason": "exit code 3"}})
    about = run.about()
    about["scenario"]["left_out"] = ["contender x is not available: pip install x"]
    run.write_json("run.json", about | {"state": "running"})
    page = text_of(render(run))
    assert "a-cell: ClientDied: exit code 3" in page
    assert "1 cells failed" in page
    assert "Not measured: contender x is not available: pip install x." in page
    assert "This run is not complete." in page


def test_samples_are_preferred_and_their_want_is_said(run_it: RunIt) -> None:
    made, _ = run_it(contenders='["pipes"]', repeats=1, calls=400)
    table = figures.frame(made.rows())
    assert all(plot.from_samples for plot in percentiles.plots(made, table))
    made.samples_file(key_of(made.rows()[0])).unlink()
    assert "The samples of this run are not beside it" in text_of(render(made))


# -- plots


def test_plots_are_images_the_most_general_first_and_too_large_ones_are_left_out_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, inside in (("drift", "<g/>"), ("latency_json", "<script>alert(1)</script>"), ("large", "<g/>" * 1000)):
        (tmp_path / f"{name}.svg").write_text(f'<svg width="10pt" height="10pt">{inside}</svg>')
    monkeypatch.setattr(module, "LARGEST_BYTES", 2000)
    plots, left_out = module._plots(tmp_path)
    assert [name for name, _ in plots] == ["latency_json", "drift"]
    assert all(address.startswith("data:image/svg+xml;base64,") for _, address in plots)
    assert left_out == ["large"]
