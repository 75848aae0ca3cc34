"""A cell's circumstances from outside: what runs beside it, and on which CPUs its processes are started.

What is inside the processes is :mod:`scenarios.measuring.programs`'s.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

from scenarios.common.quotas import limited, pinned
from scenarios.measuring.noise import OWN_DOING
from scenarios.measuring.programs import burn
from scenarios.plan.circumstances import APART, FREE, NOTHING, TOGETHER, Circumstances


@contextlib.contextmanager
def around(circumstances: Circumstances) -> Iterator[None]:
    """What is beside a cell's processes, which are to be started meanwhile. Raises OSError for a quota."""
    with ExitStack() as stack:
        if circumstances.quota is not None:
            stack.enter_context(limited(circumstances.quota))
        for _ in range(circumstances.burners):
            stack.enter_context(_burner())
        yield


def cpu_of_client(circumstances: Circumstances) -> AbstractContextManager[None]:
    """Clients started meanwhile run where the placement says: on the first usable CPU, if it says anything."""
    return pinned(None if circumstances.placement == FREE else {_usable()[0]})


def cpu_of_server(circumstances: Circumstances) -> AbstractContextManager[None]:
    """The server likewise: on the clients' CPU, or on the next."""
    cpus = {FREE: None, TOGETHER: {_usable()[0]}, APART: set(_usable()[1:2])}
    return pinned(cpus[circumstances.placement])


def own_doing(circumstances: Circumstances, crowded: bool) -> frozenset[str]:
    """The noise flags that say nothing there: the cell is what they tell of. `crowded`: by its own processes."""
    if circumstances.beside != NOTHING:
        return OWN_DOING | {"others", "queue"}
    return OWN_DOING if crowded or circumstances.placement == TOGETHER else frozenset()


def _usable() -> list[int]:
    return sorted(os.sched_getaffinity(0))


@contextlib.contextmanager
def _burner() -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=burn, name="burner", daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()
