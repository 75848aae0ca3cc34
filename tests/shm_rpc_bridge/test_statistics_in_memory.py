"""How figures stand in memory: what is written is read, and whatever else stands there is numbers and text."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import codec as codecs
from shm_rpc_bridge import layout, statistics
from shm_rpc_bridge.statistics import BUCKETS, OTHERS, Totals, bucket_of, no_figures

pytest.importorskip("msgspec")


SLOTS = 3


def memory(methods=0):
    return bytearray(layout.control_size(SLOTS, methods))


def read(segment, methods=0, now=0):
    return statistics.read(segment, SLOTS, methods, "json", now)


def figures(calls, *, ns=1000, longest=2000):
    found = no_figures()
    found[:6] = calls, 1, ns, longest, 10, 20
    found[6 + bucket_of(longest)] = calls
    return found


def test_what_is_written_is_read():
    segment = memory(2)
    statistics.write_totals(segment, SLOTS, Totals(7 * 10**9, 2 * 10**9, 10, 1, 3, 5, 2, 4, 1))
    statistics.write_methods(segment, SLOTS, 2, {"b": figures(4), "a": figures(3)})
    found = read(segment, 2, now=8 * 10**9)
    assert (found.seconds, found.age) == (6.0, 1.0)
    assert (found.answered, found.failed, found.slept, found.opened, found.refused) == (10, 1, 3, 5, 2)
    assert (found.timeouts, found.late, found.channels, found.waiting) == (4, 1, 0, [])
    assert list(found.methods) == ["a", "b"]
    assert found.methods["a"][:6] == (3, 1, 1e-6, 2e-6, 10, 20)


def test_more_methods_than_there_is_room_for_are_counted_together():
    segment = memory(3)
    statistics.write_methods(segment, SLOTS, 3, {name: figures(2, longest=int(name, 36) * 100) for name in "zyxab"})
    found = read(segment, 3).methods
    assert {name: each.calls for name, each in found.items()} == {"a": 2, "b": 2, OTHERS: 6}
    assert found[OTHERS].longest == 35 * 100 / 1e9
    statistics.write_methods(segment, SLOTS, 3, {OTHERS: figures(1), **{name: figures(1) for name in "abcd"}})
    assert read(segment, 3).methods[OTHERS].calls == 3


def test_numbers_that_are_too_large_are_no_error():
    """Clients write some of them."""
    segment = memory(1)
    statistics.write_totals(segment, SLOTS, Totals(1, 1, 2**64 + 5, 0, 0, 0, 0, 0, 0))
    assert read(segment, 1).answered == 5
    statistics.write_methods(segment, SLOTS, 1, {"f": [1] * 6 + [2**32 + 1] * BUCKETS})
    assert read(segment, 1).methods["f"].histogram == (1,) * BUCKETS


@given(st.integers(0, 10**13))
def test_a_bucket_holds_what_is_less_than_twice_the_one_before(ns):
    bucket = bucket_of(ns)
    assert 0 <= bucket < BUCKETS
    assert bucket == BUCKETS - 1 or ns < 128 << bucket
    assert bucket == 0 or ns >= 128 << (bucket - 1)


def test_a_share_of_calls_takes_at_most_the_upper_end_of_a_bucket():
    found = no_figures()
    found[0], found[3] = 100, 5000
    found[6 + bucket_of(200)], found[6 + bucket_of(5000)] = 98, 2
    segment = memory(1)
    statistics.write_methods(segment, SLOTS, 1, {"f": found})
    method = read(segment, 1).methods["f"]
    assert (method.at_most(0.5), method.at_most(0.98)) == (256e-9, 256e-9)
    assert method.at_most(0.99) == method.longest == 5e-6
    assert statistics.MethodStatistics(0, 0, 0.0, 0.0, 0, 0, (0,) * BUCKETS).at_most(0.5) == 0.0


@pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])
@pytest.mark.parametrize("method", ["f", "a method's name", "größer", 'a"quote\\'])
@pytest.mark.parametrize("args", [(), (1, 2), ("x" * 1000,)], ids=len)
def test_the_method_is_found_in_the_beginning_of_a_request(codec, method, args):
    request = bytes(codecs.chosen(codec, False).encode_request(method, args, {"a": 1}))
    assert statistics.method_in(codec, request[: layout.WAIT_BEGINNING_SIZE]) == method
    assert statistics.method_in("of one's own", request) == ""


@pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])
def test_of_a_long_name_its_beginning_is_shown(codec):
    request = bytes(codecs.chosen(codec, False).encode_request("x" * 100, (), {}))
    assert re.match(r"x{20,}\.\.\.\Z", statistics.method_in(codec, request[: layout.WAIT_BEGINNING_SIZE]))


@pytest.mark.fault("statistics")
@given(st.data())
def test_whatever_somebody_writes_there_is_read_as_numbers_and_text(data):
    segment = memory(2)
    codec = data.draw(st.sampled_from(["json", "msgpack", "pickle"]))
    start = data.draw(st.integers(layout.wait_offset(SLOTS, 0), len(segment) - 1))
    garbage = data.draw(st.binary(max_size=len(segment) - start))
    segment[start : start + len(garbage)] = garbage
    segment[layout.wait_offset(SLOTS, 1) + 16] = data.draw(st.sampled_from([1, 2, 3]))
    found = statistics.read(segment, SLOTS, 2, codec, 10**9)
    assert all(text.isprintable() for text in [*found.methods, *(each.method for each in found.waiting)])
    json.dumps(found)
