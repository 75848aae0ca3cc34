"""One block: a fresh server and fresh clients of one checkout, which have ended when it is done, whatever happens.

So nothing of the other side is there while one is measured, and every block draws anew what differs from process to
process: where memory lies, hash seeds, cores.
"""

from __future__ import annotations

import dataclasses
import math
import os
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.ab.checkouts import Checkout, check_file
from scenarios.ab.process import Process
from scenarios.plan.circumstances import CLIENT_THREAD, NOTHING, SERVER_THREAD

LEAD_NS, LEAD_PER_CLIENT_NS = 5_000_000, 2_000_000
"""From naming the moment to begin until that moment: every client must have heard of it."""
TIME_LIMIT_S = 60.0
"""For all that a block does beside its timed calls."""
FEWEST_FOR_P99 = 1_000
SHARED_MEMORY = Path("/dev/shm")


@dataclasses.dataclass(frozen=True)
class Calls:
    """What is measured in every block."""

    payload_bytes: int
    codec: str | None
    """None: not named, so that a library that knows no codecs has its own; likewise `wait`."""
    wait: str | None
    rate: float | None
    """Calls per second of all clients together, at an even pace; None: back to back."""
    clients: int
    seconds: float
    beside: str = NOTHING
    """Or a thread that computes all the time, in each client or in the server."""

    @property
    def library(self) -> Mapping[str, str]:
        """The keyword arguments of server and client that were asked for."""
        asked = {"codec": self.codec, "wait": self.wait}
        return {name: value for name, value in asked.items() if value is not None}


@dataclasses.dataclass(frozen=True)
class Figures:
    """Of one block. µs; CPU is per call, waiting for a paced call's moment left out."""

    p50_us: float
    p99_us: float
    """NaN of fewer than 1,000 calls."""
    client_cpu_us: float
    server_cpu_us: float
    calls: int


def measure(checkout: Checkout, calls: Calls, scratch: Path) -> Figures:
    """Measure one block. Raises :class:`scenarios.common.errors.CheckoutError` when it gives no number."""
    name = f"ab-{os.getpid()}-{secrets.token_hex(4)}"
    options: dict[str, Any] = {"name": name, "library": calls.library}
    of_server = options | {"computes": calls.beside == SERVER_THREAD}
    gap_ns = round(calls.clients / calls.rate * 1e9) if calls.rate else 0
    own = {"payload_bytes": calls.payload_bytes, "seconds": calls.seconds, "gap_ns": gap_ns}
    own["computes"] = calls.beside == CLIENT_THREAD
    with ExitStack() as stack:
        stack.callback(_remove, name)
        server = stack.enter_context(Process("server", checkout, of_server, scratch))
        clients = [
            stack.enter_context(
                Process("client", checkout, options | own | {"offset_ns": gap_ns * number // calls.clients}, scratch)
            )
            for number in range(calls.clients)
        ]
        everybody = (server, *clients)
        limit_s = TIME_LIMIT_S + calls.seconds
        watch = threading.Timer(limit_s, _give_up, [everybody, f"not done after {limit_s:g} s"])
        watch.daemon = True
        stack.callback(watch.cancel)
        watch.start()
        for each in everybody:
            check_file(checkout.asked, checkout.folder, each.hear()["file"])
        for client in clients:
            client.tell(server.pid)
        for client in clients:
            client.hear()  # it is connected and warm
        moment = time.perf_counter_ns() + LEAD_NS + LEAD_PER_CLIENT_NS * len(clients)
        for client in clients:
            client.tell(moment)
        said = [(client.hear(), client) for client in clients]
        taken = [client.read(words["calls"]) for words, client in said]
        for client in clients:
            client.finish()
    return _figures([words for words, _ in said], np.concatenate(taken))


def _figures(said: list[dict[str, int]], taken: np.ndarray[Any, np.dtype[np.int64]]) -> Figures:
    p50, p99 = np.quantile(taken, (0.5, 0.99), method="inverted_cdf") / 1e3
    return Figures(
        p50_us=float(p50),
        p99_us=float(p99) if taken.size >= FEWEST_FOR_P99 else math.nan,
        client_cpu_us=sum(words["client_cpu_ns"] for words in said) / taken.size / 1e3,
        # All clients begin and end together: each has seen what the server spent on all of them.
        server_cpu_us=max(words["server_cpu_ns"] for words in said) / taken.size / 1e3,
        calls=int(taken.size),
    )


def _give_up(processes: Iterable[Process], why: str) -> None:
    for process in processes:
        process.give_up(why)


def _remove(name: str) -> None:
    """What a server that had to be killed has left in shared memory. The name is this block's alone."""
    for left in SHARED_MEMORY.glob(f"*{name}*"):
        left.unlink(missing_ok=True)
