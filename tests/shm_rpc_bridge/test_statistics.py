"""What a server has counted and what its clients wait for, read from its memory and by its own process."""

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError, RPCTransportError, layout, names, spawn, statistics
from shm_rpc_bridge import codec as codecs
from shm_rpc_bridge.aio import AsyncRPCClient
from shm_rpc_bridge.statistics import BUCKETS, OTHERS, Totals, bucket_of, no_figures

from . import pricing
from .children import call_and_wait
from .services import PATIENCE, calling, process, register_methods, serving, started
from .steps import until

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


# Pure


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


# Counted by a server


def settled(server, **expected):
    """Its statistics, once they are so: a client is heard to have left a moment later."""
    for _ in until(PATIENCE):
        found = server.statistics()
        if all(getattr(found, name) == value for name, value in expected.items()):
            return found
    raise AssertionError((found, expected))


def test_calls_failures_and_channels_are_counted(name):
    with serving(name) as server:
        with RPCClient(name, timeout=PATIENCE) as client:
            for number in range(5):
                client.call("add", number, 1)
            with client.batch() as batch:
                for _ in range(10):
                    batch.call("add", 1, 1)
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    client.call("divide", 1, 0)
            found = server.statistics()
            assert (found.answered, found.failed, found.channels, found.opened) == (8, 2, 1, 1)
            assert (found.timeouts, found.late, found.refused, found.waiting, found.methods) == (0, 0, 0, [], {})
            assert 0 < found.seconds < PATIENCE
        with RPCClient(name, timeout=PATIENCE) as client:
            client.call("add", 1, 1)
        found = settled(server, channels=0)
        assert (found.answered, found.failed, found.opened) == (9, 2, 2)


@pytest.mark.parametrize("options", [{}, {"threads": 2}], ids=["inline", "threads"])
def test_each_method_is_timed_where_that_is_asked_for(name, options, caplog):
    async def awaited():
        await asyncio.sleep(0.02)
        return "x" * 100

    async def call_all():
        async with AsyncRPCClient(name, timeout=PATIENCE) as client:
            await asyncio.gather(*(client.call("add", 1, b=2) for _ in range(10)), client.call("awaited"))

    with serving(name, statistics=True, **options) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register("awaited", awaited)
        server.register("nap", lambda: time.sleep(0.02))
        with caplog.at_level(logging.DEBUG, "shm_rpc_bridge"):
            client.call("add", 1, b=2)
        with client.batch() as batch:
            for _ in range(3):
                batch.call("add", 1, b=2)
            batch.call("divide", 1, 0)
        for method in ("divide", "nobody's"):
            with pytest.raises(Exception):  # noqa: B017, PT011  # whichever
                client.call(method, 1, 0)
        client.call("nap")
        asyncio.run(call_all())
        found = server.statistics().methods
    assert {name: (each.calls, each.failed) for name, each in found.items()} == {
        "add": (14, 0),
        "divide": (2, 2),
        "nap": (1, 0),
        "awaited": (1, 0),
        OTHERS: (1, 1),
    }
    assert found["add"].longest < found["nap"].seconds
    for slow in ("nap", "awaited"):
        assert 0.02 <= found[slow].longest == found[slow].seconds
        assert found[slow].at_most(0.5) == found[slow].longest
    assert found["awaited"].bytes_sent > 100
    assert found["add"].bytes_received == 14 * len(b'["add",{"b":2},1]')
    assert sum(found["add"].histogram) == 14
    logged = [record.getMessage() for record in caplog.records if record.getMessage().startswith("add for")]
    assert len(logged) == 1
    assert re.match(rf"add for process {os.getpid()}: done in [\d.]+ us, \d+ bytes", logged[0])


def test_where_methods_run_in_processes_these_count_them_and_nothing_is_lost_but_the_end_of_one_that_died(name):
    server = RPCServer(name, processes=2, statistics=True)
    server.register_module(pricing, ["quote", "pid", "die"])

    def quotes():
        found = server.statistics().methods.get("quote")
        return (found.calls, found.failed) if found is not None else (0, 0)

    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        pids = {each.result(PATIENCE) for each in [client.submit("pid") for _ in range(20)]}
        with client.batch() as batch:
            for amount in range(30):
                batch.call("quote", amount)
        for each in [client.submit("quote", amount, "none") for amount in range(10)]:
            with pytest.raises(KeyError):
                each.result(PATIENCE)
        assert any(quotes() == (40, 10) for _ in until(PATIENCE))
        assert server.statistics().failed == 10
        for _ in range(2 * len(pids)):
            with pytest.raises(RPCTransportError):
                client.call("die")
        assert client.call("quote", 1) == 3
        assert any(quotes() == (41, 10) for _ in until(PATIENCE))
        assert statistics_of_all(server) == {"pid": 20, "quote": 41}


def statistics_of_all(server):
    return {name: each.calls for name, each in server.statistics().methods.items()}


def test_a_spawned_server_times_its_methods_where_that_is_asked_for():
    with spawn(f"{__package__}.pricing", statistics=True, timeout=PATIENCE) as client:
        client.call("quote", 1)
        for _ in until(PATIENCE):
            found = json.loads(stat("--json", client.name)[1])["methods"]
            if "quote" in found:
                break
        assert found["quote"]["calls"] == 1


def test_a_closed_server_has_none(name):
    server = RPCServer(name)
    server.statistics()
    server.close()
    with pytest.raises(RPCTransportError, match="is closed"):
        server.statistics()


# What runs right now


class Holding:
    """A server with a method that ends when the test says so."""

    def __init__(self, name, **options):
        self.go_on = threading.Event()
        self.server = RPCServer(name, **options)
        register_methods(self.server)
        self.server.register("hold", self.hold)

    def hold(self):
        assert self.go_on.wait(PATIENCE)

    def until_waiting(self, number):
        for _ in until(PATIENCE):
            found = self.server.statistics().waiting
            if len(found) == number:
                return found
        raise AssertionError(found)


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
@pytest.mark.parametrize("codec", ["json", "pickle"])
def test_what_runs_and_what_waits_behind_it_is_told_with_method_process_and_time(name, codec, wait):
    holding = Holding(name, codec=codec)
    options = {"timeout": PATIENCE, "codec": codec, "wait": wait}
    with started(holding.server), RPCClient(name, **options) as one, RPCClient(name, **options) as other:
        with calling(one.call, "hold") as held:
            (running,) = holding.until_waiting(1)
            with calling(other.call, "add", 1, 2) as added:
                first, second = holding.until_waiting(2)
                holding.go_on.set()
                assert added.result(PATIENCE) == 3
            held.result(PATIENCE)
        assert running[2:] == first[2:] == ("hold", True, 1)
        assert running.process == os.getpid()
        assert second[2:] == ("add", False, 1)
        assert 0.1 <= second.seconds <= first.seconds < PATIENCE
        assert holding.server.statistics().waiting == []


def test_awaited_calls_that_take_long_are_told_by_their_number(name):
    async def call():
        async with AsyncRPCClient(name, timeout=PATIENCE) as client:
            calls = [client.submit("hold"), *(client.submit("add", 1, each) for each in range(2))]
            (waiting,) = await asyncio.get_running_loop().run_in_executor(None, holding.until_waiting, 1)
            holding.go_on.set()
            for each in calls:
                await each
            assert (waiting.process, waiting.method, waiting.calls) == (os.getpid(), "", 3)
            assert waiting.seconds >= 0.1

    holding = Holding(name)
    with started(holding.server):
        asyncio.run(asyncio.wait_for(call(), PATIENCE))
        settled(holding.server, waiting=[], channels=0)


@pytest.mark.fault("statistics")
def test_a_client_that_is_killed_while_it_waits_is_told_of_no_more(name):
    holding = Holding(name, threads=1)
    with started(holding.server):
        with process(call_and_wait, name) as client:
            (waiting,) = holding.until_waiting(1)
            assert (waiting.process, waiting.method) == (client.pid, "hold")
            client.kill()
            client.join()
            holding.until_waiting(0)
        holding.go_on.set()


def test_one_that_is_interrupted_waits_no_more(name):
    def interrupt(*_):
        raise KeyboardInterrupt

    def kill():
        holding.until_waiting(1)
        os.kill(os.getpid(), signal.SIGUSR1)

    holding = Holding(name)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with started(holding.server):
            with RPCClient(name, timeout=PATIENCE) as client, calling(kill):
                with pytest.raises(KeyboardInterrupt):
                    client.call("hold")
                assert holding.server.statistics().waiting == []
            holding.go_on.set()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_look_whether_the_server_lives_is_no_wait(name):
    """As there is one after a response to another call: what was noted then stood there until the next long wait."""
    with serving(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        client.call("add", 1, 2)
        (channel,) = client._idle
        channel.body.recheck()
        assert server.statistics().waiting == []


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_calls_that_were_given_up_are_counted_also_of_clients_that_have_gone(name, kind):
    def give_up(method, timeout):
        if kind == "sync":
            with RPCClient(name, timeout=timeout) as client, pytest.raises(RPCTimeoutError):
                client.call(method)
        else:
            asyncio.run(awaited(method, timeout))

    async def awaited(method, timeout):
        async with AsyncRPCClient(name, timeout=timeout) as client:
            with pytest.raises(RPCTimeoutError):
                await client.call(method)

    holding = Holding(name)
    with started(holding.server):
        with RPCClient(name, timeout=PATIENCE) as client, calling(client.call, "hold"):
            holding.until_waiting(1)
            give_up("not taken", 0.05)
            holding.go_on.set()
        holding.go_on.clear()
        give_up("hold", 1.0)  # long enough for it to be taken
        holding.go_on.set()
        settled(holding.server, timeouts=2, late=1, channels=0)


# From outside


def stat(*arguments):
    """Exit status, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "shm_rpc_bridge", "stat", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_server_that_is_stuck_is_looked_at_from_outside(name):
    holding = Holding(name, statistics=True)
    with started(holding.server), RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("add", 1, 2) == 3
        with calling(client.call, "hold"):
            holding.until_waiting(1)  # which writes the figures, too
            status, shown, told = stat(name)
            assert (status, told) == (0, "")
            assert f"server '{name}', process {os.getpid()}, codec json, up " in shown
            assert re.search(r"^calls +1 answered, .*; 0 failed; 0 given up", shown, re.MULTILINE)
            assert re.search(rf"^ *[\d.]+ m?s +{os.getpid()} +taken +hold$", shown, re.MULTILINE)
            assert re.search(r"^add +1 +[\d.]+ +0 +[\d.]+ us", shown, re.MULTILINE)
            status, shown, told = stat("--json", name)
            found = json.loads(shown)
            assert (status, found["answered"], found["methods"]["add"]["calls"]) == (0, 1, 1)
            assert found["waiting"][0]["method"] == "hold"
            holding.go_on.set()


def test_a_server_that_does_not_look_after_its_clients_is_said_to_be_stuck_or_not_started(name):
    with RPCServer(name) as server:
        assert "not started" not in stat(name)[1]
        now = time.monotonic_ns()
        totals = Totals(now - 5 * 10**9, now - 10 * 10**9, 0, 0, 0, 0, 0, 0, 0)
        statistics.write_totals(server._endpoint._control.map, 1024, totals)
        assert re.search(r"up 1\d(\.\d)? s; it has not looked after its clients for 5[\d.]* s: it is in", stat(name)[1])


def test_figures_are_written_twice_a_second_without_being_asked_for(name):
    with serving(name), RPCClient(name, timeout=PATIENCE) as client:
        client.call("add", 1, 2)
        for _ in until(PATIENCE):
            found = json.loads(stat("--json", name)[1])
            if found["answered"] == 1:
                break
        assert found["age"] < 2
        assert "of methods nothing: serve with --statistics" in stat(name)[1]


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["nobody"], 1, "Cannot find shared memory 'srb:nobody': start the server 'nobody' first"),
        (["a/b"], 2, "a/b"),
        (["--watch", "0", "nobody"], 2, "--watch takes 0.05 to 3600 seconds, not 0"),
    ],
)
def test_what_cannot_be_shown_is_said(arguments, status, told):
    found, shown, said = stat(*arguments)
    assert (found, shown) == (status, "")
    assert told in said


def test_it_is_shown_again_and_again_until_the_server_has_gone(name):
    command = [sys.executable, "-m", "shm_rpc_bridge", "stat", "--watch", "0.05", "--json", name]
    with contextlib.ExitStack() as server:
        server.enter_context(serving(name))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            lines = [json.loads(child.stdout.readline()) for _ in range(3)]
            assert lines[0]["seconds"] < lines[1]["seconds"] < lines[2]["seconds"]
            server.close()
            _, told = child.communicate(timeout=PATIENCE)
    assert (child.returncode, told) == (1, f"server '{name}' has gone\n")


def test_ctrl_c_ends_watching_well(name):
    command = [sys.executable, "-m", "shm_rpc_bridge", "stat", "--watch", "0.05", name]
    with serving(name), subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline().startswith(f"server '{name}'")
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=PATIENCE)
        assert (child.returncode, told) == (0, "")


def test_whoever_has_seen_enough_leaves_no_traceback(name):
    command = [sys.executable, "-m", "shm_rpc_bridge", "stat", "--watch", "0.05", name]
    with serving(name), subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(PATIENCE) == 1
        assert child.stderr.read() == ""


def test_another_layout_is_said(name):
    with RPCServer(name):
        with open(f"/dev/shm/{names.control(name)}", "r+b") as segment:
            segment.seek(8)
            segment.write(b"\x63")
        status, _, told = stat(name)
        assert status == 1
        assert "layout version 99" in told
