"""The decision model: which IPC for a payload size, a call rate and a handler time, from what a run has measured.

A call takes its handler's time and the time of the call itself, which is measured with a handler that does nothing:
back to back (:mod:`scenarios.advice.curves`), and with pauses or beside other work (:mod:`scenarios.advice.pauses`).
The sum is right where the two don't influence each other. They do in one respect: an adaptive wait is fast because the
answer comes while it still looks, and it parks when a handler takes longer than that (:data:`LOOKS_US`). There an
adaptive contender is given the figures of the one that always parks (``shm-block`` for ``shm``), and so it is in a
run without any pauses. Without such a twin it is not measured there. Where its waits are shorter, the time it looks
is added to the cores.

What one client that calls back to back gets is no limit of the server, which works for another client while this one
prepares its next call. Nor is the CPU time the server burns per call: with several clients it sleeps less often and
burns less. Only the handler's own time is left, which nobody can save: :attr:`Question.server_limit`.

What it is not: queueing is left out (calls that come at random, or of several clients, wait for each other: see the
open-loop figures of a run), and so is what one core's worth of other work would do to any of it.

Pure functions over a table of cells; nothing is extrapolated, what was not measured is None.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import pandas as pd

from scenarios.advice.curves import AdviceError, Curves, Estimate, curves_of
from scenarios.advice.pauses import FIGURES, Added
from scenarios.plan.circumstances import NOTHING
from scenarios.plan.load import ASLEEP, CALLERS
from scenarios.records.store import Run
from scenarios.statistics import figures

SHARE = 0.05
"""IPC below this share of a call is commonly taken for negligible; the break-even handler time is for it."""
BURNS = 0.5
"""Cores: beside a recommended contender that burns more, the next that does not is named."""
ADAPTIVE, SPIN = "adaptive", "spin"
PARKED = "{}-block"
"""The name of the contender that is an adaptive one without its spinning."""


LOOKS_US = 60.0
"""How long ``shm`` looks for an answer before it parks (``shm_rpc_bridge/waiting.py``); others are taken to do the
same."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What someone wants to call, and how often."""

    payload_bytes: float
    """Of the request; the answer is as large, as in the measurement."""
    rate: float
    """Calls per second, all clients together."""
    handler_us: float
    """What the called function itself takes, in µs."""
    lane: str = "native"
    caller: str = ASLEEP
    """What the caller did before it calls, one of :data:`scenarios.plan.load.CALLERS`."""
    beside: str = NOTHING
    """What runs beside, as in :mod:`scenarios.plan.circumstances`."""
    clients: int = 1
    """How many client processes share the rate."""

    def __post_init__(self) -> None:
        for name, least in (("payload_bytes", "more than 0"), ("rate", "more than 0"), ("handler_us", "0 or more")):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0 or (value == 0 and least != "0 or more"):
                raise AdviceError(f"{name} is {value:g}; allowed: {least}")
        if self.caller not in CALLERS:
            raise AdviceError(f"caller is {self.caller!r}; allowed: {', '.join(CALLERS)}")
        if self.clients < 1:
            raise AdviceError(f"clients is {self.clients}; allowed: 1 or more")

    @property
    def server_limit(self) -> float | None:
        """Calls/s that the handler's time alone allows one server, one call after the other; None where that is the
        asked rate or more."""
        return 1e6 / self.handler_us if round(self.rate * self.handler_us / 1e6, 9) > 1 else None


@dataclasses.dataclass(frozen=True)
class Advice:
    """What one contender would do. Times in µs; every None: not measured."""

    contender: str
    in_process: bool
    """It calls within one process: what it costs not to split, and no IPC."""
    wait: str
    figures_of: str
    """The contender whose measurements these are: itself, or what it becomes when it parks."""
    basis: tuple[int, int] | None = None
    """The measured payload sizes behind the figures: the same twice, or neighbours between which they were
    interpolated."""
    ipc_p50_us: Estimate | None = None
    """The call alone, its handler doing nothing."""
    ipc_p99_us: float | None = None
    """Median over the repeats of each repeat's 99th percentile; None where a repeat had under 1,000 calls."""
    p99_of_all: bool | None = None
    """Whether it is of all repeats, or the least it can be, or says nothing:
    :func:`scenarios.statistics.figures.of_all`."""
    p50_us: Estimate | None = None
    """The call with its handler."""
    p99_us: float | None = None
    """The same for p99: exact for a handler that always takes equally long."""
    ipc_share: Estimate | None = None
    """The part of p50 that is not the handler, 0 to 1; 0 within one process."""
    client_cores: float | None = None
    """Cores the calls burn on the client's side at the asked rate, the handler not among them."""
    server_cores: float | None = None
    """The same on the server's side; None within one process."""
    most_calls_per_s: Estimate | None = None
    """What one client gets that calls back to back: one call after the other."""
    clients: int | None = None
    """How many such clients the rate takes, if the server serves them as fast as one."""
    utilization: float | None = None
    """The share of time one client would be in a call; above 1 one is not enough."""
    told_apart: bool | None = None
    """Whether its p50 differs from the recommended contender's: the interval of the ratio, paired within repeats,
    does not hold 1; with pauses, the two intervals do not meet. None without one, and for the recommended one."""
    caveat: str = ""
    rates: tuple[float, ...] = ()
    """The rates at which its pauses were measured; none where it is of calls back to back."""
    rates_caller: str = ""
    """What the caller did there, which may be another than was asked about: see :mod:`scenarios.advice.pauses`."""
    rates_lane: str = ""
    """In which lane they were."""
    repeats: int = 0
    """How many there were behind it, of the call and of its pauses the fewer."""

    @property
    def measured(self) -> bool:
        """Whether there is anything to say at this payload size."""
        return self.p50_us is not None

    def gives_to(self, clients: int) -> bool:
        """Whether so many clients get the rate from it."""
        return self.clients is not None and self.clients <= clients

    @property
    def cores(self) -> float | None:
        """Client and server together."""
        return None if self.client_cores is None else self.client_cores + (self.server_cores or 0.0)


@dataclasses.dataclass(frozen=True)
class BreakEven:
    """From which handler time on the IPC of a contender is below a share of the call."""

    contender: str
    figures_of: str
    payload_bytes: float
    share: float
    handler_us: Estimate | None
    """None: not measured."""


def advise(
    run_or_frame: Run | pd.DataFrame | Curves,
    payload_bytes: float,
    rate: float,
    handler_us: float,
    lane: str = "native",
) -> list[Advice]:
    """:func:`answer` for one client that sleeps until it calls, with nothing beside. Raises :class:`AdviceError`."""
    return answer(run_or_frame, Question(payload_bytes, rate, handler_us, lane))


def answer(run_or_frame: Run | pd.DataFrame | Curves, question: Question) -> list[Advice]:
    """Every contender's answer: those that give the rate to the clients asked about first, then by p50; not measured
    ones last. Raises :class:`AdviceError` for a lane the run has not.
    """
    curves = curves_of(run_or_frame, question.lane)
    rows = [_of(curves, contender, question) for contender in curves.contenders]
    rows.sort(key=lambda row: _rank(row, question))
    best = recommended(rows, question.clients)
    if best is None:
        return rows
    return [_against(curves, row, best, question.payload_bytes) for row in rows]


def recommended(rows: list[Advice], clients: int = 1) -> Advice | None:
    """Of the :func:`tie` the one that burns the fewest cores. None when none was measured there."""
    return min(tie(rows, clients), key=lambda row: math.inf if row.cores is None else row.cores, default=None)


def tie(rows: list[Advice], clients: int = 1) -> list[Advice]:
    """The fastest of :func:`advise` that is IPC, and those whose call, handler and all, takes hardly longer
    (:func:`scenarios.statistics.figures.tied`); fastest first. Of those that give the rate to so many clients, or of
    all where none does; one that never sleeps, and so burns a core whatever the rate, only where no other does."""
    able = candidates(rows, clients)
    calls = {row.contender: row for row in [row for row in able if row.wait != SPIN] or able}
    return [calls[name] for name in figures.tied({name: row.p50_us.value for name, row in calls.items() if row.p50_us})]


def candidates(rows: list[Advice], clients: int = 1) -> list[Advice]:
    """Those that are IPC and give the rate to so many clients, or all where none does; fastest first."""
    remote = [row for row in rows if row.measured and not row.in_process]
    return [row for row in remote if row.gives_to(clients)] or remote


def cheaper(rows: list[Advice], clients: int = 1) -> Advice | None:
    """Where the recommended one burns :data:`BURNS` cores or more: the next that burns at most half of it."""
    best = recommended(rows, clients)
    if best is None or best.cores is None or best.cores < BURNS:
        return None
    able = (row for row in rows if row.measured and not row.in_process and row.clients == best.clients)
    return next((row for row in able if row.cores is not None and row.cores <= best.cores / 2), None)


def break_even(
    run_or_frame: Run | pd.DataFrame | Curves,
    payload_bytes: float,
    lane: str = "native",
    share: float = SHARE,
) -> list[BreakEven]:
    """For every contender that is IPC: the handler time from which on IPC stays under `share` of a call; least
    first, not measured ones last. Raises :class:`AdviceError`."""
    if not 0 < share < 1:
        raise AdviceError(f"share is {share:g}; allowed: more than 0, less than 1")
    curves = curves_of(run_or_frame, lane)
    times = (1 - share) / share
    rows = []
    for contender in curves.contenders:
        if curves.in_process(contender):
            continue
        own = curves.at(contender, "p50_us", payload_bytes)
        source = _figures_of(curves, contender, payload_bytes, own.value * times if own else 0.0)
        ipc = curves.at(source, "p50_us", payload_bytes) if source else None
        handler = ipc.through(lambda value: value * times) if ipc else None
        rows.append(BreakEven(contender, source or contender, payload_bytes, share, handler))
    return sorted(rows, key=lambda row: row.handler_us.value if row.handler_us else math.inf)


def _of(curves: Curves, contender: str, question: Question) -> Advice:
    size, handler_us = question.payload_bytes, question.handler_us
    wait, in_process = curves.wait(contender), curves.in_process(contender)
    own = curves.at(contender, "p50_us", size)
    mean = curves.at(contender, "mean_us", size)  # what throughput goes by, unlike the median
    if own is None or mean is None:
        return Advice(contender, in_process, wait, contender)
    source = contender
    added = _pauses(curves, contender, question, mean.value)
    paces = curves.pauses.are_measured(question.caller) and not in_process  # which wakes nobody
    if added is None and (question.beside != NOTHING or paces):
        what = f"{question.beside} beside it" if question.beside != NOTHING else "such a pause between calls"
        return Advice(contender, in_process, wait, contender, caveat=f"{what} was not measured")
    pause_us = max(0.0, 1e6 / question.rate - handler_us - own.value)
    if added is None or (handler_us > LOOKS_US and wait == ADAPTIVE):
        # A client that waits longer than it looks sleeps, too.
        found = _figures_of(curves, contender, size, max(handler_us, 0.0 if added else pause_us))
        if found is None:
            why = "parks in waits this long, which was not measured"
            return Advice(contender, in_process, wait, contender, caveat=why)
        if found != source:
            source, added = found, _pauses(curves, found, question, mean.value)
    parts = {name: curves.at(source, name, size) for name in FIGURES}
    p50, most = parts["p50_us"], parts["mean_us"]
    assert p50 is not None  # or _figures_of would not have named it
    if added is not None:
        parts = {name: _plus(part, added.figures[name]) for name, part in parts.items()}
        moved = Estimate.of(p50.value + added.figures["p50_us"], (p50.value + added.low, p50.value + added.high))
        p50 = moved if added.rates else parts["p50_us"] or p50
    p99, in_call = parts["p99_us"], parts["mean_us"]
    most = most.through(lambda value: 1e6 / (value + handler_us)) if most else None
    clients = _clients(curves, source, question, most)
    client_cores, server_cores = _cores(curves, source, question, parts, 0.0 if added else pause_us)
    return Advice(
        contender,
        in_process,
        wait,
        source,
        basis=curves.basis(source, size),
        ipc_p50_us=p50,
        ipc_p99_us=p99.value if p99 else None,
        p99_of_all=curves.p99_of_all(source, size),
        p50_us=p50.through(lambda value: value + handler_us),
        p99_us=p99.value + handler_us if p99 else None,
        ipc_share=Estimate(0.0) if in_process else p50.through(lambda value: value / (value + handler_us)),
        client_cores=client_cores,
        server_cores=server_cores,
        most_calls_per_s=most,
        clients=clients,
        utilization=question.rate / question.clients * (in_call.value + handler_us) / 1e6 if in_call else None,
        caveat="never sleeps: a core of the server is gone whatever the rate, and the client's while it waits"
        if wait == SPIN
        else "",
        rates=added.rates if added else (),
        rates_caller=added.caller if added else "",
        rates_lane=added.lane if added else "",
        repeats=min(filter(None, (curves.repeats(source, size), added.repeats if added else 0)), default=0),
    )


def _pauses(curves: Curves, contender: str, question: Question, mean_us: float) -> Added | None:
    back_to_back = 1e6 / (mean_us + question.handler_us)
    return curves.pauses.at(
        *(contender, question.caller, question.beside, question.payload_bytes, question.rate, back_to_back)
    )


def _plus(estimate: Estimate | None, added: float) -> Estimate | None:
    """None where either is not known."""
    return None if estimate is None or math.isnan(added) else estimate.through(lambda value: value + added)


def _clients(curves: Curves, contender: str, question: Question, most: Estimate | None) -> int | None:
    """How many clients, each calling back to back, the rate takes; more than are asked about where those are known not
    to get it together."""
    if most is None:
        return None
    # Rounded, for a rate that is just met must not take another client by a hair.
    clients = math.ceil(round(question.rate / most.value, 9))
    together = curves.most_of(contender, question.clients) if question.clients > 1 else None
    if together is not None and 1e6 / (1e6 / together + question.handler_us) < question.rate:  # one after the other
        return max(clients, question.clients + 1)
    return clients


def _figures_of(curves: Curves, contender: str, payload_bytes: float, longest_wait_us: float) -> str | None:
    """Whose measurements tell what a contender does when it waits that long: its own, or its parked twin's; None
    where it parks and there are none of a twin."""
    own = curves.at(contender, "p50_us", payload_bytes)
    if own is None or not _parks(curves.wait(contender), own.value, longest_wait_us):
        return contender
    twin = PARKED.format(contender)
    return twin if twin in curves.contenders and curves.at(twin, "p50_us", payload_bytes) else None


def _parks(wait: str, own_us: float, longest_wait_us: float) -> bool:
    """Whether waits beside those that were measured make it park. A wait for an answer has a part of the call in it,
    of which no more is known than that it is not the whole."""
    return wait == ADAPTIVE and longest_wait_us > own_us and own_us + longest_wait_us > LOOKS_US


def _cores(
    curves: Curves, contender: str, question: Question, parts: Mapping[str, Estimate | None], pause_us: float
) -> tuple[float | None, float | None]:
    """Cores of client and server for the calls alone, together no more than there are. A contender that spins also
    burns the time it waits: a client while the handler works, a server always. So does one that is adaptive and does
    not park: its server in the pauses, where those are not in its figures."""
    client, server = parts["client_cpu_us_per_call"], parts["server_cpu_us_per_call"]
    wait, own_us = curves.wait(contender), parts["p50_us"].value if parts["p50_us"] else 0.0
    looks = wait in (SPIN, ADAPTIVE) and not _parks(wait, own_us, max(question.handler_us, pause_us))
    client_waits_us = question.handler_us if looks else 0.0
    server_waits_us = pause_us if looks and wait == ADAPTIVE else 0.0
    least = 1.0 if wait == SPIN else 0.0
    client_cores = question.rate * (client.value + client_waits_us) / 1e6 if client else None
    server_cores = max(question.rate * (server.value + server_waits_us) / 1e6, least) if server else None
    too_many = ((client_cores or 0.0) + (server_cores or 0.0)) / curves.cpus
    if too_many > 1:
        client_cores = client_cores / too_many if client_cores is not None else None
        server_cores = server_cores / too_many if server_cores is not None else None
    return client_cores, server_cores


def _rank(row: Advice, question: Question) -> tuple[bool, bool, float, str]:
    possible = row.gives_to(question.clients)
    return (not row.measured, not possible, row.p50_us.value if row.p50_us else math.inf, row.contender)


def _against(curves: Curves, row: Advice, best: Advice, payload_bytes: float) -> Advice:
    if row.contender == best.contender or not row.measured:
        return row
    if row.figures_of == best.figures_of:
        return dataclasses.replace(row, told_apart=False)
    if row.rates or best.rates:
        return dataclasses.replace(row, told_apart=_apart(row.p50_us, best.p50_us))
    ratio = curves.ratio(row.figures_of, best.figures_of, payload_bytes)
    if ratio is None or ratio.low is None or ratio.high is None:
        return row
    return dataclasses.replace(row, told_apart=not ratio.low <= 1 <= ratio.high)


def _apart(one: Estimate | None, other: Estimate | None) -> bool | None:
    """Whether two intervals do not meet; None where there are not two."""
    if one is None or other is None or None in (one.low, one.high, other.low, other.high):
        return None
    assert one.low is not None
    assert one.high is not None
    assert other.low is not None
    assert other.high is not None
    return one.low > other.high or other.low > one.high
