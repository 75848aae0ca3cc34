"""A contender of another package: installed, found by its entry point, measured by the real runner."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from contenders.registry import ENTRY_POINT_GROUP
from tests.docs.pages import blocks

ROOT = Path(__file__).parents[2]

PAGE = ROOT / "docs" / "benchmark" / "contender.md"
"""It builds a contender step by step; what it shows is what is tested here."""


def shown(language: str, title: str = "") -> str:
    """A block of the page."""
    (text,) = (block.text for block in blocks(PAGE, language) if block.title == title)
    return text


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the package in it as an installer leaves it."""
    site = tmp_path / "site"
    about = site / "plain_socket-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "plain_socket.py").write_text(shown("python", "plain_socket.py"))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plain-socket\nVersion: 1.0\n")
    groups = tomllib.loads(shown("toml"))["project"]["entry-points"]
    lines = [f"{name} = {target}" for name, target in groups[ENTRY_POINT_GROUP].items()]
    (about / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINT_GROUP}]", *lines, ""]))
    return site


def run(site: Path, *arguments: str, root: Path = ROOT) -> None:
    """A module of the project in `root`, with what is in `site` installed."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{root}"},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_contender_written_by_the_documents_keeps_every_promise(site: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    run(site, "pytest", "tests/contenders/conformance", "-k", "plain-socket", f"--junit-xml={report}")
    (counts,) = re.findall(r'<testsuite [^>]*skipped="(\d+)" tests="(\d+)"', report.read_text())
    skipped, tests = map(int, counts)
    assert tests - skipped > 15


def test_an_installed_package_is_measured_beside_the_others(site: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "mine.toml"
    quick = {"repeats = 3": "repeats = 1", "calls = 2000": "calls = 50\nwarmup_calls = 5"}
    text = shown("toml", "mine.toml")
    for before, after in quick.items():
        assert before in text
        text = text.replace(before, after)
    scenario.write_text(text)
    part = ["--only", "payload=100B"]
    run(site, "scenarios", "run", str(scenario), *part, "--results", str(tmp_path / "results"))
    latest = tmp_path / "results" / "latest"
    rows = list(csv.DictReader((latest / "cells.csv").read_text().splitlines()))
    own = [row for row in rows if row["contender"] == "plain-socket"]
    assert {row["lane"] for row in own} == {"bytes", "json"}
    assert {row["contender"] for row in rows} > {"plain-socket"}
    assert all(row["verified"] == row["calls"] == "50" and float(row["p50_us"]) > 0 for row in own)
    settings = json.loads((latest / "environment.json").read_text())["settings"]
    assert settings["plain-socket"]["json"]["codec"] == "orjson"


def test_one_file_and_one_line_add_a_contender_to_the_repository(tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    # All that is compiled is as good for the copy; what is being compiled by another process is not.
    shutil.copytree(ROOT / "contenders", copy / "contenders", ignore=shutil.ignore_patterns("*.pyc.*"))
    for part in ("scenarios", "shm_rpc_bridge", "tests", "docs", "results", "pyproject.toml", "README.md"):
        (copy / part).symlink_to(ROOT / part)
    (copy / "contenders" / "plain_socket.py").write_text(shown("python", "plain_socket.py"))
    listed = copy / "contenders" / "registry.py"
    last = '}\n"""``module:Class``'
    text = listed.read_text()
    assert text.count(last) == 1
    listed.write_text(text.replace(last, f'    "plain-socket": "contenders.plain_socket:PlainSocket",\n{last}'))
    tests = ["tests/contenders/test_registry.py", "tests/contenders/conformance"]
    report = tmp_path / "report.xml"
    run(copy, "pytest", *tests, "-k", "plain-socket or registry", f"--junit-xml={report}", root=copy)
    names = re.findall(r'testcase [^>]*name="([^"]*)"', report.read_text())
    assert sum("plain-socket" in name for name in names) > 15
