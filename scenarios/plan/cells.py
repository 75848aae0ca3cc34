"""Cells: what is measured at once, in fresh processes. Expands a scenario and fixes the order.

A cell's axes are a dictionary, so a new axis is a new key here and a new column in the results, not a new
signature everywhere between.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Mapping

from scenarios.common.units import size
from scenarios.plan import circumstances
from scenarios.plan.circumstances import Circumstances
from scenarios.plan.load import CLOSED
from scenarios.plan.scenario import Block, Scenario

AXES = ("scenario", "contender", "lane", "payload_bytes", "clients", "load", *circumstances.DEFAULTS, "repeat")
"""The columns that tell one row of cells.csv from every other."""

GROUP = AXES[:-1]
"""The same without the repeat: what an interval or a ratio is computed over."""

QUESTION = tuple(axis for axis in GROUP if axis != "contender")
"""What contenders are compared in, and why those that answer the same follow each other."""

RERUN_SHARE = 0.2
"""Of a repeat's cells, so many are measured again at most: on a machine that is always disturbed a run takes a
fifth longer, not twice as long."""


def key_of(axes: Mapping[str, object]) -> str:
    """The name of a cell, safe as a file name; from its axes or from its row in cells.csv. A further attempt at a
    cell has a name of its own."""
    attempt = int(str(axes.get("attempt") or 0))
    again = f"_attempt{attempt}" if attempt else ""
    # Ideal circumstances have no words, as the names of older runs have none.
    told = [words.replace(" ", "-") for words in circumstances.of(axes).words()]
    named = [f"{axes[axis]}".replace("/", ".") for axis in AXES if axis not in circumstances.DEFAULTS]
    return "_".join([*named[:-1], *told, named[-1]]) + again


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
        """How they call, see :mod:`scenarios.plan.load`."""
        return str(self.axes["load"])

    @property
    def circumstances(self) -> Circumstances:
        """What runs beside it, where, in what memory, and how many calls a client has under way."""
        return circumstances.of(self.axes)

    @property
    def repeat(self) -> int:
        """Its repeat, from 0."""
        return int(self.axes["repeat"])

    def __str__(self) -> str:
        what = f"{self.method} {size(self.payload_bytes)}"
        if self.clients > 1:
            what += f" {self.clients} clients"
        if self.load != CLOSED:
            what += f" {self.load}"
        if words := self.circumstances.in_words():
            what += f" {words}"
        again = ", again" if self.axes.get("attempt") else ""
        return f"{self.contender} {self.lane} {what} repeat {self.axes['repeat']}{again}"


def expand(scenario: Scenario) -> list[Cell]:
    """Every cell of a scenario in the order it is to be measured.

    Repeats are blocks in time: each holds every cell once, shuffled with the scenario's seed, but for that the
    contenders of one question (lane, payload, clients, load, circumstances) follow each other. So a machine that gets
    slower over the run slows all contenders alike, and a ratio within one repeat compares near moments. `order_index`
    is a place in time; behind each repeat some are left free for cells that are measured again.
    """
    ordered: list[Cell] = []
    first = 0
    for repeat in range(max(_repeats(scenario, each) for each in scenario.blocks)):
        blocks = [each for each in scenario.blocks if repeat < _repeats(scenario, each)]
        block = [cell for each in blocks for cell in _product(scenario.name, each, repeat)]
        random.Random(f"{scenario.seed}:{repeat}").shuffle(block)
        questions: dict[tuple[str, ...], list[Cell]] = {}
        for cell in block:
            questions.setdefault(tuple(str(cell.axes[axis]) for axis in QUESTION), []).append(cell)
        block = [cell for each in questions.values() for cell in each if scenario.filter.accepts(cell.axes)]
        ordered += [dataclasses.replace(cell, order_index=first + i) for i, cell in enumerate(block)]
        first += len(block) + most_reruns(len(block), scenario.reruns)
    return ordered


def most_reruns(cells: int, reruns: int) -> int:
    """How many of a repeat's cells may be measured again, all attempts counted."""
    return max(1, int(RERUN_SHARE * cells)) if reruns else 0


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
                **dataclasses.asdict(around),
                "repeat": repeat,
            },
            method=block.method,
            payload=block.payloads[lane],
            calls=calls,
            warmup_calls=block.warmup_calls,
            seconds=block.seconds,
        )
        for (lane, contender), (payload_bytes, calls), clients, load, around in itertools.product(
            pairs, sized, block.clients, block.load, block.circumstances()
        )
        if clients + around.slow_callers == 1 or contender not in block.one_client.get(lane, ())
        if around.in_flight == 1 or contender not in block.one_in_flight.get(lane, ())
        if contender not in block.in_process or not circumstances.needs_server(around)
    ]
