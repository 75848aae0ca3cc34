"""Whose time a call's is, from a recording whose times are made up."""

import os
from pathlib import Path

import pytest

from scenarios.common.errors import RunError
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


def test_calls_that_were_not_kept_count_as_those_that_were(tmp_path: Path) -> None:
    """Of the inner function a half was kept: its time is taken twice from that of its caller."""
    calls = [
        Made("web:page", duration_us=1000.0, cpu_us=1000.0, request=sizes(10), response=sizes(10)),
        Made("store:read", duration_us=200.0, cpu_us=200.0, parent=1, request=sizes(10), response=sizes(10)),
    ]
    recording = read(str(write(tmp_path / "calls.rec", calls, totals={"store:read": (2, 400e-6)})))
    recording.settings["package"] = "shop"
    found = {each.callee: each for each in passages.of_recording(recording).passages}
    assert (found["store"].calls, found["store"].total_bytes) == (2, 40)
    assert found["store"].own_seconds == pytest.approx(400e-6)
    assert found["web"].own_seconds == pytest.approx(600e-6)


def test_another_users_recording_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "calls.rec", [Made("web:page")])
    owner = path.stat().st_uid
    if owner == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(RunError, match="read it with trust=True"):
        passages.read(str(path))
