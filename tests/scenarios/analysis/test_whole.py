"""Notebook 5 shows the program by contender, and the picture of the page, of the committed replay and of others."""

import json
from pathlib import Path

import pytest

from scenarios.analysis import whole
from scenarios.analysis.notebook import Picture, Prose
from scenarios.tables import of_replay

MONOLITH = Path(__file__).parents[3] / "results" / "reference" / "monolith"


def test_the_program_has_a_line_for_each_contender_of_the_replay() -> None:
    text = whole.programs(MONOLITH).text
    found = of_replay.read(MONOLITH, of_replay.REPLAY)
    assert [line.split(" | ")[0].strip("| ") for line in text.splitlines()[2:] if line.startswith("|")] == [
        each["contender"] for each in found["program"]
    ]
    assert "with 4 callers in parallel and 2 workers" in text


def test_the_picture_is_the_one_that_is_committed() -> None:
    drawn = whole.shares(MONOLITH)
    assert isinstance(drawn, Picture)
    assert drawn.sheet.svg() == (MONOLITH / "replay.svg").read_bytes()


@pytest.mark.parametrize("shown", [whole.programs, whole.shares])
def test_a_replay_of_nothing_says_so(shown: object, tmp_path: Path) -> None:
    found = {"functions": [], "program": [], "options": {"callers": 1, "workers": 1}, "environment": {}}
    found["environment"] = of_replay.read(MONOLITH, of_replay.REPLAY)["environment"]
    (tmp_path / of_replay.REPLAY).write_text(json.dumps(found))
    said = shown(tmp_path)  # type: ignore[operator]
    assert isinstance(said, Prose)
    assert "could be replayed" in said.text
