"""The fault contract: its rows, its tests, its figures and the documents' table agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.publish import reliability

PROJECT = Path(__file__).parents[3]
IDS = [row.id for row in reliability.rows(PROJECT)]


def test_every_row_of_the_contract_has_a_test() -> None:
    assert set(IDS) <= reliability.proofs(PROJECT).keys()


def test_every_mark_and_every_figure_names_a_row() -> None:
    assert len(set(IDS)) == len(IDS)
    assert reliability.proofs(PROJECT).keys() <= set(IDS)
    assert {row["fault"] for row in reliability.figures(PROJECT / "results" / "reference")} <= set(IDS)


def test_the_committed_figures_are_those_of_the_whole_soak() -> None:
    assert {float(row["scale"]) for row in reliability.figures(PROJECT / "results" / "reference")} <= {1.0}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a contract of two rows."""
    tests = tmp_path / reliability.TESTS
    tests.mkdir(parents=True)
    (tests / "faults.toml").write_text(
        """
        [[row]]
        id = "one"
        family = "All"
        fault = "it falls"
        promise = "it gets up"
        [[row]]
        id = "two"
        family = "All"
        fault = "it sleeps"
        promise = "it wakes"
        """
    )
    (tests / "test_a.py").write_text(
        """
import pytest
pytestmark = [pytest.mark.fault("one")]

@pytest.mark.fault("two")
@pytest.mark.parametrize("n", [1, 2])
def test_first(n): ...

def test_second(): ...

def helper(): ...
        """
    )
    figures = tmp_path / "results" / "reference"
    figures.mkdir(parents=True)
    (figures / reliability.FIGURES).write_text(
        "fault,what,value,unit,n,scale,when,commit,machine\n"
        "one,back after,1.234,ms,100,1.0,2026-01-02 03:04,abc,a machine\n"
        "two,naps,7,naps,7,1.0,2026-01-03 03:04,abc,a machine\n"
    )
    return tmp_path


def test_marks_of_a_test_and_of_its_file_are_found(project: Path) -> None:
    file = reliability.TESTS / "test_a.py"
    assert reliability.proofs(project) == {
        "one": {file: ["test_first", "test_second"]},
        "two": {file: ["test_first"]},
    }


def test_the_table_shows_each_row_with_its_tests_and_figures(project: Path) -> None:
    assert reliability.section(project) == (
        "| All | what is seen | tests | measured |\n"
        "|---|---|---|---|\n"
        "| it falls | it gets up | `test_a` 2 | back after: 1.23 ms (of 100) |\n"
        "| it sleeps | it wakes | `test_a` 1 | naps: 7 naps |\n"
        "\n"
        "Measured by `make soak` on a machine · commit abc · 2026-01-02 to 2026-01-03.\n"
    )


def test_a_file_in_a_folder_is_shown_with_it_since_others_have_its_name(project: Path) -> None:
    room = project / reliability.TESTS / "room"
    room.mkdir()
    (room / "test_a.py").write_text('@pytest.mark.fault("two")\ndef test_third(): ...\n')
    assert "| `room/test_a` 1<br>`test_a` 1 |" in reliability.section(project)


def test_before_the_first_soak_nothing_is_claimed(project: Path) -> None:
    (project / "results" / "reference" / reliability.FIGURES).unlink()
    assert "Measured" not in reliability.section(project)
