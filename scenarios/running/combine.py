"""What the clients of one cell found, made one measurement. Runs after the cell, in the runner.

*The window.* Clients begin at one moment. In a closed loop the window ends when the first of them does: from then on
the others had the server to themselves, and the calls they began later are not counted. In an open loop it lasts
until the last call has its answer.

*Calls per second.* All calls of the window over its length. What checking the answers took is the harness' work, and
in a closed loop taken off that length, as it is off the CPU time. Not where several calls are in flight: the others are
answered meanwhile, so that it costs no time where the server is what takes it, and a rate may be too low, never too
high.

*Fairness.* Most calls of a client over fewest, in a closed loop; 1 is fair.

*Latency* of an open loop counts from the moment a call was meant to be sent. The percentiles are over all calls that
were offered: one that was skipped is taken for slower than any that was made. Where that leaves a percentile
undefined, it stays empty.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scenarios.measuring import noise
from scenarios.measuring.client import ClientResult
from scenarios.measuring.usage import Usage
from scenarios.plan.circumstances import Circumstances
from scenarios.plan.load import Load
from scenarios.running import surroundings
from scenarios.statistics import arrivals, figures
from scenarios.statistics.arrivals import NO_ARRIVALS, Arrivals

IDEAL = Circumstances()
Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One cell. Arrays have one element per call of the window, all clients together, by the time the call was sent;
    ns.
    """

    latency_ns: Numbers
    """From just before to just after the call; in an open loop from when it was meant to be sent."""
    service_ns: Numbers | None
    """Open loop: from just before to just after."""
    due_ns: Numbers | None
    """Open loop: when it was meant to be sent, from the beginning."""
    client_of: Numbers | None
    """The client that made each call; None where there is one."""
    lateness_ns: Numbers
    """Open loop: how late the dispatcher sent each call that it could have sent in time. Not in order."""
    skipped: int
    window_s: float
    calls_per_s: float
    wall_ns: int
    """From the first reading of CPU times to the last: what the server's CPU time was used in, checks included."""
    calls_of_clients: tuple[int, ...]
    made: int
    """Calls the costs are spread over: those after a closed loop's window too."""
    client: Usage
    """All clients together."""
    server: Usage | None
    cold_start_ms: float
    """The median client's."""
    noise_flags: tuple[str, ...]
    noise: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    """The figures behind the flags, see :func:`scenarios.measuring.noise.figures`."""
    arrivals: Arrivals = NO_ARRIVALS
    """Open loop: how far the calls' arrivals are from what the load asks."""
    ticks_late_ns: Numbers = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    """Several calls in flight in an event loop: how late each tick of the task beside them was. Not in order."""

    def percentiles(self) -> dict[str, float | None]:
        """The columns of cells.csv that come from latencies, µs."""
        found = figures.describe(self.latency_ns)
        if self.skipped:
            ordered = np.sort(np.append(self.latency_ns, np.full(self.skipped, np.iinfo(np.int64).max)))
            slowest_us = float(self.latency_ns.max()) / 1000
            for name, share in figures.PERCENTILES.items():
                value = figures.percentile_us(ordered, share)
                found[name] = None if value is None or value > slowest_us else value
        return found | {"calls_per_s": self.calls_per_s}

    def fairness(self) -> float | None:
        """Most calls of a client over fewest; None for one client and for an open loop."""
        if len(self.calls_of_clients) == 1 or self.service_ns is not None:
            return None
        fewest = min(self.calls_of_clients)
        return max(self.calls_of_clients) / fewest if fewest else float("inf")

    def client_p50_us(self) -> tuple[float, float] | None:
        """The lowest and the highest p50 of a client; None for one client and for one that answered too few calls.

        A p50 over all calls is that of the clients that make the most.
        """
        if self.client_of is None:
            return None
        each = [np.sort(self.latency_ns[self.client_of == client]) for client in range(len(self.calls_of_clients))]
        found = [figures.percentile_us(one, 0.5) for one in each]
        known = [p50 for p50 in found if p50 is not None]
        return (min(known), max(known)) if len(known) == len(found) else None

    def lateness_us(self, share: float) -> float | None:
        """A percentile of the dispatcher's own lateness; None where too few calls could have been sent in time."""
        return figures.percentile_us(np.sort(self.lateness_ns), share)

    def ticker_us(self, share: float) -> float | None:
        """A percentile of how late a task beside the calls was in their event loop; None without enough ticks."""
        return figures.percentile_us(np.sort(self.ticks_late_ns), share)

    def samples(self) -> dict[str, Numbers]:
        """What the samples file holds besides the latencies, by name."""
        named = {"service_ns": self.service_ns, "due_ns": self.due_ns, "client": self.client_of}
        return {name: values for name, values in named.items() if values is not None}


def combine(parts: Sequence[ClientResult], load: Load, cpus: int, circumstances: Circumstances = IDEAL) -> Measurement:
    """One measurement out of the parts of all clients, in order of the clients."""
    begin = min(part.begin_ns for part in parts)
    start = [_numbers(part.start_ns) for part in parts]
    end = [_numbers(part.end_ns) for part in parts]
    due = [_numbers(part.due_ns) for part in parts]
    free = [np.frombuffer(part.free, np.bool_) for part in parts]
    made = sum(map(len, start))
    checks_ns = 0.0
    if load.is_open:
        until = max(int(each.max(initial=0)) for each in (*end, *due))
    else:
        until = min(int(each[-1]) for each in end)
        counts = [int(np.searchsorted(each, until, "right")) for each in start]
        start = [each[:count] for each, count in zip(start, counts, strict=True)]
        end = [each[:count] for each, count in zip(end, counts, strict=True)]
        if circumstances.in_flight == 1:
            checks_ns = sum(count * part.check_ns for count, part in zip(counts, parts, strict=True)) / len(parts)
    starts, ends = np.concatenate(start), np.concatenate(end)
    if not starts.size:
        raise ValueError("no call was made: the schedule is empty; offer a higher rate, or for longer")
    client_of = np.repeat(np.arange(len(parts)), [each.size for each in start])
    order = np.argsort(starts, kind="stable")
    dues, was_free = np.concatenate(due), np.concatenate(free)
    client = _sum([part.client for part in parts])
    server = _server(parts)
    before = min((part.machine_before for part in parts), key=lambda reading: reading.at_ns)
    after = max((part.machine_after for part in parts), key=lambda reading: reading.at_ns)
    harness_ns = sum(part.harness_cpu_ns for part in parts)
    own = client + server if server else client
    own = dataclasses.replace(own, cpu_ns=own.cpu_ns + harness_ns)  # not the contender's, but none of others either
    flags = noise.flags(before, after, own, processes=len(parts) + (server is not None))
    meant = surroundings.own_doing(circumstances, len(parts) + 1 > cpus)
    flags = tuple(flag for flag in flags if flag not in meant)
    # Of a caller that sleeps until it calls: it was late by itself, unless the call before it was.
    meant_to_send = np.where(was_free, starts, dues) if load.asleep else dues
    return Measurement(
        latency_ns=(ends - (meant_to_send if load.is_open else starts))[order],
        service_ns=(ends - starts)[order] if load.is_open else None,
        due_ns=(dues - begin)[order] if load.is_open else None,
        client_of=client_of[order] if len(parts) > 1 else None,
        lateness_ns=(starts - dues)[was_free] if load.is_open else np.empty(0, np.int64),
        skipped=sum(part.skipped for part in parts),
        ticks_late_ns=np.concatenate([_numbers(part.ticks_late_ns) for part in parts]),
        window_s=(until - begin) / 1e9,
        calls_per_s=starts.size / max(until - begin - checks_ns, 1) * 1e9,
        wall_ns=after.at_ns - before.at_ns,
        calls_of_clients=tuple(each.size for each in start),
        made=made,
        client=client,
        server=server,
        cold_start_ms=float(np.median([part.cold_start_ns for part in parts])) / 1e6,
        noise_flags=flags,
        noise=noise.figures(before, after, own),
        arrivals=arrivals.of(np.where(was_free, starts, dues), load) if load.is_open else NO_ARRIVALS,
    )


def _server(parts: Sequence[ClientResult]) -> Usage | None:
    """The server from the first client's beginning to the last one's end: its counters only grow."""
    before = [part.server_before for part in parts if part.server_before]
    after = [part.server_after for part in parts if part.server_after]
    if not before or not after:
        return None
    return max(after, key=lambda usage: usage.cpu_ns).since(min(before, key=lambda usage: usage.cpu_ns))


def _sum(usages: Sequence[Usage]) -> Usage:
    total = usages[0]
    for usage in usages[1:]:
        total = total + usage
    return total


def _numbers(content: bytes) -> Numbers:
    return np.frombuffer(content, np.int64)
