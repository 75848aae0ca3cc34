"""Every command of the documents works as it is written; what takes minutes is checked without measuring."""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from scenarios.cli.arguments import parser
from scenarios.cli.commands import main
from scenarios.records import store
from scenarios.statistics import figures
from tests.docs.pages import PAGES, ROOT, blocks, commands, is_recorded, is_served, name_of

PATIENCE = 60
PYTHON = ".venv/bin/python"
MEASURING = {"ab", "capacity", "replay", "selftest"}
"""Commands of the harness that take minutes; their arguments are read, no more. Of `run` the plan is made."""
PART = ("noop", "direct", "shm", "mp-pipe", "grpc-uds")
FOR_ALL = [
    pytest.param(page, line, id=f"{name_of(page)}: {line}")
    for page in PAGES
    for line in commands(page)
    if not is_served(line) and not is_recorded(page)
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder after a first run: part of the reference run, to be quick, and a copy as the user's."""
    folder = tmp_path_factory.mktemp("results")
    shutil.copytree(
        ROOT / "results" / "reference", folder / "reference", ignore=shutil.ignore_patterns("*.png", "*.svg")
    )
    cells = folder / "reference" / "cells.csv"
    rows = list(csv.DictReader(cells.read_text().splitlines()))
    kept = [row for row in rows if row["scenario"] == "full" and row["lane"] == "native" and row["contender"] in PART]
    with cells.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(kept)
    shutil.copytree(folder / "reference", folder / "mine")
    (folder / "mine" / "report.html").unlink()
    (folder / "latest").symlink_to("mine")
    return folder


@pytest.mark.parametrize(("page", "command"), FOR_ALL)
def test_a_command_works_as_it_is_written(page: Path, command: str, results: Path, tmp_path: Path) -> None:
    for block in blocks(page, "toml"):
        if block.title:
            (tmp_path / block.title).write_text(block.text.replace("plain-socket", "asyncio-uds"))
    words = shlex.split(command)
    if words[0] == "make":
        make(words, tmp_path, results)
    elif words[0] == "pip":
        said = python(["-m", *words, "--dry-run", "--no-deps", "--ignore-installed"])  # built, but not put in place
        assert "Would install shm-rpc-bridge" in said
    elif words[:3] == [PYTHON, "-m", "scenarios"]:
        harness(words[3:], tmp_path, results)
    elif words[:3] == [PYTHON, "-m", "pytest"]:
        python(
            [*words[1:], "--collect-only", "-k", "mp-pipe"]
        )  # another contender than the page's: that is no file here
    else:
        assert words[0] == PYTHON, f"{command!r} needs a Python that a fresh machine may not have"
        alone = ["--prefix", "nobody-has-this-name"] if "--force" in words else []  # leave other people's things alone
        python([*words[1:], *alone])


def python(arguments: list[str]) -> str:
    """What it prints, in the environment of these tests, which is what .venv is to a reader."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(words: list[str], folder: Path, results: Path) -> None:
    """What is behind the target, which by itself would install, measure or open a window."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        [*words, "--dry-run"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    for line in done.stdout.splitlines():
        if " -m scenarios " in line:
            harness(shlex.split(line.partition(" -m scenarios ")[2]), folder, results)


def harness(arguments: list[str], folder: Path, results: Path) -> None:
    """A command of the harness on the reference run; a page's scenario is in `folder`."""
    given = [str(folder / word) if word.endswith(".toml") else word for word in arguments]
    given = ["reference" if word.startswith("RUN_") else word for word in given]
    asked = parser().parse_args(given)
    if asked.command in MEASURING:
        return
    if asked.command == "run":
        if not asked.resume:
            assert main(["plan", *(given[1:] or ["quick"])]) == 0
        return
    own = [] if asked.command in ("list", "plan") else ["--results", str(results)]
    # 2: a run of a machine with phases has groups of which not even a comparison with itself can tell anything.
    assert main([*given, *own]) in ((0, 2) if asked.command == "compare" else (0,))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["report", "reference"], "remove it first"),  # its curves need the samples, which are not committed
        (["report"], "no run .* but the committed one"),
        (["plots"], "no run .* but the committed one"),
    ],
)
def test_the_committed_run_is_not_changed_in_passing(
    command: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "reference"
    shutil.copytree(ROOT / "results" / "reference", folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main([*command, "--results", str(tmp_path)]) == 2
    assert re.search(reason, capsys.readouterr().err)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_no_command_of_the_documents_writes_into_the_reference_run() -> None:
    writing = re.compile(r"\b(plots|report|run|bench|footprint|soak|reference|publish)\b.*results/reference")
    assert not [line for page in PAGES for line in commands(page) if writing.search(line)]


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(page.read_text() for page in PAGES)
    assert set(re.findall(r"(?:^\$ |`)make ([a-z]+[a-z-]*)", text, re.MULTILINE)) <= targets


def test_the_scenario_of_ones_own_runs(tmp_path: Path) -> None:
    """Measured as it stands in the guide, with fewer calls."""
    (block,) = blocks(ROOT / "docs" / "benchmark" / "guide.md", "toml")
    scenario = block.text.replace("calls = 2000", "calls = 30").replace("repeats = 3", "repeats = 1")
    assert scenario.count("calls = 30") == scenario.count("repeats = 1") == 1
    (tmp_path / "mine.toml").write_text(scenario)
    assert main(["run", str(tmp_path / "mine.toml"), "--results", str(tmp_path / "results")]) == 0
    latest = store.find(tmp_path / "results", None)
    assert len(figures.chosen(latest.rows())) == 6  # and any that were disturbed, once more
    assert list(latest.plots_folder.glob("*.png"))
    assert (latest.folder / "report.html").exists()


def options_of(page: str) -> Iterable[str]:
    return re.findall(r"`([^`]+)`", (ROOT / "docs" / page).read_text())


def test_every_command_and_option_of_the_harness_is_on_the_options_page() -> None:
    words = {word for text in options_of("benchmark/options.md") for word in text.split()}
    whole = parser()
    (commands_of,) = [action for action in whole._actions if action.choices]
    choices: dict[str, Any] = dict(commands_of.choices or {})
    missing = {name for name in choices if name not in words}
    for command in choices.values():
        missing |= {
            option for action in command._actions for option in action.option_strings if option[:2] == "--"
        } - words
    assert missing == {"--help"} - words


def test_every_key_of_a_scenario_is_on_the_options_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "wrong.toml"
    scenario.write_text('nonsense = 1\n[[cells]]\nlanes = ["json"]\nnonsense = 1\n')
    assert main(["plan", str(scenario)]) == 2
    lists = re.findall(r"unknown key; (?:did you mean .*\? )?allowed: (.+)", capsys.readouterr().err)
    assert len(lists) == 2
    assert {key for line in lists for key in line.split(", ")} <= set(options_of("benchmark/options.md")) | {"cells"}
