"""Cells: what is measured at once, in fresh processes. Expands a scenario and fixes the order.

A cell's axes are a dictionary, so a new axis is a new key here and a new column in the results, not a new
signature everywhere between.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Mapping

from scenarios.load import CLOSED
from scenarios.scenario import Block, Scenario
from scenarios.units import size

AXES = ("scenario", "contender", "lane", "payload_bytes", "clients", "load", "repeat")
"""The columns that tell one row of cells.csv from every other."""

GROUP = AXES[:-1]
"""The same without the repeat: what an interval or a ratio is computed over."""


def key_of(axes: Mapping[str, object]) -> str:
    """The name of a cell, safe as a file name; from its axes or from its row in cells.csv."""
    return "_".join(f"{axes[axis]}".replace("/", ".") for axis in AXES)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One measurement: where it stands on every axis, and what is done there."""

    axes: Mapping[str, str | int]
    method: str
    payload: str
    calls: int
    warmup_calls: int
    seconds: float
    order_index: int = -1

    @property
    def key(self) -> str:
        """Unique in a run."""
        return key_of(self.axes)

    @property
    def contender(self) -> str:
        """The contender's name."""
        return str(self.axes["contender"])

    @property
    def lane(self) -> str:
        """The lane's name."""
        return str(self.axes["lane"])

    @property
    def payload_bytes(self) -> int:
        """The size of each payload."""
        return int(self.axes["payload_bytes"])

    @property
    def clients(self) -> int:
        """How many client processes call at once."""
        return int(self.axes["clients"])

    @property
    def load(self) -> str:
        """How they call, see :mod:`scenarios.load`."""
        return str(self.axes["load"])

    def __str__(self) -> str:
        what = f"{self.method} {size(self.payload_bytes)}"
        if self.clients > 1:
            what += f" {self.clients} clients"
        if self.load != CLOSED:
            what += f" {self.load}"
        return f"{self.contender} {self.lane} {what} repeat {self.axes['repeat']}"


def expand(scenario: Scenario) -> list[Cell]:
    """Every cell of a scenario in the order it is to be measured.

    Repeats are blocks in time: each holds every cell once, shuffled with the scenario's seed. So a machine
    that gets slower over the run slows all contenders alike, and a ratio within one repeat compares near
    moments.
    """
    ordered: list[Cell] = []
    for repeat in range(max(_repeats(scenario, each) for each in scenario.blocks)):
        blocks = [each for each in scenario.blocks if repeat < _repeats(scenario, each)]
        block = [cell for each in blocks for cell in _product(scenario.name, each, repeat)]
        random.Random(f"{scenario.seed}:{repeat}").shuffle(block)
        ordered += block
    return [dataclasses.replace(cell, order_index=index) for index, cell in enumerate(ordered)]


def _repeats(scenario: Scenario, block: Block) -> int:
    return scenario.repeats if block.repeats is None else block.repeats


def _product(scenario: str, block: Block, repeat: int) -> list[Cell]:
    pairs = [(lane, contender) for lane, names in block.contenders.items() for contender in names]
    sized = zip(block.payload_sizes, block.calls, strict=True)
    return [
        Cell(
            axes={
                "scenario": f"{scenario}/{block.name}" if block.name else scenario,
                "contender": contender,
                "lane": lane,
                "payload_bytes": payload_bytes,
                "clients": clients,
                "load": load,
                "repeat": repeat,
            },
            method=block.method,
            payload=block.payloads[lane],
            calls=calls,
            warmup_calls=block.warmup_calls,
            seconds=block.seconds,
        )
        for (lane, contender), (payload_bytes, calls), clients, load in itertools.product(
            pairs, sized, block.clients, block.load
        )
        if clients == 1 or contender not in block.one_client.get(lane, ())
    ]
