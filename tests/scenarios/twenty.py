"""A run with many contenders whose every figure follows from its place among them, so that tests can say it by hand.

Contender `i` (from 0) takes 10(i + 1) µs in lane bytes and twice that in lane json, and 1 µs more per KB and per
repeat; its p99 is twice its p50. A call costs its client 7 µs of CPU time and its server 5.
"""

from __future__ import annotations

from tests.scenarios.tables import Cells, cells

SIZES = (100, 10_000, 100_000)
NAMES = ["shm", "shm-block", "zmq-ipc", "grpc-uds", "direct", "direct-codec", *(f"third-party-{i}" for i in range(14))]
IN_PROCESS = ("direct", "direct-codec")
CLIENTS = (1, 2, 4)


def p50(name: str, payload_bytes: int, lane: str = "json", repeat: int = 1) -> float:
    """µs; by default the median over the three repeats, 0 to 2."""
    return 10.0 * (NAMES.index(name) + 1) * (1 if lane == "bytes" else 2) + payload_bytes / 1000 + repeat


def rows() -> Cells:
    """Three payloads in two lanes; one, two and four clients; two rates, of which zmq-ipc can't keep the higher."""
    found = [row for lane in ("bytes", "json") for name in NAMES for row in _contender(name, lane)]
    found += [row for name in ("shm", "zmq-ipc") for clients in CLIENTS for row in _clients(name, clients)]
    for name, rate, skipped in (("shm", 1000, 0), ("shm", 5000, 0), ("zmq-ipc", 1000, 0), ("zmq-ipc", 5000, 9)):
        found += _rate(name, rate, skipped)
    return found


def _contender(name: str, lane: str) -> Cells:
    medians = {at: [p50(name, at, lane, repeat) for repeat in range(3)] for at in SIZES}
    wait = "adaptive" if name == "shm" else "block"
    switches = str(NAMES.index(name))
    server_cpu = None if name in IN_PROCESS else 5.0
    more = {"lane": lane, "wait": wait, "voluntary_switches_per_call": switches}
    found = cells(name, medians, client_cpu=7, server_cpu=server_cpu, **more)
    return [row | {"p99_us": str(2 * float(row["p50_us"]))} for row in found]


def _clients(name: str, clients: int) -> Cells:
    """Everything is proportional to the clients; the luckiest gets 5/4 of the unluckiest."""
    more = {"lane": "json", "scenario": "s/clients", "clients": str(clients), "calls_per_s": str(1000 * clients)}
    fairness = {"fairness": "1.25" if clients > 1 else ""}
    return cells(name, {100: [20.0 * clients] * 3}, p99=90.0 * clients, **more, **fairness)


def _rate(name: str, rate: int, skipped: int) -> Cells:
    """p50 is a hundredth of the rate in µs, p99 a tenth; the dispatcher is late by 3 and 11 µs."""
    more = {"lane": "json", "scenario": "s/load", "load": f"{rate}/s", "offered_rps": str(rate)}
    late = {"skipped": str(skipped), "lateness_p50_us": "3.0", "lateness_p99_us": "11.0"}
    return cells(name, {100: [rate / 100] * 3}, p99=rate / 10, client_cpu=7, server_cpu=5, **more, **late)
