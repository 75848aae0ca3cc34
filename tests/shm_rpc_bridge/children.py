"""What the processes of the tests run. Imports no pytest: the fork server loads this once for all of them."""

import itertools
import json
import os
import random
import signal
import sys
import threading
import time
import zlib
from typing import Any, Callable, Dict

from shm_rpc_bridge import (
    RPCClient,
    RPCError,
    RPCServer,
    RPCTransportError,
    SharedMemoryTransport,
    names,
    posix,
    stream,
)
from shm_rpc_bridge.testing import at, kill_self, leftovers, stop_self, watched

from .services import PATIENCE, register_methods, serving

WAIT_FOREVER = threading.Event().wait
ACTS = {"kill": kill_self, "stop": stop_self}


def client_until(name: str, action: str, when: str, act: str, data: str) -> None:
    """Connect, call and close, and be killed or stopped at one step of it."""
    with watched(at(action, ACTS[act], when)), RPCClient(name, timeout=PATIENCE, wait="block") as client:
        client.call("echo", data=data)


def server_until(name: str, action: str, when: str, act: str) -> None:
    """Serve, and be killed or stopped at one step of it."""
    with watched(at(action, ACTS[act], when)):
        server = RPCServer(name, wait="block")
        register_methods(server)
        server.start()


def creator_until(name: str, action: str, when: str) -> None:
    """Create a transport and answer one request on it, and be killed at one step of it."""
    with watched(at(action, kill_self, when)), SharedMemoryTransport.create(name, wait="block") as transport:
        transport.send_response(transport.receive_request())


def opener_until(name: str, action: str, when: str) -> None:
    """Open a transport and send one request on it, and be killed at one step of it."""
    with watched(at(action, kill_self, when)), waiting_for(name) as transport:
        transport.send_request(b"x" * 100)
        transport.receive_response()


def waiting_for(name: str) -> SharedMemoryTransport:
    return SharedMemoryTransport.open(name, wait_for=PATIENCE, wait="block")


def call_for_long(name: str, method: str) -> None:
    with RPCClient(name, timeout=None) as client:
        client.call(method)


def consume_for_long(name: str, method: str, consumed: Any) -> None:
    with RPCClient(name, timeout=None) as client:
        for item in client.stream(method):
            consumed.put(item)
            if item == 3:
                WAIT_FOREVER()


def client_forever(name: str, connected: Any) -> None:
    """Connect, and stay."""
    client = RPCClient(name)
    client.call("add", a=1, b=2)
    connected.set()
    WAIT_FOREVER()


def caller_forever(name: str, seed: int) -> None:
    """Call with messages of mixed sizes until killed."""
    while True:
        with RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE) as client:
            for number in range(20):
                data = str(seed) * (1 + 50 * (number % 5) ** 5)
                if client.call("echo", data=data) != data:
                    os._exit(1)


def hanging_server(name: str, entered: Any) -> None:
    """Serve a method that never returns."""
    server = RPCServer(name)
    server.register("hang", lambda: entered.set() or WAIT_FOREVER())
    server.start()


def exiting_server(name: str) -> None:
    server = RPCServer(name)
    server.register("leave", lambda: sys.exit(7))
    server.start()


def stoppable_server(name: str) -> None:
    """Beside the usual methods one that stops this process in the middle of a call, until SIGCONT comes."""
    server = RPCServer(name)
    register_methods(server)
    server.register("stop_process", lambda number: (stop_self(), number)[1])
    server.start()


def signalled_server(name: str, wait: str) -> None:
    """A method interrupts its own process; exit status 3 is this application's own decision."""
    server = RPCServer(name, wait=wait)
    register_methods(server)
    server.register("signal", lambda number: signal.raise_signal(number))
    server.start()
    os._exit(3)


def checking_server(name: str) -> None:
    """Check each request's checksum, answer with its data."""
    server = RPCServer(name)
    register_methods(server)

    def checked(data: str, crc: int) -> str:
        if zlib.crc32(data.encode()) != crc:
            raise ValueError("a request has arrived damaged")
        return data

    server.register("checked", checked)
    server.start()


def checking_client(name: str, seed: int, calls: int, batch: int, done: Any) -> None:
    """Call with data of mixed sizes and checksums; connect anew, and say so, after each batch of calls."""
    chance = random.Random(seed)
    text = "".join(chance.choice("abcdefghij\\nä漢") for _ in range(100_000))
    sizes = [1, 10, 100, 100, 1000, 1000, 4000, 10_000]  # and one in 500 ten times the largest
    while calls > 0:
        now = min(calls, batch)
        with RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE) as client:
            for number in range(now):
                size = chance.choice(sizes) if number % 500 else 100_000
                start = chance.randrange(len(text) - size + 1)
                data = text[start : start + size]
                if client.call("checked", data=data, crc=zlib.crc32(data.encode())) != data:
                    raise AssertionError(f"an answer of {size} characters has arrived damaged")
        calls -= now
        done.put(now)


def counting_client(name: str, start: Any, seconds: float, counts: Any) -> None:
    """Call as often as possible for a while, from the moment that all have connected."""
    with RPCClient(name, timeout=PATIENCE) as client:
        client.call("add", a=1, b=2)
        start.wait(PATIENCE)
        calls, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            client.call("add", a=calls, b=1)
            calls += 1
    counts.put(calls)


def echo_peer(name: str) -> None:
    """Create a transport and answer until its peer has gone."""
    with SharedMemoryTransport.create(name) as transport:
        while True:
            try:
                transport.send_response(transport.receive_request())
            except RPCTransportError:
                return


def create_and_hang(name: str, made: Any) -> None:
    with SharedMemoryTransport.create(name):
        made.set()
        WAIT_FOREVER()


def open_and_hang(name: str, opened: Any) -> None:
    with SharedMemoryTransport.open(name, wait_for=PATIENCE):
        opened.set()
        WAIT_FOREVER()


def live_in_too_little_memory(name: str) -> None:
    """A server, its clients and their messages where /dev/shm has some 400,000 bytes; prints what came of each."""
    outcomes: Dict[str, Any] = {}

    def attempt(what: str, function: Callable[..., Any], *arguments: Any, **params: Any) -> Any:
        try:
            result = function(*arguments, **params)
        except RPCError as error:
            outcomes[what] = f"{type(error).__name__}: {error}"
            return None
        outcomes[what] = "done"
        return result

    with serving(name), RPCClient(name, timeout=PATIENCE) as client:
        attempt("call before", client.call, "add", a=1, b=2)
        attempt("large request", client.call, "echo", data="x" * 1_000_000)
        attempt("call after large request", client.call, "add", a=1, b=2)
        attempt("large result", client.call, "text_of", size=1_000_000)
        attempt("call after large result", client.call, "add", a=1, b=2)
        before = leftovers(name)
        others = []
        while (other := attempt("another client", RPCClient, name, timeout=PATIENCE)) is not None:
            attempt("its call", other.call, "add", a=1, b=2)
            others.append(other)
        outcomes["nothing half-made"] = leftovers(name) == before
        attempt("call when full", client.call, "add", a=1, b=2)
        for number in range(1000):  # each takes the little that a server needs, so that the last byte is met
            if (other := attempt("another server", RPCServer, f"{name}-{number}", max_channels=1)) is None:
                outcomes["nothing of the other server"] = leftovers(f"{name}-{number}") == []
                break
            others.append(other)
        attempt("call when quite full", client.call, "add", a=1, b=2)
        for other in others:
            other.close()
    outcomes["left"] = leftovers(name)
    print(json.dumps(outcomes))


def open_as_nobody(name: str, outcome: Any) -> None:
    """Try to connect as another user."""
    os.setuid(65534)
    for attempt in (lambda: RPCClient(name), lambda: RPCServer(name), lambda: SharedMemoryTransport.open(name)):
        try:
            attempt().close()
        except RPCTransportError as error:
            outcome.put(str(error))
        else:
            outcome.put("not refused")


def unlink_as_nobody(name: str, outcome: Any) -> None:
    """Try to remove the names of a channel as another user."""
    os.setuid(65534)
    outcome.put(posix.unlink_segment(names.slot(name, 1, 0, 5).request))
    outcome.put(posix.unlink_semaphore(names.slot(name, 1, 0, 5).request_full))


def call_and_wait(name: str) -> None:
    """For an answer that does not come before this process is killed."""
    with RPCClient(name, timeout=PATIENCE) as client:
        client.call("hold")


def hand_over_for_long(name: str, method: str) -> None:
    with RPCClient(name, timeout=PATIENCE) as client:
        client.call(method, stream(itertools.count()))
