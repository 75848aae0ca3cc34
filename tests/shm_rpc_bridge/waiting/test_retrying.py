"""Timeouts and strategies that are none are refused; what is not there yet is tried again until the deadline."""

import math

import pytest

from shm_rpc_bridge.waiting import deadline_after, retry_until, validated_strategy, validated_timeout


@pytest.mark.parametrize("timeout", [-1, -1e-9, math.nan, math.inf, 1e9 + 0.5])
def test_a_timeout_that_is_no_time_is_refused_with_its_name_and_the_limits(timeout):
    for refusing in (deadline_after, validated_timeout):
        with pytest.raises(ValueError, match=rf"^patience must be 0 to 1e\+09 seconds, or None .* not {timeout}$"):
            refusing(timeout, "patience")


@pytest.mark.parametrize("timeout", ["1", True, [1]])
def test_a_timeout_that_is_no_number_is_refused_with_its_name(timeout):
    kind = type(timeout).__name__
    with pytest.raises(TypeError, match=f"^patience must be a number of seconds or None, not {kind}$"):
        validated_timeout(timeout, "patience")


@pytest.mark.parametrize("timeout", [None, 0, 0.0, 1, 2.5])
def test_a_timeout_in_order_is_kept_as_it_is(timeout):
    assert validated_timeout(timeout) is timeout


def test_a_strategy_that_there_is_not_is_refused_with_those_that_there_are():
    assert [validated_strategy(each) for each in ("adaptive", "block", "spin")] == ["adaptive", "block", "spin"]
    with pytest.raises(ValueError, match=r"^wait must be one of 'adaptive', 'block', 'spin', not 'sleep'$"):
        validated_strategy("sleep")


class NotYet(Exception):
    pass


@pytest.fixture
def naps(clock, monkeypatch):
    """How long each sleep between attempts was; the clock goes on by that."""
    naps = []

    def nap(seconds):
        naps.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("shm_rpc_bridge.waiting.sleep", nap)
    return naps


def failing(times, error):
    left = [error] * times

    def attempt():
        if left:
            raise left.pop()
        return "there"

    return attempt


def test_what_is_not_there_yet_is_tried_again_at_growing_intervals_of_at_most_50_ms(naps):
    assert retry_until(10.0, NotYet, failing(9, NotYet)) == "there"
    assert naps == [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.05, 0.05, 0.05]


def test_what_is_there_at_once_or_fails_otherwise_is_not_tried_again(naps):
    assert retry_until(10.0, NotYet, failing(0, NotYet)) == "there"
    with pytest.raises(KeyError):
        retry_until(10.0, NotYet, failing(1, KeyError))
    assert naps == []


def test_the_last_attempt_is_at_the_deadline_and_not_later(naps, clock):
    with pytest.raises(NotYet):
        retry_until(0.1, NotYet, failing(99, NotYet))
    assert clock[0] == pytest.approx(0.1)
    assert naps[-1] == pytest.approx(0.1 - 0.063)
    clock[0] = 5.0
    with pytest.raises(NotYet):
        retry_until(5.0, NotYet, failing(1, NotYet))
