"""Whose time a call's is, from a recording whose times are made up."""

from pathlib import Path

import pytest

from scenarios.cuts import passages
from shm_rpc_bridge.record import read
from tests.scenarios.replay.recordings import UNKNOWN, Made, sizes, write


def test_a_module_is_on_a_cpu_for_no_longer_than_it_runs(tmp_path: Path) -> None:
    """CPU time is known of some calls, and a share of the others': such shares of a call and of one inside it need not
    agree."""
    inside = [
        Made("web:page", duration_us=1000.0, cpu_us=900.0),
        Made("store:read", duration_us=800.0, cpu_us=80.0, parent=1),
    ]
    recording = read(str(write(tmp_path / "calls.rec", inside)))
    recording.settings["package"] = "shop"
    found = {each.callee: each for each in passages.of_recording(recording).passages}
    assert found["web"].own_seconds == pytest.approx(200e-6)
    assert found["web"].own_cpu_seconds == pytest.approx(200e-6)
    assert found["store"].own_cpu_seconds == pytest.approx(80e-6)


def test_a_call_whose_size_was_not_looked_at_is_like_the_mean_of_the_others(tmp_path: Path) -> None:
    """So that all of them add up; and it travels beside, as they do."""
    calls = [Made("images:fit", request=sizes(100, beside), response=sizes(10)) for beside in (8_000, 12_000)]
    calls.append(Made("images:fit", request=UNKNOWN, response=UNKNOWN))
    recording = read(str(write(tmp_path / "calls.rec", calls)))
    recording.settings["package"] = "shop"
    found = passages.of_recording(recording).passages
    assert all(each.is_beside for each in found)
    assert sum(each.calls for each in found) == 3
    assert sum(each.total_bytes for each in found) == 3 * (10_100 + 10)
