"""What a load is: ``closed``, or calls offered at a rate, and when each of them is meant to be sent. Pure.

``closed``             each client calls again as soon as it has its answer: it finds the highest pace and, like
                       every closed loop, waits out a slow server instead of noticing how late its calls become
``1000/s``             an open loop: 1,000 calls per second offered over all clients together, at random moments
``1000/s-constant``    the same, evenly spaced
``1000/s-asleep``      random moments, even ones with ``1000/s-constant-asleep``: the caller sleeps until then, as one
                       that waits for something, and its core with it; else it computes until it calls

Random moments (exponential gaps, a Poisson process) are the default: so arrive calls whose causes do not know of
each other, which is what a service in front of many users sees. They meet the server in every state it has, in
proportion to the time it spends there (Wolff 1982, "Poisson arrivals see time averages"), where an even pace can run
in step with a timer and see one state only; and they come in bursts, so that the queue in front of a busy
server is part of the answer before it is overloaded. The price is that a p99 near saturation is that of the
queue and not of the transport: look at the even pace beside it to tell the two apart.
"""

from __future__ import annotations

import dataclasses
import random
import re
from array import array

CLOSED = "closed"
ASLEEP, AWAKE, BUSY = "asleep", "awake", "busy"
CALLERS = (ASLEEP, AWAKE, BUSY)
"""What a caller did before it calls: slept, computed, or had its last answer just now, as in a closed loop."""
FORM = re.compile(r"([1-9]\d*)/s(-constant)?(-asleep)?\Z")
ALLOWED = (
    '"closed", "1000/s" (calls per second over all clients, at random moments), "1000/s-constant" (evenly), '
    '"1000/s-asleep" (the caller sleeps until then)'
)


@dataclasses.dataclass(frozen=True)
class Load:
    """One value of the axis `load`."""

    rate: float | None = None
    """Calls per second offered by all clients together; None for a closed loop."""
    constant: bool = False
    asleep: bool = False
    """Whether the caller sleeps until it calls. A call's latency counts from when it woke, unless it came late because
    the one before was not answered: how late it wakes is the sleeper's affair, and is in `lateness_*`."""

    @classmethod
    def parse(cls, text: str) -> Load:
        """The load a scenario or cells.csv names. Raises ValueError for anything else."""
        if text == CLOSED:
            return cls()
        match = FORM.match(text)
        if not match:
            raise ValueError(f"{text!r} is not a load; allowed: {ALLOWED}")
        return cls(float(match[1]), bool(match[2]), bool(match[3]))

    @property
    def is_open(self) -> bool:
        """Whether calls are offered by the clock."""
        return self.rate is not None


def schedule(
    load: Load, client: int, clients: int, seconds: float, most: int, seed: int, repeat: int = 0
) -> array[int]:
    """When client number `client` means to send each call: ns from the start, ascending.

    `seconds` of calls, `most` at the most. Each client has an equal share of the rate and random moments of its
    own: together they are a Poisson process again. Evenly spaced clients take turns. The same for every contender
    of a repeat, so that all face the same bursts; others in the next, so that an interval over the repeats holds what
    the arrivals vary by. Needs a load that is open.
    """
    if load.rate is None:
        raise ValueError("a closed loop has no schedule")
    gap_ns = 1e9 * clients / load.rate
    end_ns = seconds * 1e9
    due = array("q")
    if load.constant:
        at = gap_ns * client / clients
        while at < end_ns and len(due) < most:
            due.append(round(at))
            at += gap_ns
        return due
    rng = random.Random(f"{seed}:{repeat}:{load.rate}:{client}/{clients}")
    at = rng.expovariate(1) * gap_ns
    while at < end_ns and len(due) < most:
        due.append(round(at))
        at += rng.expovariate(1) * gap_ns
    return due
