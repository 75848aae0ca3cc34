"""Circumstances that a cell does not say are found and named: real processes, real pages."""

from __future__ import annotations

import pytest

from scenarios.measuring import noise
from scenarios.selftest import mechanisms
from scenarios.statistics import caveats, where


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanisms, "SECONDS", 0.2)


@pytest.mark.parametrize("check", [mechanisms.burner, mechanisms.pinned_pair, mechanisms.worn_heap, mechanisms.phase])
def test_what_was_done_to_a_cell_is_found(check) -> None:  # type: ignore[no-untyped-def]
    outcome = check()
    assert outcome.passed, outcome


def test_a_harness_that_sees_no_burners_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "flags", lambda *arguments, **options: ())
    assert not mechanisms.burner().passed


def test_a_harness_that_names_no_page_faults_fails_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    if "not named" in mechanisms.worn_heap().found:
        pytest.skip("this machine's allocator keeps what is freed")
    monkeypatch.setattr(where, "caveats", lambda *arguments: [])
    assert not mechanisms.worn_heap().passed


def test_a_harness_that_does_not_name_what_one_cpu_makes_of_a_call_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, "TENTH", 0.0)  # of any machine, whatever one CPU and two make of a call there
    assert mechanisms.pinned_pair().passed
    monkeypatch.setattr(where, "caveats", lambda *arguments: [])
    assert not mechanisms.pinned_pair().passed


def test_a_harness_that_warns_of_no_phase_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caveats, "find", lambda run: [])
    assert not mechanisms.phase().passed
