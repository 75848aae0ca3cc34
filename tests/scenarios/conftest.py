"""What the tests of the harness share: scenario files in a temporary folder, and a run of the fakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from scenarios.analysis.notebook import OpenedRun
from scenarios.plan import scenario_files
from scenarios.records import environment
from scenarios.records.store import Run
from scenarios.running import runner
from scenarios.running.yardsticks import Reading, Yardsticks
from tests.scenarios import shown
from tests.scenarios.fakes import CATALOGUE
from tests.scenarios.twenty import rows

SMALL = """
repeats = {repeats}
seed = 5
time_limit_s = {limit}
reruns = {reruns}

[[cells]]
lanes = {lanes}
contenders = {contenders}
payload_sizes = [100, "1KB"]
calls = {calls}
warmup_calls = 5
seconds = 5
"""

Write = Callable[..., Path]
RunIt = Callable[..., tuple[Run, int]]


@pytest.fixture(autouse=True)
def _the_code_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may edit or commit while the tests run: runs are resumed all the same."""
    same = tuple(name for name in environment.SAME if name not in environment.CODE)
    monkeypatch.setattr(environment, "SAME", same)


@pytest.fixture(autouse=True)
def _a_width_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as the tests say, not as the terminal they are started from."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def still_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yardsticks that are always the same, for tests that compare what runs contain."""
    monkeypatch.setattr(Yardsticks, "of_block", lambda self: Reading(0.5, 0.25))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a small scenario file: ``write(contenders=["plain"], repeats=2, ...)``, or ``write(text)``."""

    def make(text: str = SMALL, name: str = "small", **values: object) -> Path:
        path = tmp_path / f"{name}.toml"
        if text is SMALL:
            defaults = {
                "repeats": 1,
                "limit": 30,
                "lanes": '["json"]',
                "contenders": '["plain"]',
                "calls": 40,
                "reruns": 0,
            }
            text = SMALL.format(**defaults | values)
        path.write_text(text)
        return path

    return make


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Where runs go."""
    return tmp_path / "results"


@pytest.fixture
def run_it(write: Write, results: Path) -> RunIt:
    """Write a small scenario and measure it for good: the run, and how many cells failed."""

    def measure(**values: object) -> tuple[Run, int]:
        scenario = scenario_files.read(write(**values), CATALOGUE)
        run = runner.begin(scenario, CATALOGUE, results)
        return run, runner.measure(run, scenario, CATALOGUE, Console(quiet=True))

    return measure


@pytest.fixture(scope="session")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> OpenedRun:
    """The run of :mod:`tests.scenarios.twenty`."""
    return shown.opened(tmp_path_factory.mktemp("twenty"), rows())
