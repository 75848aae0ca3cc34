"""How many cores a client that never pauses and its server keep at work, and where a run cannot tell.

CPU time by the wall time that it was used in. The client's leaves out what it spends on checking answers, as calls per
second do. The server's does not: one that looks for its next request without sleeping does so meanwhile, too. So it is
divided by the whole time between the readings of it, `wall_us_per_call`. Runs that were made before that was recorded
have calls per second only; where the sum then is more than the machine has, it is no number of cores.
"""

from __future__ import annotations

import dataclasses
import math

from scenarios.advice.curves import Curves

UNCLEAR = "unclear"
"""What a table has in place of more cores than there are."""


@dataclasses.dataclass(frozen=True)
class AtWork:
    """Medians over repeats of one contender at one payload; NaN for what was not measured."""

    client: float
    """Cores."""
    server: float
    cpus: float

    @property
    def both(self) -> float:
        """Cores of client and server; a server that was not measured counts as none."""
        return self.client + (0.0 if math.isnan(self.server) else self.server)

    def words(self) -> tuple[str, str, str]:
        """The client's cores, the server's and those of both. The doubt is the server's as long as the client alone is
        possible."""
        possible = not self.both > self.cpus
        client = UNCLEAR if self.client > self.cpus else _cores(self.client)
        return client, _cores(self.server) if possible else UNCLEAR, _cores(self.both) if possible else UNCLEAR


def at_work(curves: Curves, name: str, payload_bytes: int, cpus: float) -> AtWork:
    """From each repeat's CPU time and the time it was used in, on a machine of so many CPUs."""
    each_us = 1e6 / curves.values(name, payload_bytes, "calls_per_s")
    wall_us = curves.values(name, payload_bytes, "wall_us_per_call").astype(float).fillna(each_us)
    client, server = (
        float((curves.values(name, payload_bytes, f"{side}_cpu_us_per_call") / within_us).median())
        for side, within_us in (("client", each_us), ("server", wall_us))
    )
    return AtWork(client, server, cpus)


def explained(table: str, cpus: float) -> str:
    """The table, and below it what :data:`UNCLEAR` means where it stands in it."""
    if f" {UNCLEAR} " not in table:
        return table
    return (
        f"{table}\n\n*{UNCLEAR}: client and server used more CPU time than {cpus:g} CPUs have in the time of the calls."
        " Such a server does not sleep, and looks for its next request while the client checks an answer, too; that is "
        "in its CPU time, but in no call's. How many cores the calls alone keep at work, this run does not tell.*"
    )


def _cores(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"
