"""The highest rate at which an open loop's p99 stays under a limit.

Rates are those of a geometric grid (:data:`STEP` apart). Where it begins is asked of a closed loop: no open loop
with as many clients can be faster. From there the search goes down in widening strides until a rate holds, then
bisects between that one and the lowest that did not. What holds once may have been lucky, and what fails once unlucky
(a neighbour, stolen time): the rate found must hold in two of three further trials, else the next lower rate is
tried. So the answer is a rate of the grid, true to one step.

Every trial is a cell in fresh processes, and a row of cells.csv with its samples; `repeat` counts the trials at one
rate. A rate holds when p99 exists (1,000 calls, skipped ones taken for slower than any) and is at most the limit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contenders.interface import Contender
from contenders.registry import ContenderUnavailable
from scenarios.common.errors import UsageError
from scenarios.common.units import micros
from scenarios.plan import circumstances, payloads
from scenarios.plan.cells import Cell
from scenarios.plan.load import CLOSED
from scenarios.plan.scenario import Block, Scenario
from scenarios.records import store
from scenarios.records.store import Run
from scenarios.running import runner, session

STEP = 1.1
"""Rates of the grid are 10% apart: repeated trials of one rate do not agree more closely."""
CONFIRMATIONS = 2
"""Further trials the answer must hold in before it has failed as often."""
FEWEST_CALLS = 1200
"""What a trial offers at least, however low the rate: a p99 needs 1,000, and random moments come in other numbers."""
LOWEST_RATE = 10
SEED = 1

Holds = Callable[[int], bool]


@dataclasses.dataclass(frozen=True)
class Question:
    """What is searched for."""

    contender: str
    lane: str
    payload_bytes: int
    clients: int
    p99_us: float
    seconds: float
    """Of each trial, at least."""
    constant: bool = False


@dataclasses.dataclass(frozen=True)
class Answer:
    """What was found."""

    contender: str
    rate: int | None
    """Calls per second; None when not even the lowest rate held."""
    closed_rate: float
    """What a closed loop made."""
    trials: tuple[tuple[int, float | None, bool], ...]
    """Rate, p99 in µs and whether it held, in the order they were made."""


def grid_rate(index: int) -> int:
    """The rate with that place on the grid."""
    return max(round(LOWEST_RATE * STEP**index), LOWEST_RATE)


def grid_index(rate: float) -> int:
    """The place of the highest rate of the grid that is not above `rate`; -1 below all."""
    index = -1
    while grid_rate(index + 1) <= rate:
        index += 1
    return index


def highest(holds: Holds, top: int) -> int | None:
    """The place of the highest rate that holds and is confirmed, from 0 to `top`; None when there is none.

    `holds` makes one trial; rates are taken to hold below any rate that does.
    """
    low, high, stride = top, top + 1, 1
    while low >= 0 and not holds(grid_rate(low)):
        low, high, stride = low - stride, low, stride * 2
    if low < 0:
        if high == 0 or not holds(grid_rate(0)):
            return None
        low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if holds(grid_rate(middle)):
            low = middle
        else:
            high = middle
    while low >= 0 and not _confirmed(holds, grid_rate(low)):
        low -= 1
    return low if low >= 0 else None


def _confirmed(holds: Holds, rate: int) -> bool:
    """Whether the rate holds :data:`CONFIRMATIONS` times before it has failed as often."""
    held = failed = 0
    while CONFIRMATIONS not in (held, failed):
        if holds(rate):
            held += 1
        else:
            failed += 1
    return held == CONFIRMATIONS


def search(questions: list[Question], kinds: Mapping[str, type[Contender]], results: Path, console: Console) -> Run:
    """Answer each question; the run with every trial in it, and the answers in its capacity.json.

    Contenders that cannot be loaded here are named and left out. Raises :class:`UsageError` for what cannot be
    measured, and where none is left, and what a cell raises.
    """
    questions = _loadable(questions, kinds, console)
    for question in questions:
        kind = _kind(question, kinds)
        if question.clients > 1 and (kind.in_process or not kind(question.lane).many_clients):
            raise UsageError(f"--clients: {question.contender} in lane {question.lane} takes one client only")
    scenario = _scenario(questions)
    run = runner.begin(scenario, kinds, results)
    run.prepare_cells()
    answers = []
    try:
        for question in questions:
            answers.append(_Search(run, question, kinds[question.contender], console).answer())
            run.write_json("capacity.json", {"questions": _plain(questions), "answers": _plain(answers)})
    finally:
        run.set_state(store.FINISHED)  # a search cannot be resumed: what it asked depends on what it was answered
    return run


def _loadable(questions: list[Question], kinds: Mapping[str, type[Contender]], console: Console) -> list[Question]:
    found, left_out = [], []
    for question in questions:
        if question.contender not in kinds:
            raise UsageError(f"--contender: unknown value {question.contender!r}; allowed: {', '.join(kinds)}")
        try:
            _ = kinds[question.contender]
        except ContenderUnavailable as error:
            left_out.append(str(error))
        else:
            found.append(question)
    if not found:
        raise UsageError(f"--contender: {'; '.join(left_out)}")
    for line in left_out:
        console.print(f"left out: {line}", highlight=False)
    return found


def _kind(question: Question, kinds: Mapping[str, type[Contender]]) -> type[Contender]:
    kind = kinds[question.contender]
    if question.lane not in kind.lanes:
        raise UsageError(f"--lane: {question.contender} has no lane {question.lane!r}; it has {', '.join(kind.lanes)}")
    smallest = payloads.MINIMUM_BYTES[payloads.DEFAULT_KINDS["echo"][question.lane]]
    if question.payload_bytes < smallest:
        raise UsageError(f"--payload: {question.payload_bytes} bytes is too small; allowed: {smallest} and more")
    return kind


class _Search:
    """One question, and the trials it took."""

    def __init__(self, run: Run, question: Question, kind: type[Contender], console: Console) -> None:
        self._run, self._question, self._kind, self._console = run, question, kind, console
        self._trials: list[tuple[int, float | None, bool]] = []

    def answer(self) -> Answer:
        question = self._question
        closed = self._measure(CLOSED, 0, question.seconds, 1_000_000 // question.clients)
        closed_rate = float(closed["calls_per_s"])
        found = highest(self._holds, grid_index(closed_rate))
        rate = None if found is None else grid_rate(found)
        return Answer(question.contender, rate, closed_rate, tuple(self._trials))

    def _holds(self, rate: int) -> bool:
        repeat = sum(tried == rate for tried, _, _ in self._trials)
        seconds = max(self._question.seconds, FEWEST_CALLS / rate)
        load = f"{rate}/s-constant" if self._question.constant else f"{rate}/s"
        row = self._measure(load, repeat, seconds, 10_000_000)
        p99 = float(row["p99_us"]) if row["p99_us"] else None
        held = p99 is not None and p99 <= self._question.p99_us
        self._trials.append((rate, p99, held))
        said = "no p99: calls were skipped" if p99 is None else f"p99 {micros(p99)}"
        self._console.print(f"{self._question.contender} {load}: {said}, {'holds' if held else 'does not hold'}")
        return held

    def _measure(self, load: str, repeat: int, seconds: float, calls: int) -> store.Row:
        question = self._question
        cell = Cell(
            axes={
                "scenario": "capacity",
                "contender": question.contender,
                "lane": question.lane,
                "payload_bytes": question.payload_bytes,
                "clients": question.clients,
                "load": load,
                **circumstances.DEFAULTS,
                "repeat": repeat,
            },
            method="echo",
            payload=payloads.DEFAULT_KINDS["echo"][question.lane],
            calls=calls,
            warmup_calls=200,
            seconds=seconds,
            order_index=len(self._run.rows()),
        )
        found = session.run_cell(cell, self._kind, SEED, time_limit_s=60 + 3 * seconds)
        row = runner.to_row(self._run.id, cell, self._kind.wait, found)
        self._run.append(cell.key, row, found.latency_ns, found.samples())
        return row


def show(run: Run, console: Console) -> None:
    """Print the answers of a search."""
    found = run.read_json("capacity.json")
    table = Table("contender", "lane", "payload", "clients", "p99 at most", "calls/s", "closed loop", "trials")
    for question, answer in zip(found["questions"], found["answers"], strict=False):
        table.add_row(
            answer["contender"],
            question["lane"],
            f"{question['payload_bytes']} B",
            str(question["clients"]),
            micros(question["p99_us"]),
            "none" if answer["rate"] is None else f"{answer['rate']:,}",
            f"{answer['closed_rate']:,.0f}",
            str(len(answer["trials"])),
        )
    console.print(table)
    console.print(f"calls/s are true to one step of {STEP - 1:.0%}; every trial is in {run.folder}", highlight=False)


def _scenario(questions: list[Question]) -> Scenario:
    """What the run says of itself: its contenders, without the rates, which are not known beforehand."""
    first = questions[0]
    block = Block(
        name="",
        contenders={first.lane: tuple(question.contender for question in questions)},
        method="echo",
        payloads={first.lane: payloads.DEFAULT_KINDS["echo"][first.lane]},
        payload_sizes=(first.payload_bytes,),
        calls=(10_000_000,),
        warmup_calls=200,
        seconds=first.seconds,
        clients=(first.clients,),
        load=(),
    )
    limit = f"the highest rate whose p99 is at most {micros(first.p99_us)}"
    return Scenario("capacity", limit, (block,), repeats=1, seed=SEED, time_limit_s=60.0)


def _plain(records: list[Question] | list[Answer]) -> list[dict[str, object]]:
    return [dataclasses.asdict(record) for record in records]
