"""What someone meets who types the commands for the first time: another Python, a folder of others, 80 columns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from contenders import registry
from contenders.registry import ContenderUnavailable
from scenarios.cli import verdict
from scenarios.cli.commands import main
from scenarios.plots import pictures
from scenarios.report import page
from scenarios.statistics import caveats, figures
from tests.scenarios.rows import repeats, run_of

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_python_without_the_harness_modules_is_told_where_there_is_one_with_them(form: str) -> None:
    command = ["-m", "scenarios", "advise", "--payload", "20KB", "--errors", form]
    done = subprocess.run([sys.executable, "-S", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f".venv/bin/python {' '.join(command)}" in done.stderr
    assert done.stderr.startswith("{") == (form == "json")


@pytest.mark.parametrize("command", ["run", "capacity", "selftest"])
def test_a_results_folder_that_cannot_be_written_is_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenarios.selftest.checks.CHECKS", [])
    (tmp_path / "taken").touch()
    for results in (tmp_path / "taken", tmp_path / "taken" / "below", Path("/proc/nothing")):
        assert main([command, "--results", str(results)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"cannot write {results}: ")
        assert "--results" in said
        assert said.count("\n") == 1


def test_a_file_of_a_run_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(tmp_path / "run", repeats("shm", [10, 11, 12], server_cpu_us_per_call=1))
    run.plots_folder.touch()
    assert main(["plots", str(run.folder)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("cannot write ")
    assert said.count("\n") == 1


def test_a_run_of_too_few_calls_for_a_median_has_pictures_a_page_and_says_what_it_takes(tmp_path: Path) -> None:
    """Its pictures ended in a traceback, and there was no page."""
    rows = [row for name in ("shm", "direct") for row in repeats(name, ["", ""], calls=10, calls_per_s=100, skipped=0)]
    run = run_of(tmp_path / "run", rows)
    caveats.write(run)
    console = Console(width=80, record=True)
    assert [picture.stem for picture in pictures.draw(run, console)] == ["drift"]
    assert "too few calls for a median (10; 20 are needed)" in page.write(run, console).read_text()
    verdict.show(run, console)
    assert "No medians: a cell needs 20 calls for one; give more `calls`." in console.export_text()


def test_list_has_a_sentence_on_every_contender(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    for name in registry.names():
        assert f" {name} {_said_of(name)}" in words
    assert max(map(len, shown.splitlines())) <= 80


def _said_of(name: str) -> str:
    try:
        return registry.load(name).summary
    except ContenderUnavailable as error:
        return f"not available: {error.remedy}"


def _ended(tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]) -> str:
    rows = [
        *repeats("direct", [0.2] * 3),
        *repeats("shm", [10.0] * 3, server_cpu_us_per_call=1),
        *repeats("ring", [10.5] * 3, server_cpu_us_per_call=1),
        *repeats("pipe", [50.0] * 3, server_cpu_us_per_call=1),
    ]
    for row, flag in zip(rows, flags, strict=False):
        row["noise_flags"] = flag
    verdict.show(run_of(tmp_path / "run", rows), Console(width=80))
    shown = capsys.readouterr().out
    paths = ("pictures: ", "report: ")  # that can be copied
    assert max(len(line) for line in shown.splitlines() if not line.startswith(paths)) <= 80
    return " ".join(shown.split())


def test_a_run_ends_with_what_is_fastest_for_what_and_where_its_pictures_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = _ended(tmp_path, capsys, ())
    assert "100 B, lane json: shm 10.0 µs, ring 10.5 µs; then pipe 50.0 µs" in shown
    assert "plots" in shown
    assert "report.html" in shown
    assert "disturbed" not in shown


def test_a_run_on_a_busy_machine_ends_with_a_warning_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = _ended(tmp_path, capsys, ("steal",) * 12)
    assert "can't be trusted: 12 of 12 measurements were disturbed (steal)" in shown
    assert shown.endswith("measure again: make bench")


def test_a_few_disturbances_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = _ended(tmp_path, capsys, ("queue", "steal"))
    assert "2 of 12 measurements were disturbed (queue, steal)" in shown
    assert "trusted" not in shown


def test_a_contender_that_calls_no_other_process_is_never_the_fastest() -> None:
    lines = figures.summary(figures.frame(repeats("direct", [0.2] * 3)))
    assert verdict.fastest(lines) == []


def test_contenders_are_the_fastest_among_those_that_did_the_same() -> None:
    """A sum and a look at one item are two scenarios, of the same size and lane."""
    rows = [
        *repeats("shm", [10.0] * 3, scenario="first", server_cpu_us_per_call=1),
        *repeats("pipe", [50.0] * 3, scenario="first", server_cpu_us_per_call=1),
        *repeats("shm", [400.0] * 3, scenario="total", server_cpu_us_per_call=1),
        *repeats("pipe", [300.0] * 3, scenario="total", server_cpu_us_per_call=1),
    ]
    assert verdict.fastest(figures.summary(figures.frame(rows))) == [
        "first, 100 B, lane json: shm 10.0 µs; then pipe 50.0 µs",
        "total, 100 B, lane json: pipe 300 µs; then shm 400 µs",
    ]
