"""What a scenario is: immutable, validated, complete. Reading one from TOML is :mod:`scenarios.plan.scenario_files`'s
job.

A scenario is a list of *blocks*; a block is a product of axes (lanes and their contenders, payload sizes,
clients, load, circumstances) plus what is done in each of its cells (method, calls). Nothing here starts a process or
opens a file.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

from scenarios.plan.circumstances import FREE, FRESH, NOTHING, Circumstances
from scenarios.plan.filters import Filter

PER_LANE = ("contenders", "one_client", "one_in_flight")
"""A block's mappings from lanes to contenders."""


@dataclasses.dataclass(frozen=True)
class Block:
    """One product of axes, measured with one method."""

    name: str
    """Empty, or what tells this block's rows from another's: the `scenario` column is then
    ``scenario/name``."""
    contenders: Mapping[str, tuple[str, ...]]
    """Lane to the contenders measured in it. Only pairs that exist."""
    method: str
    payloads: Mapping[str, str]
    """Lane to the kind of payload sent in it, see :mod:`scenarios.plan.payloads`."""
    payload_sizes: tuple[int, ...]
    """Bytes, as encoded on the wire of the `bytes` and `json` lanes; UTF-8 bytes of a text."""
    calls: tuple[int, ...]
    """Most timed calls per client, one number per payload size."""
    warmup_calls: int
    """Most untimed calls before them."""
    seconds: float
    """Most seconds of timed calls per cell; the slow contenders stop here with fewer calls, but not
    with so few that there is no median."""
    clients: tuple[int, ...]
    """How many client processes call at once."""
    load: tuple[str, ...]
    """See :mod:`scenarios.plan.load`."""
    repeats: int | None = None
    """Of this block's cells; None for the scenario's."""
    one_client: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Lane to the contenders that take one client only: they have no cell with more."""
    beside: tuple[str, ...] = (NOTHING,)
    placement: tuple[str, ...] = (FREE,)
    heap: tuple[str, ...] = (FRESH,)
    in_flight: tuple[int, ...] = (1,)
    items: tuple[int, ...] = (0,)
    """See :mod:`scenarios.plan.circumstances`."""
    one_in_flight: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Lane to the contenders whose clients can have one call under way only: they have no cell with more."""
    in_process: tuple[str, ...] = ()
    """Contenders that serve in the client's process: no cell where a server of its own is what it is about."""

    def circumstances(self) -> list[Circumstances]:
        """Every combination of them."""
        axes = itertools.product(self.beside, self.placement, self.heap, self.in_flight, self.items)
        return [Circumstances(*each) for each in axes]


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A named list of blocks, how often each of their cells is repeated, and the seed of everything
    random."""

    name: str
    description: str
    blocks: tuple[Block, ...]
    repeats: int
    seed: int
    time_limit_s: float
    """A cell that takes longer, process starts included, is stopped and recorded as failed."""
    left_out: tuple[str, ...] = ()
    """Why contenders that "all" would have meant are not measured, one sentence each."""
    reruns: int = 1
    """How often a disturbed cell is measured again at most, see :mod:`scenarios.running.reruns`."""
    filter: Filter = dataclasses.field(default_factory=Filter)
    """The cells that are measured."""
    precision: float | None = None
    """Repeats end where half the interval of each p50 is within this share of it, and `repeats` is the limit, see
    :mod:`scenarios.running.stopping`. None: all repeats."""

    def resolved(self) -> dict[str, Any]:
        """Everything that decides what is measured, as JSON types. Two runs with equal values are one
        scenario."""
        plain: dict[str, Any] = dataclasses.asdict(self)
        plain["left_out"] = list(self.left_out)
        plain["filter"] = self.filter.resolved()
        plain["blocks"] = [
            {key: list(value) if isinstance(value, tuple) else value for key, value in block.items()}
            | {key: {lane: list(names) for lane, names in block[key].items()} for key in PER_LANE}
            for block in plain["blocks"]
        ]
        return plain

    @classmethod
    def from_resolved(cls, plain: Mapping[str, Any]) -> Scenario:
        """The scenario that gave :meth:`resolved`; what an older version did not know is as it was then."""
        blocks = tuple(
            Block(**_tuples(block) | {key: _tuples(block.get(key, {})) for key in PER_LANE})
            for block in plain["blocks"]
        )
        chosen = Filter.from_resolved(plain.get("filter", {}))
        return cls(**{"reruns": 0} | _tuples(plain) | {"blocks": blocks, "filter": chosen})


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
