"""How long a wait looks before it parks, in numbers: what a budget becomes after waits that went so and so."""

import pytest

from shm_rpc_bridge.budget import FULL, PROBE, ROUND_SECONDS, Budget

SOON, LATE = 50e-6, 5e-3
"""Seconds parked: mostly a wake-up; a method that takes its time."""


def test_an_ordinary_wait_looks_for_60_microseconds_and_a_probe_for_about_150():
    assert pytest.approx(60e-6) == FULL * ROUND_SECONDS
    assert pytest.approx(144e-6) == PROBE * ROUND_SECONDS


def test_waits_that_expire_halve_what_the_next_one_spends_until_nothing_is_left():
    budget = Budget()
    spent = []
    for _ in range(5):
        spent.append(budget.rounds)
        budget.expired()
    assert spent == [10, 5, 2, 1, 0]


def test_long_waits_do_the_same():
    budget = Budget()
    budget.parked(LATE)
    assert budget.rounds == FULL // 2


def test_one_answer_that_is_seen_gives_the_full_budget_back():
    budget = Budget()
    budget.parked(LATE)
    budget.seen(0, crowded=False)
    assert budget.rounds == FULL


def test_a_steady_budget_is_one_that_an_answer_does_not_change():
    budget = Budget()
    assert budget.is_steady
    for change in (budget.expired, lambda: budget.parked(LATE), lambda: budget.seen(0, crowded=True)):
        change()
        assert not budget.is_steady
        budget.seen(0, crowded=False)
        assert budget.is_steady
        assert budget.rounds == FULL


@pytest.mark.parametrize("parked", [SOON, 0.0])
def test_a_short_parked_wait_is_answered_by_a_probe_and_probes_in_vain_become_rare(parked):
    budget = Budget()
    budget.parked(parked)
    assert budget.rounds == PROBE
    probes = 0
    for _ in range(10_000):
        budget.parked(parked)
        probes += budget.rounds == PROBE
    # At gaps of 2, 4, 8, ... 64, and then every 64th wait.
    assert probes == 5 + (10_000 - 2 - 4 - 8 - 16 - 32) // 64


def test_a_wait_of_300_microseconds_was_more_than_wake_ups():
    budget = Budget()
    budget.parked(300e-6)
    assert budget.rounds == FULL // 2


def after(answers, waits_before=100):
    """A budget after answers were seen in these rounds and one more wait was parked. None: one that was, meanwhile."""
    budget = Budget()
    for _ in range(waits_before):
        budget.parked(SOON)
    for round_number in answers:
        if round_number is None:
            budget.parked(SOON)
        else:
            budget.seen(round_number, crowded=False)
    budget.parked(SOON)
    return budget


def test_16_answers_in_a_row_make_the_next_probe_free_again_and_one_late_answer_begins_anew():
    assert after([FULL - 1] * 16).rounds == PROBE
    assert after([FULL - 1] * 15).rounds < PROBE
    assert after([0] * 15 + [FULL] + [0] * 15).rounds < PROBE
    assert after([0] * 15 + [FULL] + [0] * 16).rounds == PROBE
    assert after([0] * 15 + [None] + [0] * 15).rounds < PROBE
    assert after([0] * 16, waits_before=1).rounds == PROBE


def test_a_probe_that_was_free_and_in_vain_makes_the_next_ones_rare_again():
    budget = after([0] * 16)
    spent = []
    for _ in range(2 + 4):
        budget.parked(SOON)
        spent.append(budget.rounds == PROBE)
    assert spent == [False, True, False, False, False, True]


def in_between_probes(usually):
    """A budget that is not due to probe, whose waits are parked for so long."""
    budget = Budget()
    for _ in range(100):
        budget.parked(usually)
    while budget.rounds == PROBE:
        budget.parked(usually)
    return budget


def test_a_wait_that_ends_much_sooner_than_usual_is_looked_back_at():
    """The other side is probing: else both park in turns though both would be fast."""
    budget = in_between_probes(200e-6)
    budget.parked(0.79 * 200e-6)
    assert budget.rounds == PROBE
    budget = in_between_probes(200e-6)
    budget.parked(0.81 * 200e-6)
    assert budget.rounds < PROBE


def in_between_probes_at_random(*waits):
    """The same, whose waits are sometimes so long and sometimes so."""
    budget = Budget()
    for _ in range(40):
        for each in waits:
            budget.parked(each)
    while budget.rounds == PROBE:
        budget.parked(waits[-1])
    return budget


def test_among_waits_that_differ_by_chance_a_short_one_says_nothing_unless_a_probe_would_outlast_most():
    budget = in_between_probes_at_random(90e-6, 290e-6)
    budget.parked(60e-6)
    assert budget.rounds < PROBE
    budget = in_between_probes_at_random(180e-6, 200e-6)
    budget.parked(120e-6)
    assert budget.rounds == PROBE
    budget = in_between_probes_at_random(50e-6, 150e-6)
    budget.parked(60e-6)
    assert budget.rounds == PROBE


def test_one_odd_wait_hardly_changes_what_is_usual():
    budget = in_between_probes(200e-6)
    budget.parked(290e-6)
    budget.parked(175e-6)  # sooner than 0.8 times the last one, not than 0.8 times what is usual
    assert budget.rounds < PROBE


def test_with_all_cores_busy_nobody_looks_back():
    """Those that look would get the answers, and those that park would starve."""
    budget = in_between_probes(200e-6)
    budget.is_crowded = True
    budget.parked(0.5 * 200e-6)
    assert budget.rounds < PROBE
    budget.seen(0, crowded=False)
    budget.parked(0.25 * 200e-6)
    assert budget.rounds == PROBE
    budget.seen(0, crowded=True)
    budget.parked(0.5 * 180e-6)
    assert budget.rounds < PROBE


def test_after_sharing_its_core_a_wait_sleeps_at_once():
    budget = Budget()
    budget.seen(3, crowded=True)
    assert budget.rounds == 0


@pytest.mark.parametrize("parked", [SOON, LATE])
def test_a_budget_of_nothing_stays_one(parked):
    budget = Budget(0)
    for _ in range(100):
        budget.parked(parked)
        assert budget.rounds == 0


# In a process with threads that compute


def test_a_wait_that_may_have_lost_the_gil_is_answered_by_a_probe_however_long_it_was():
    budget = Budget()
    budget.parked(LATE, may_be_gil=True)
    assert budget.rounds == PROBE
    probes = 0
    for _ in range(102):
        budget.parked(LATE, may_be_gil=True)
        probes += budget.rounds == PROBE
    assert probes == 1 + 100 // 4, "at a gap of 2, and then every 4th wait"


def test_a_long_gap_from_before_is_no_reason_to_wait_for_a_probe():
    budget = Budget()
    for _ in range(200):
        budget.parked(SOON)
    budget.parked(LATE, may_be_gil=True)
    assert budget.rounds == PROBE


def test_there_who_shares_a_core_goes_on_looking_instead_of_sleeping_once():
    budget = Budget()
    budget.parked(LATE, may_be_gil=True)
    budget.seen(0, crowded=True)
    assert budget.rounds == FULL
    assert not budget.is_crowded
    budget.parked(LATE)
    budget.seen(0, crowded=True)
    assert (budget.rounds, budget.is_crowded) == (0, True)


def test_a_probe_that_has_brought_an_answer_late_is_followed_by_two_more():
    budget = Budget()
    budget.parked(LATE, may_be_gil=True)
    spent = []
    for _ in range(4):
        budget.seen(FULL, crowded=False)
        spent.append(budget.rounds)
    assert spent == [PROBE, PROBE, FULL, FULL]
    budget.parked(LATE, may_be_gil=True)
    budget.seen(0, crowded=False)
    assert budget.rounds == FULL, "an answer that comes early needs none"
