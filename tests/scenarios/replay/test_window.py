"""The recorded rhythm is a contiguous part of the recording, with as many callers as overlapped in it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from scenarios.replay import recorded, window
from scenarios.replay.cargo import Cargo, Case
from scenarios.replay.recorded import Call
from tests.scenarios.replay.recordings import Made, write


def calls(path: Path, *made: tuple[float, float]) -> tuple[Call, ...]:
    """Starts and durations in µs."""
    each = [Made("quote", start_us=start, duration_us=duration) for start, duration in made]
    return recorded.opened(write(path / "calls.rec", each)).calls


def case(function: str, start_us: float) -> Case:
    return Case(function, b"", b"", 0, 0, round(start_us * 1000), 0)


def test_the_part_with_most_calls_is_taken(tmp_path: Path) -> None:
    found = calls(tmp_path, (0, 1), (10, 1), (1000, 1), (1010, 1), (1020, 1), (5000, 1))
    assert [call.start_ns for call in window.busiest(found, 50e-6)] == [1_000_000, 1_010_000, 1_020_000]
    assert len(window.busiest(found, 1.0)) == 6
    assert list(window.busiest((), 1.0)) == []


def test_overlapping_calls_are_counted_at_their_most(tmp_path: Path) -> None:
    assert window.overlapping(calls(tmp_path, (0, 10), (5, 10), (9, 1), (20, 5), (25, 5))) == 3
    assert window.overlapping(calls(tmp_path, (0, 10), (10, 10))) == 1
    assert window.overlapping(()) == 0


def test_each_call_is_made_with_its_own_values_or_with_those_of_others_in_turn(tmp_path: Path) -> None:
    found = calls(tmp_path, (100, 1), (110, 1), (120, 1), (130, 1))
    name = found[0].function
    cargo = Cargo((case("other", 100), case(name, 120), case(name, 500)))
    rhythm = window.rhythm(found, cargo, [name])
    assert rhythm.scheduled == ((0, 1), (10_000, 2), (20_000, 1), (30_000, 1))
    assert rhythm.callers == 1


def test_who_takes_one_client_has_one_caller(tmp_path: Path) -> None:
    found = calls(tmp_path, (0, 10), (5, 10))
    cargo = Cargo((case(found[0].function, 0),))
    assert window.rhythm(found, cargo, [found[0].function]).callers == 2
    assert window.rhythm(found, cargo, [found[0].function], one_caller=True).callers == 1
    assert window.rhythm(found, Cargo(()), [found[0].function]).scheduled == ()


def test_every_burst_is_made_in_one_way_and_in_the_next_turn_in_the_other() -> None:
    ms = 1_000_000
    due = [0, 1, 2, 5, 6, 10] + [20 + 1.5 * number for number in range(60)]
    scheduled = [(round(each * ms), 0) for each in due]
    first, second = window.in_turn(scheduled, 0), window.in_turn(scheduled, 1)
    assert first[:6] == (False, False, False, True, True, False)
    assert [not each for each in first] == list(second)
    changes = sum(one != other for one, other in pairwise(first[6:]))
    assert changes == 1, "none of 90 ms without a pause lasts longer than 50"
