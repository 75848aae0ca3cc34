"""Shared memory that is not what it should be: refused at open, an error at a call, never a signal."""

import contextlib
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm_rpc_bridge import (
    RPCClient,
    RPCError,
    RPCServer,
    RPCTransportError,
    SharedMemoryTransport,
    layout,
    names,
    posix,
)
from shm_rpc_bridge.buffer import Buffer, Terms
from shm_rpc_bridge.frames import Unopened
from shm_rpc_bridge.messages import BATCH, ONE
from shm_rpc_bridge.testing import in_memory, leftovers, watched

from .services import PATIENCE, channel_names, register_methods, serving, started


def change(name, edit):
    with open(f"/dev/shm/{name}", "r+b") as file:
        edit(file)


def write_at(offset, data):
    return lambda file: (file.seek(offset), file.write(data))


@pytest.mark.fault("segment-damaged")
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: file.truncate(0), "too short: 0 bytes"),
        (lambda file: file.truncate(63), "too short: 63 bytes"),
        (lambda file: file.write(os.urandom(24) + b"SRBother"), "is no region of a channel"),
        (write_at(32, b"\x63"), "layout version 99, this library 9"),
    ],
)
def test_a_damaged_region_is_an_error_that_says_how(name, damage, reason):
    """Opened without looking at `fstat` the one of 63 bytes was used as if it were whole."""
    with SharedMemoryTransport.create(name):
        change(names.public_transport(name), damage)
        with pytest.raises(RPCTransportError, match=reason):
            SharedMemoryTransport.open(name)


@pytest.mark.fault("segment-damaged")
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: file.truncate(0), "too short: 0 bytes"),
        (lambda file: file.truncate(40), "too short: 40 bytes"),
        (lambda file: file.truncate(70), "too short: 70 bytes"),
        (lambda file: file.write(b"SRBother"), r"is no control segment: it begins with b'SRBother'"),
        (write_at(8, b"\x63"), "layout version 99, this library 9"),
        (write_at(12, b"\xff\xff\xff\xff"), "too short: .* at least 416,?611,?827,?...? expected"),
        (write_at(20, b"\x00"), "it has closed"),
        (write_at(20, b"\x77"), "it has closed"),
        (write_at(21, b"\x63"), "was made by a process with an unknown C library, this one has"),
    ],
)
def test_a_damaged_control_segment_is_an_error_that_says_how(name, damage, reason):
    with RPCServer(name):
        change(names.control(name), damage)
        with pytest.raises(RPCTransportError, match=reason):
            RPCClient(name)
        change(names.control(name), lambda file: file.truncate(layout.control_size(1024)))


@pytest.mark.fault("segment-damaged")
def test_a_server_starts_over_a_control_segment_of_garbage(name):
    with open(f"/dev/shm/{names.control(name)}", "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(os.urandom(5000))
    with pytest.raises(RPCTransportError):
        RPCClient(name)
    with serving(name), RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.fault("semaphore-damaged")
@pytest.mark.parametrize("size", [0, 5, 33])
def test_a_semaphore_of_another_size_is_an_error(name, size):
    """glibc maps any: with the first of these, taken as it is, the first wait is a SIGBUS."""
    with SharedMemoryTransport.create(name):
        os.truncate(f"/dev/shm/sem.{channel_names(name).request_full}", size)
        with pytest.raises(RPCTransportError, match=f"is damaged: {size} bytes, 32 expected"):
            SharedMemoryTransport.open(name)


@pytest.mark.fault("semaphore-damaged")
def test_a_semaphore_replaced_by_a_folder_or_missing_is_an_error(name):
    with SharedMemoryTransport.create(name):
        path = f"/dev/shm/sem.{channel_names(name).request_full}"
        os.unlink(path)
        with pytest.raises(RPCTransportError, match="must be created first"):
            SharedMemoryTransport.open(name)
        os.mkdir(path)
        try:
            with pytest.raises(RPCTransportError, match="is a directory, not a regular file"):
                SharedMemoryTransport.open(name)
        finally:
            os.rmdir(path)


@pytest.mark.fault("symlink")
@pytest.mark.parametrize("kind", ["request", "sem.request_full"])
def test_a_symbolic_link_is_refused(name, kind):
    """It leads to what would be taken otherwise: a whole, private object of our own."""
    with SharedMemoryTransport.create(name):
        prefix, _, field = kind.rpartition(".")
        path = f"/dev/shm/{prefix}{prefix and '.'}{getattr(channel_names(name), field)}"
        os.rename(path, path + ".aside")
        os.symlink(path + ".aside", path)
        with pytest.raises(RPCTransportError, match=r"symbolic link|not a regular file"):
            SharedMemoryTransport.open(name)
        os.rename(path + ".aside", path)


@pytest.mark.fault("unlinked-live")
def test_objects_unlinked_under_a_live_pair_do_not_disturb_it_and_a_restart_repairs(name):
    with serving(name), RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3
        for left in leftovers(name):
            os.unlink(f"/dev/shm/{left}")
        assert client.call("add", a=2, b=2) == 4
        with pytest.raises(RPCTransportError, match="start the server"):
            RPCClient(name)
        with serving(name), RPCClient(name) as new:
            assert new.call("add", a=3, b=2) == 5
            assert client.call("add", a=4, b=2) == 6
    assert leftovers(name) == []


@pytest.mark.fault("unlinked-live")
def test_a_server_that_has_lost_its_name_leaves_it_to_the_one_that_has_it_now(name):
    """Without looking whether its segment is linked, at its end it removed the other's."""
    with RPCServer(name):  # that is not started: it does not take its name again
        for left in leftovers(name):
            os.unlink(f"/dev/shm/{left}")
        new = RPCServer(name)
        register_methods(new)
    with started(new), RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3


# Mostly plausible ones: of any 16 bytes next to none would get as far as the size.
headers = st.binary(min_size=16, max_size=16) | st.builds(
    layout.MESSAGE.pack,
    st.integers(0, 6000),
    st.sampled_from([ONE, ONE, BATCH, 2]),
    st.sampled_from([0, 0, 0, layout.FRAMED, 2]),
    st.just(1),
)


@pytest.mark.fault("headers-overwritten")
@given(headers, st.integers(0, 1200))
def test_any_message_header_is_a_message_of_the_segment_or_an_error(header, length):
    """Without `Buffer._check_header` the first of unknown kind was taken for a message; without its look at the size
    after remapping, one of 3,000 bytes was read from a segment of 2,064.
    """
    ends = names.BufferNames("fuzz:a:request", "fuzz:a:request_empty", "fuzz:a:request_full")
    terms, held = Terms(5000, "block", lambda: None), []
    with in_memory():
        writer, reader = Buffer.create(ends, 1000, terms, held), Buffer.open(ends, terms, held)
        scribbler = posix.open_segment(ends.region, 64, held)
        writer.send(b"x" * length, 1)
        scribbler.map[0:16] = header
        size, kind, flags, sequence = layout.MESSAGE.unpack(header)
        if (
            kind not in (ONE, BATCH) or flags not in (0, layout.FRAMED) or size > (1000 if length <= 1000 else 2000)
        ):  # the writer doubles it
            with pytest.raises(RPCTransportError, match="is damaged"):
                reader.receive(0.0)
        else:
            number, message, of_kind = reader.receive(0.0)
            assert (number, of_kind) == (sequence, kind)
            assert bytes(message) == (b"x" * length).ljust(size, b"\0")[:size]
            assert (type(message) is Unopened) == bool(flags)
            del message
        posix.let_go(held)


class Scribbler:
    """A hook that overwrites a piece of a message's header between writing and posting it."""

    def __init__(self):
        self.chance = random.Random(7)
        self.regions = {}
        self.scribbles = 0

    def __call__(self, step):
        if step.when == "before" and step.action in ("release request_full", "release response_full"):
            region = self.regions.get(step.action.split()[1].split("_")[0])
            if region is not None:
                start, length = self.chance.randrange(16), self.chance.randrange(1, 9)
                region.map[start : start + length] = self.chance.getrandbits(8 * length).to_bytes(length, "little")
                self.scribbles += 1


class BackendThatKeepsRegions:
    """A backend in whose regions the test can write: those of the channel opened last."""

    def __init__(self, backend, regions):
        self._backend = backend
        self._regions = regions

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def create_segment(self, name, size, held):
        segment = self._backend.create_segment(name, size, held)
        if name.count(":") > 2:
            kept = self._regions.pop(name.rpartition(":")[2], None)
            if kept is not None:
                kept.close()
            self._regions[name.rpartition(":")[2]] = self._backend.open_segment(name, 64, [])
        return segment


@contextlib.contextmanager
def scribbled_on(scribbler):
    with posix.using(lambda backend: BackendThatKeepsRegions(backend, scribbler.regions)), watched(scribbler):
        yield


@pytest.mark.fault("headers-overwritten")
@pytest.mark.parametrize("overwrites", [1000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_headers_overwritten_during_calls_cost_that_call_at_most_and_nobody_else(overwrites, figures):
    overwrites, scribbler, errors, calls = figures.scaled(overwrites), Scribbler(), 0, 0
    with in_memory():
        server = RPCServer("scribbled")
        register_methods(server)
        with started(server), RPCClient("scribbled", timeout=PATIENCE) as bystander:
            assert bystander.call("add", a=1, b=2) == 3
            with scribbled_on(scribbler), RPCClient("scribbled", timeout=0.003) as victim:
                progress = figures.progress("calls whose headers are overwritten", range(overwrites))
                while scribbler.scribbles < overwrites:
                    calls += 1
                    next(progress, None)
                    try:
                        assert victim.call("echo", data=calls) == calls
                    except RPCError:
                        errors += 1
                    if calls % 10 == 0:
                        assert bystander.call("echo", data=calls) == calls
            for region in scribbler.regions.values():
                region.close()
            assert bystander.call("echo", data="still there") == "still there"
    assert errors > 0
    times = scribbler.scribbles
    figures.record("headers-overwritten", "headers overwritten between writing and posting", times, "times", calls)
    figures.record("headers-overwritten", "calls that raised an error", errors, "calls", calls)


@pytest.mark.fault("headers-overwritten")
@settings(max_examples=50, deadline=None)
@given(st.integers(0, 127) | st.integers(0, layout.control_size(64) - 1), st.binary(min_size=1, max_size=64))
def test_a_control_segment_overwritten_anywhere_costs_errors_at_most(offset, data):
    """The server's own header is read once, at its start; slots are only ever looked at, and locks judge."""
    with in_memory():
        server = RPCServer("scribbled", max_channels=64)
        register_methods(server)
        with started(server):
            held = []
            size = layout.control_size(64)
            scribbler = posix.open_segment(names.control("scribbled"), size, held)
            for _ in range(2):
                try:
                    with RPCClient("scribbled", timeout=0.02) as client:
                        scribbler.map[offset : offset + len(data)] = data[: size - offset]
                        assert client.call("echo", data=1) == 1
                except RPCError:
                    continue
            posix.let_go(held)
