"""How a run becomes the committed one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scenarios.common.errors import RunError
from scenarios.publish import reference
from scenarios.records.store import FINISHED, RUNNING, Run

COMMITTED = Path(__file__).parents[3] / "results" / "reference"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A copy of the committed run, as if it had just been made."""
    shutil.copytree(COMMITTED, tmp_path / "results" / "made")
    (tmp_path / "results" / "made" / "samples").mkdir()
    return Run(tmp_path / "results" / "made")


def change(run: Run, file: str, **values: object) -> None:
    path = run.folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_publishing_replaces_the_reference_without_samples_and_keeps_the_footprint(run: Run) -> None:
    results = run.folder.parent
    (run.folder / reference.FOOTPRINT).unlink(missing_ok=True)
    (results / "reference").mkdir()
    (results / "reference" / "old.csv").touch()
    for other in reference.OF_OTHER_TOOLS:
        (results / "reference" / other).write_text("kept")
    folder = reference.publish(run, results)
    assert (folder / "cells.csv").read_bytes() == run.cells_file.read_bytes()
    assert all((folder / other).read_text() == "kept" for other in reference.OF_OTHER_TOOLS)
    assert not (folder / "samples").exists()
    assert not (folder / "old.csv").exists()


@pytest.mark.parametrize(
    ("file", "values", "reason"),
    [
        ("run.json", {"state": RUNNING}, "is not finished"),
        ("failures.json", {"a-cell": {}}, "has failed cells: a-cell"),
        ("environment.json", {"git_dirty": True}, "uncommitted changes"),
        ("environment.json", {"resumed": [{}, {"git_dirty": True}]}, "uncommitted changes"),
    ],
)
def test_what_nobody_could_trust_is_not_published(run: Run, file: str, values: dict[str, object], reason: str) -> None:
    if not (run.folder / file).exists():
        (run.folder / file).write_text("{}")
    change(run, file, **values)
    with pytest.raises(RunError, match=reason):
        reference.publish(run, run.folder.parent)


def test_the_committed_run_is_whole() -> None:
    run = Run(COMMITTED)
    assert run.about()["state"] == FINISHED
    assert not run.failures()
    assert not run.environment()["git_dirty"]
    assert {"bytes", "json", "native", "pickle"} == {row["lane"] for row in run.rows()}
