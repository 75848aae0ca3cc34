"""What runs in a measured process: a server or a client of whichever version of the library the path has first.

    PYTHONPATH=CHECKOUT python -P measured.py probe|server|client [OPTIONS, as JSON]

Standard library only, and nothing of the project: `contenders` would come from the checkout that is measured. The
starter holds the other end of standard input; when it closes that, or dies, the process ends. What is said goes to
standard output, a JSON object a line; a failure is a traceback on standard error.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import queue
import sys
import threading
import time
from array import array
from collections.abc import Callable
from itertools import cycle
from typing import Any

PACKAGE = "shm_rpc_bridge"
PAYLOADS = 8
"""Distinct ones, sent in turn: a stale answer is a wrong one."""
FEWEST_BYTES = 16
"""Of a payload, which holds its number."""
WARMUP_S, WARMUP_CALLS = 0.1, 2_000
"""At most, whichever comes first, and no longer than the timed calls."""
PACED_WARMUP_CALLS, PACED_WARMUP_GAP_NS = 50, 300_000
MOST_PER_S = 400_000
"""Room for so many calls: twice what a function call through a queue of its own process reaches."""
SPIN_NS = 200_000
"""A paced client sleeps until so long before a call is due, as sleeps end late, and spins through the rest."""
STOP_S = 5.0
"""A server that does not stop by itself in this time after it was told to is ended."""

Call = Callable[..., Any]


class WrongAnswer(Exception):
    """An echo was something else than what was sent."""


def main(arguments: list[str]) -> None:
    """Be a probe, a server or a client."""
    role, options = arguments[0], json.loads(arguments[1]) if len(arguments) > 1 else {}
    library = importlib.import_module(PACKAGE)
    if role == "server":
        serve(library, options)
    elif role == "client":
        Client(library, options).run()
    else:
        say(about(library))


def about(library: Any) -> dict[str, Any]:
    """Which file was imported, and what it calls itself."""
    return {"file": os.path.realpath(library.__file__), "version": getattr(library, "__version__", "")}


def say(words: dict[str, Any], data: bytes = b"") -> None:
    """One line, and bytes behind it."""
    sys.stdout.buffer.write(json.dumps(words).encode() + b"\n" + data)
    sys.stdout.buffer.flush()


def serve(library: Any, options: dict[str, Any]) -> None:
    """Serve ``echo`` until standard input ends."""
    server = library.RPCServer(options["name"], **options["library"])

    def obey() -> None:
        while os.read(0, 4096):
            pass
        server.stop()
        time.sleep(STOP_S)  # a daemon thread: it does not hold up a server that ends in time
        os._exit(1)

    threading.Thread(target=obey, daemon=True).start()
    if options["computes"]:
        compute_in_a_thread()
    server.register("echo", lambda payload: payload)
    say(about(library))
    try:
        server.start()
    finally:
        server.close()


def compute_in_a_thread() -> None:
    """Have a thread that wants the interpreter's lock until the process ends."""

    def compute() -> None:
        while True:
            sum(range(1_000))

    threading.Thread(target=compute, daemon=True).start()


class Client:
    """Connects once it is told the server's process, warms up, begins at the moment it is told, and reports."""

    def __init__(self, library: Any, options: dict[str, Any]) -> None:
        self._library, self._options = library, options
        self._heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self) -> None:
        """All of it."""
        options = self._options
        size = options["payload_bytes"]
        payloads = [f"{number:0{FEWEST_BYTES}d}".ljust(size, "abcdefgh"[number]) for number in range(PAYLOADS)]
        say(about(self._library))
        server_pid = self._heard.get()
        client = self._library.RPCClient(options["name"], **options["library"])
        if options["computes"]:
            compute_in_a_thread()
        try:
            closed(client.call, payloads, min(WARMUP_S, options["seconds"]), WARMUP_CALLS)
            if options["gap_ns"]:
                paced(client.call, payloads, time.perf_counter_ns(), PACED_WARMUP_GAP_NS, PACED_WARMUP_CALLS)
            say({})
            self._measure(client.call, payloads, server_pid)
        finally:
            client.close()

    def _measure(self, call: Call, payloads: list[str], server_pid: int) -> None:
        options = self._options
        gc.collect()
        gc.freeze()
        gc.disable()
        moment, waited = self._heard.get(), 0
        wait_until(moment - SPIN_NS)
        server, own = cpu_ns(server_pid), time.process_time_ns()
        waited += wait_until(moment)
        if options["gap_ns"]:
            count = max(1, round(options["seconds"] * 1e9 / options["gap_ns"]))
            taken, more = paced(call, payloads, moment + options["offset_ns"], options["gap_ns"], count)
            waited += more
        else:
            taken = closed(call, payloads, options["seconds"], round(options["seconds"] * MOST_PER_S) + 1)
        own, server = time.process_time_ns() - own - waited, cpu_ns(server_pid) - server
        say({"calls": len(taken), "client_cpu_ns": own, "server_cpu_ns": server}, taken.tobytes())

    def _listen(self) -> None:
        while words := os.read(0, 4096):
            self._heard.put(json.loads(words))
        os._exit(1)


def closed(call: Call, payloads: list[str], seconds: float, most: int) -> array[int]:
    """Call back to back; ns of each call. Raises :class:`WrongAnswer`."""
    clock = time.perf_counter_ns
    taken = array("q", bytes(8 * most))
    deadline = clock() + round(seconds * 1e9)
    for i, payload in zip(range(most), cycle(payloads)):
        start = clock()
        answer = call("echo", payload=payload)
        end = clock()
        taken[i] = end - start
        if answer != payload:
            raise WrongAnswer(f"call {i}: {answer!r:.80}")
        if end > deadline:
            break
    return taken[: i + 1]


def paced(call: Call, payloads: list[str], moment: int, gap_ns: int, count: int) -> tuple[array[int], int]:
    """Call at an even pace; ns from when each was due to its answer, so that a late call counts as one. And the
    CPU time spent waiting for the clock."""
    clock = time.perf_counter_ns
    taken, waited = array("q", bytes(8 * count)), 0
    for i, payload in zip(range(count), cycle(payloads)):
        due = moment + i * gap_ns
        waited += wait_until(due)
        answer = call("echo", payload=payload)
        taken[i] = clock() - due
        if answer != payload:
            raise WrongAnswer(f"call {i}: {answer!r:.80}")
    return taken, waited


def wait_until(moment: int) -> int:
    """Return at `moment` of the clock, at once when it has passed; ns of CPU time it took."""
    cpu = time.thread_time_ns()
    left = moment - time.perf_counter_ns()
    if left > SPIN_NS:
        time.sleep((left - SPIN_NS) / 1e9)
    while time.perf_counter_ns() < moment:
        pass
    return time.thread_time_ns() - cpu


def cpu_ns(pid: int) -> int:
    """What a process has used so far: clock_getcpuclockid(3), which Python has for threads only."""
    return time.clock_gettime_ns((~pid << 3) | 2)


if __name__ == "__main__":
    main(sys.argv[1:])
