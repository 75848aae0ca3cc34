"""Sizes: of each value where that is quickly found out, of some where it is not; and what in them cannot travel."""

import threading
from decimal import Decimal
from random import Random

import pytest

from shm_rpc_bridge.record import NOT_PICKLED, encoder, payloads, record
from shm_rpc_bridge.record.encoder import ALLOWED_NS, NOT_LOOKED_AT, Encoder
from shm_rpc_bridge.record.writer import Queue

from .programs import Program

CALLS = 100_000


class Clock:
    """Goes on by what a size takes to find out, and by what a call takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = self.looking_ns = 0
        monkeypatch.setattr(encoder, "clock", lambda: self.now_ns)
        monkeypatch.setattr(payloads, "sizes", self._sizes)
        monkeypatch.setattr(encoder, "random", Random(1).random)

    def _sizes(self, takes_ns: int) -> int:
        self.now_ns += takes_ns
        self.looking_ns += takes_ns
        return takes_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def new() -> Encoder:
    made = Encoder()
    made.attach(Queue(payloads.sizes, 1), None)
    return made


@pytest.mark.parametrize("takes_ns", [900, 4_000, 70_000, 5_000_000])
def test_to_find_out_sizes_takes_a_quarter_of_a_microsecond_of_a_quick_call_in_the_mean(
    clock: Clock, takes_ns: int
) -> None:
    encode = new()
    for _ in range(CALLS):
        encode(takes_ns)
        clock.now_ns += 200
    assert 0 < clock.looking_ns <= 1.2 * CALLS * ALLOWED_NS + 15 * takes_ns


def test_every_size_that_is_quickly_found_out_is(clock: Clock) -> None:
    encode = new()
    assert [encode(each) for each in [240] * 100] == [240] * 100


@pytest.mark.parametrize("takes_ns", [4_000, 5_000_000])
def test_the_sizes_of_slow_calls_are_all_found_out(clock: Clock, takes_ns: int) -> None:
    encode = new()
    for _ in range(100):
        assert encode(takes_ns) == takes_ns
        clock.now_ns += 500 * takes_ns


def test_sizes_that_are_found_out_are_those_of_all_calls_in_the_mean(clock: Clock) -> None:
    """Whether a value is looked at depends on how long those before took, and on chance, as calls come in turns."""
    encode = new()
    sizes = [3_000, 3_000, 3_000, 90_000]
    seen = [encode(sizes[place % 4]) for place in range(400_000)]
    known = [size for size in seen if size != NOT_LOOKED_AT]
    assert len(known) > 2_000
    assert sum(known) / len(known) == pytest.approx(sum(sizes) / len(sizes), rel=0.2)


def test_a_call_whose_size_was_not_found_out_says_so(program: Program) -> None:
    module = program.module("sized", "def f(value): return value")
    with record("sized:f", output=program.output, payloads="sizes"):
        for _ in range(1_000):
            module.f([Decimal(1)] * 100)
    sizes = [call.request.pickle_bytes for call in program.recording().calls]
    assert max(sizes) > 200
    assert sizes.count(NOT_LOOKED_AT) > 500


def test_shapes_are_known_of_every_call_and_so_are_sizes(program: Program) -> None:
    module = program.module("shaped", "def f(value): return [value]")
    with record("shaped:f", output=program.output, payloads="shapes"):
        for number in range(1_000):
            module.f("x" * number if number % 2 else [Decimal(number)] * 100)
    calls = program.recording().calls
    assert len(calls) > 950
    for call in calls:
        word = call.response.shape[len("list of 1(") : -1]
        assert call.response.shape == f"list of 1({word})"
        assert call.request.shape == f"tuple of 2(tuple of 1({word}), dict of 0{{}})"
        if word == "list of 100 Decimal":
            assert call.response.pickle_bytes > 200
        else:
            assert word == f"str of {call.response.json_bytes - 4}"


def test_what_cannot_be_pickled_is_said_with_its_place_and_without_a_key(program: Program) -> None:
    module = program.module("refusing", "def f(value, other): return other")
    with record("refusing:f", output=program.output, payloads="sizes"):
        module.f(Decimal(1), {"name of a customer": [Decimal(1), threading.Lock()]})
    (call,) = program.recording().calls
    assert call.request.shape.endswith(f"{NOT_PICKLED}: TypeError at [0][1][...][1]")
    assert call.response.shape.endswith(f"{NOT_PICKLED}: TypeError at [...][1]")
