"""Imports go one way, as the contracts in pyproject.toml say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


SCENARIOS = ROOT / "scenarios"
_IMPORTED = re.compile(r"^ *(?:from|import) scenarios\.(\w+)|^ *from scenarios import (\w+)", re.MULTILINE)
_SAID = re.compile(r"Imports ([^.;]*)")


@pytest.mark.parametrize("room", sorted(file.parent.name for file in SCENARIOS.glob("*/__init__.py")))
def test_a_room_says_what_it_imports(room):
    files = [file.read_text() for file in (SCENARIOS / room).rglob("*.py")]
    imported = {one or other for text in files for one, other in _IMPORTED.findall(text)} - {room}
    said = (SCENARIOS / room / "__init__.py").read_text()
    if room == "cli":
        assert "May import every other room" in said
        return
    named = set(re.findall(r"`(\w+)`", _SAID.search(said)[1]))
    assert named == imported, f"{room} imports {sorted(imported)}"


def test_every_room_is_drawn():
    rooms = {file.parent.name for file in SCENARIOS.glob("*/__init__.py")}
    drawn = (SCENARIOS / "__init__.py").read_text().partition("===")[2]
    assert set(re.findall(r"`(\w+)`", drawn)) - {"definitions"} == rooms


def test_imports_go_one_way():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
