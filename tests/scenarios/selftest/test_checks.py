"""The harness measured by itself: real processes, the real loops, differences that are large beside any noise."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from scenarios.running import session
from scenarios.running.combine import Measurement
from scenarios.selftest import checks
from scenarios.selftest.checks import STOP_MS, STOP_RATE, Outcome


def test_a_known_delay_is_measured_as_it_was_taken() -> None:
    """Each call is timed by its caller, too: a machine that is late is late for both."""
    outcome = checks.known_delay()
    assert outcome.passed, outcome


def test_a_harness_that_measures_another_time_than_the_calls_took_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = session.run_cell

    def late(*arguments: Any) -> Measurement:
        found = measured(*arguments)
        return dataclasses.replace(found, latency_ns=found.latency_ns * 11 // 10)

    monkeypatch.setattr(checks, "DELAY_CALLS", 30)
    monkeypatch.setattr(session, "run_cell", late)
    assert not checks.known_delay().passed


def test_a_stopped_server_is_charged_with_every_call_it_kept_waiting() -> None:
    """Count latency from the actual send in `combine` and one call is late: the one that was on its way."""
    found = checks.stopped(checks.Undelayed, f"{STOP_RATE}/s-constant")
    assert found.service_ns is not None
    assert found.latency_ns.max() >= 0.9 * STOP_MS * 1e6
    # Of 50 calls that fell due meanwhile, half waited for half of it or longer.
    assert checks.late_calls(found) >= 0.9 * STOP_RATE * STOP_MS / 1000 / 2
    assert np.sum(found.service_ns >= STOP_MS / 2 * 1e6) < 0.2 * checks.late_calls(found)
    assert found.skipped == 0
    # The dispatcher says of itself how late it was where the caller was free, and was not late with all the rest.
    lateness = found.lateness_us(0.5)
    assert lateness is not None
    assert lateness * 1000 < found.latency_ns.max()


@pytest.mark.parametrize("passes", [True, False])
def test_a_check_that_fails_fails_the_self_test(
    passes: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "CHECKS", [lambda: Outcome("a check", passes, "found this", "wanted that")])
    monkeypatch.setattr(checks, "same_twice", lambda results: Outcome("A/A", True, "", ""))
    assert checks.run(tmp_path, Console(width=100)) is passes
    shown = capsys.readouterr().out
    assert ("passed" if passes else "failed") in shown
    assert "found this" in shown
