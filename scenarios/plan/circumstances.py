"""Under which circumstances calls are measured: beside what, on which CPUs, in what memory, how many at once. Pure.

Every figure of the other scenarios is of ideal ones: two processes that do nothing else, on CPUs that nobody else
wants, fresh from their start. Programs have others:

``beside``      "nothing"; "2-burners": as many processes that compute all the time; "client-thread", "server-thread":
                a thread of that process which computes in Python and so wants its interpreter lock; "quota-100%": both
                processes together may use so much of one CPU, as in a container (a cgroup, which takes the rights);
                "2-sleeping-calls", "2-computing-calls": as many other clients of the same server, each of which calls a
                method that takes 10 ms, asleep or of CPU time, one call after the other
``placement``   "free": where the scheduler puts them; "together": both on one CPU; "apart": one CPU each, of their own
``heap``        "fresh"; "worn": of processes that have run for a while: freed blocks of all sizes between others that
                live, and an allocator that has learned to keep large ones
``in_flight``   1: a client has one call under way, and sends the next when it has the answer; 16: it has sent so many
                before it takes the oldest one's answer, and sends another. Of closed loops: calls that are offered at a
                rate have a queue instead
``items``       0: a call has one answer; 1000: it is of a generator, and one call is the whole stream of so many items

The rhythm of the calls is part of the load: :mod:`scenarios.plan.load`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

NOTHING, FREE, FRESH = "nothing", "free", "fresh"
CLIENT_THREAD, SERVER_THREAD = "client-thread", "server-thread"
TOGETHER, APART = "together", "apart"
WORN = "worn"

PLACEMENTS = (FREE, TOGETHER, APART)
HEAPS = (FRESH, WORN)
BURNERS = re.compile(r"([1-9]\d?)-burners?\Z")
QUOTA = re.compile(r"quota-([1-9]\d{0,3})%\Z")
SLOW_CALLS = re.compile(r"([1-9]\d?)-(sleeping|computing)-calls?\Z")
BESIDE = (
    '"nothing", "2-burners" (a number of processes), "client-thread", "server-thread", "quota-100%" (of a CPU), '
    '"2-sleeping-calls", "2-computing-calls" (of other clients)'
)

IN_FLIGHT, ITEMS = "in_flight", "items"
DEFAULTS: Mapping[str, str | int] = {"beside": NOTHING, "placement": FREE, "heap": FRESH, IN_FLIGHT: 1, ITEMS: 0}
"""The axes, and what an older run was measured with, which has no columns for them."""
SURROUNDINGS = tuple(axis for axis in DEFAULTS if axis not in (IN_FLIGHT, ITEMS))
"""Those that are not the client's own choice."""


@dataclasses.dataclass(frozen=True)
class Circumstances:
    """One value of each of the axes."""

    beside: str = NOTHING
    placement: str = FREE
    heap: str = FRESH
    in_flight: int = 1
    items: int = 0

    @property
    def burners(self) -> int:
        """How many processes compute beside the calls."""
        match = BURNERS.match(self.beside)
        return int(match[1]) if match else 0

    @property
    def quota(self) -> float | None:
        """How many CPUs client and server may use together; None: as many as there are."""
        match = QUOTA.match(self.beside)
        return int(match[1]) / 100 if match else None

    @property
    def slow_callers(self) -> int:
        """How many other clients call a slow method of the same server."""
        match = SLOW_CALLS.match(self.beside)
        return int(match[1]) if match else 0

    @property
    def slow_method(self) -> str:
        """Which: that of the service that takes so long, asleep or computing. Empty where nobody calls one."""
        match = SLOW_CALLS.match(self.beside)
        return {"sleeping": "sleep", "computing": "compute"}[match[2]] if match else ""

    def words(self) -> list[str]:
        """What is not ideal, axis by axis: "2-burners", "together", "worn", "4 in flight", "1000 items"."""
        words = [word for axis in SURROUNDINGS if (word := getattr(self, axis)) != DEFAULTS[axis]]
        words += [f"{self.in_flight} in flight"] if self.in_flight > 1 else []
        return [*words, *([f"{self.items} items"] if self.items else [])]

    def in_words(self) -> str:
        """The words in one; empty where everything is ideal."""
        return ", ".join(self.words())


def of(axes: Mapping[str, object]) -> Circumstances:
    """Those of a cell's axes or of a row; ideal ones where it says nothing."""
    surroundings = {axis: str(axes.get(axis) or DEFAULTS[axis]) for axis in SURROUNDINGS}
    return Circumstances(
        **surroundings, in_flight=int(str(axes.get(IN_FLIGHT) or 1)), items=int(str(axes.get(ITEMS) or 0))
    )


def completed(axes: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's axes, with ideal circumstances where an older run has none."""
    return {**axes, **{axis: default for axis, default in DEFAULTS.items() if axis not in axes}}


def told(axes: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's axes without what is ideal: to be shown."""
    return {axis: value for axis, value in axes.items() if value != DEFAULTS.get(axis)}


def validated_beside(text: str) -> str:
    """Raises ValueError for what the axis `beside` has not."""
    forms = (BURNERS, QUOTA, SLOW_CALLS)
    if text not in (NOTHING, CLIENT_THREAD, SERVER_THREAD) and not any(form.match(text) for form in forms):
        raise ValueError(f"{text!r} is not what can be beside; allowed: {BESIDE}")
    return text


def needs_server(circumstances: Circumstances) -> bool:
    """Whether they make no sense for a contender that serves in the client's own process."""
    slow = circumstances.slow_callers > 0
    return slow or circumstances.beside == SERVER_THREAD or circumstances.placement != FREE
