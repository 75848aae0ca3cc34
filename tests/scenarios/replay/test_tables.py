"""The program's lines are the same for a study and for the file it left."""

import math

import pytest

from scenarios.common.units import BLANK
from scenarios.tables import of_replay

FOUND = {
    "contender": "shm",
    "functions": 2,
    "calls": 1010,
    "today_seconds": 10.0,
    "added_seconds": 0.02,
    "leaves_cpu_seconds": None,
}


@pytest.mark.parametrize("unknown", [{}, {"at_most": None}, {"at_most": math.nan}])
def test_one_caller_and_one_worker_have_no_column_for_how_much_more_could_be_done(unknown: dict[str, float]) -> None:
    headings, (line,) = of_replay.programs([FOUND | unknown])
    assert tuple(headings) == of_replay.PROGRAM
    assert line == ["shm", "2", "1,010", "10.0 s", "10.0 s", "20.0 ms", "0.20%", BLANK]


def test_how_much_more_the_program_could_do_stands_in_its_line() -> None:
    headings, (line, other) = of_replay.programs([FOUND | {"at_most": 1.254}, FOUND | {"at_most": None}])
    assert (headings[-1], line[-1], other[-1]) == ("at most", "1.25x", BLANK)
