"""What README.md and docs/ say that is written from the reference run and the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scenarios.common.errors import RunError
from scenarios.publish import documents
from scenarios.records.store import Run

ROOT = Path(__file__).parents[3]
REFERENCE = Run(ROOT / "results" / "reference")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the parts are written from and into."""
    for part in documents.PARTS:
        (tmp_path / part.file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part.file, tmp_path / part.file)
    shutil.copytree(ROOT / "tests" / "shm_rpc_bridge", tmp_path / "tests" / "shm_rpc_bridge")
    (tmp_path / "results" / "reference").mkdir(parents=True)
    shutil.copy(REFERENCE.folder / "reliability.csv", tmp_path / "results" / "reference")
    return tmp_path


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    part = documents.Part("some.md", "figures", lambda project, run: "new\n")
    document = "before\n<!-- figures:begin -->\nold\n<!-- figures:end -->\nafter\n"
    once = documents.replaced(document, part, "new\n")
    assert once == "before\n<!-- figures:begin -->\nnew\n<!-- figures:end -->\nafter\n"
    assert documents.replaced(once, part, "new\n") == once
    with pytest.raises(RunError, match=r"some\.md has no <!-- figures:begin -->"):
        documents.replaced("no marks", part, "new\n")


def test_the_committed_documents_are_as_they_would_be_written_now(project: Path) -> None:
    documents.write(project, REFERENCE)
    for part in documents.PARTS:
        assert (project / part.file).read_text() == (ROOT / part.file).read_text(), f"{part.file}: make readme"


def test_the_sentences_in_short_name_the_figures_of_the_reference_run() -> None:
    rows = [row for row in REFERENCE.rows() if row["scenario"] == "full" and row["lane"] == "native"]
    own = sorted(float(row["p50_us"]) for row in rows if row["contender"] == "shm" and row["payload_bytes"] == "100")
    assert f"**{own[len(own) // 2]:.3g} µs** with this library" in documents.in_short(ROOT, REFERENCE)
