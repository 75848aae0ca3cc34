"""What a client's process is told, and what it answers. Light; picklable."""

from __future__ import annotations

import dataclasses

from contenders.interface import Contender

Scheduled = tuple[int, int]
"""When a call is due, in ns from the beginning, and its number."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What it is for as long as it lives."""

    contender: Contender
    codec: str
    file: str
    """Of :mod:`scenarios.replay.cargo`."""
    handler: str
    apart: tuple[str, ...] = ()
    """Functions that have a server each, in this order, as in a split program. None: one server answers for all."""


@dataclasses.dataclass(frozen=True)
class Server:
    """Where a server is, once it is ready."""

    address: str
    pid: int


@dataclasses.dataclass(frozen=True)
class BackToBack:
    """One function's calls, one after the other, again and again."""

    function: str
    numbers: tuple[int, ...]
    seconds: float
    """The calls go on until so much time has passed and all have been made equally often."""


@dataclasses.dataclass(frozen=True)
class Rhythm:
    """Calls that begin when they did in the recording."""

    scheduled: tuple[Scheduled, ...]
    callers: int
    """Threads: as many as calls overlapped."""
    own: tuple[bool, ...] = ()
    """Of each call, whether it is made to the function in the client's own process instead; none of them where this is
    empty."""


@dataclasses.dataclass(frozen=True)
class Compared:
    """Results beside the recorded ones."""

    equal: int
    changed: int
    """As the codec changes them."""
    different: int
    first: str = ""
    """The first that was not equal: ``result[2]: tuple -> list``."""

    def and_also(self, other: Compared) -> Compared:
        """Both together."""
        return Compared(
            self.equal + other.equal,
            self.changed + other.changed,
            self.different + other.different,
            self.first or other.first,
        )


@dataclasses.dataclass(frozen=True)
class Timed:
    """What one round found. CPU time in ns, of all threads."""

    latency_ns: bytes
    """Signed 64-bit integers, a line for each pass over the calls."""
    passes: int
    compared: Compared
    client_cpu_ns: int
    server_cpu_ns: int | None
    """None where the server is the client's own process."""


@dataclasses.dataclass(frozen=True)
class Kept:
    """What the calls in their rhythm found: for each in the order they were due."""

    latency_ns: bytes
    """From just before a call was made to just after."""
    late_ns: bytes
    """From when it was due to just before it was made."""
    number: bytes
    cpu_ns: bytes
    """Of the calling thread, in each call."""
    own: bytes
    """A byte for each call: 1 where it was made in the client's own process."""
    callers: int
    client_cpu_ns: int
    """Of the whole process, what was spent waiting for the clock taken off."""
    servers_cpu_ns: tuple[int, ...] | None
    """Of each server, in the order of the task's."""
    compared: Compared = Compared(0, 0, 0)
    """The first result of each call."""
    unmade: int = 0
    """Calls for which there was no time left."""

    def and_also(self, other: Kept) -> Kept:
        """Both, one behind the other."""
        own, its = self.servers_cpu_ns, other.servers_cpu_ns
        return Kept(
            self.latency_ns + other.latency_ns,
            self.late_ns + other.late_ns,
            self.number + other.number,
            self.cpu_ns + other.cpu_ns,
            self.own + other.own,
            self.callers,
            self.client_cpu_ns + other.client_cpu_ns,
            None if own is None or its is None else tuple(one + more for one, more in zip(own, its, strict=True)),
            self.compared.and_also(other.compared),
            self.unmade + other.unmade,
        )


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why there is none."""

    kind: str
    message: str
    trace: str


Asked = BackToBack | Rhythm | None
"""None ends the client."""
Answer = Timed | Kept | Failure
