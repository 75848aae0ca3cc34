"""The decision model: which IPC for a payload size, a call rate and a handler time, from what a run has measured.

A call takes its handler's time and the time of the call itself, which is measured with a handler that does nothing:
back to back (:mod:`scenarios.advice.curves`), and with pauses or beside other work (:mod:`scenarios.advice.pauses`).
The sum is right where the two don't influence each other. They do in one respect: an adaptive wait is fast because the
answer comes while it still looks, and it parks when a handler takes longer than that (:data:`LOOKS_US`). There an
adaptive contender is given the figures of the one that always parks (``shm-block`` for ``shm``), and so it is in a
run without any pauses. Without such a twin it is not measured there. Where its waits are shorter, the time it looks
is added to the cores.

Clients that call back to back wait for each other: each of their calls takes what was measured of so many
(:mod:`scenarios.advice.crowds`), and the handler's time of all of them. Of clients with pauses between their calls the
figures are those of one that makes all calls: of two that come at once, one waits.

What several clients get together is what was measured of them, with the handler's time one call after the other, which
nobody can save: :attr:`scenarios.advice.question.Question.server_limit`. Where several were not measured, it is taken
for so many times what one gets, and no more than all cores compute.

What it is not: queueing is left out (calls that come at random wait for each other: see the open-loop figures of a
run), and so is what one core's worth of other work would do to any of it.

Pure functions over a table of cells; nothing is extrapolated, what was not measured is None.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from scenarios.advice import choice
from scenarios.advice.curves import Curves, Estimate
from scenarios.advice.pauses import FIGURES, Added
from scenarios.advice.question import ADAPTIVE, SPIN, Advice, Question
from scenarios.plan.circumstances import NOTHING
from scenarios.plan.load import ASLEEP, AWAKE, BUSY

PARKED = "{}-block"
"""The name of the contender that is an adaptive one without its spinning."""
LOOKS_US = 60.0
"""How long ``shm`` looks for an answer before it parks (``shm_rpc_bridge/waiting.py``); others are taken to do the
same."""


def answer(curves: Curves, question: Question) -> list[Advice]:
    """Every contender's answer in the order of :func:`scenarios.advice.choice.rank`; the curves are of its lane.

    All are of one kind of caller: where the best with callers that compute until they call is better than any that was
    measured to give sleepers such a rate, and was not measured with those, all are of callers that compute;
    `rates_caller` says so.
    """
    rows = _rows(curves, question)
    if question.caller == ASLEEP and curves.pauses.are_measured(AWAKE):
        awake = _rows(curves, dataclasses.replace(question, caller=AWAKE))
        rows = awake if _misses(rows, choice.recommended(awake)) else rows
    best = choice.recommended(rows)
    return [choice.against(curves, row, best, question.payload_bytes) for row in rows] if best else rows


def _rows(curves: Curves, question: Question) -> list[Advice]:
    return sorted((_of(curves, contender, question) for contender in curves.contenders), key=choice.rank)


def _misses(rows: list[Advice], other: Advice | None) -> bool:
    """Whether that one, which was measured otherwise, is better than all of these and not known among them."""
    best = choice.recommended(rows)
    if other is None or any(row.gives and row.contender == other.contender for row in rows):
        return False
    return best is None or choice.rank(other) < choice.rank(best)


def _of(curves: Curves, contender: str, question: Question) -> Advice:
    size, handler_us = question.payload_bytes, question.handler_us
    wait, in_process = curves.wait(contender), curves.in_process(contender)
    own = curves.at(contender, "p50_us", size)
    if own is None:
        return Advice(contender, in_process, wait, contender)
    if question.clients > 1 and question.caller == BUSY and not in_process:
        return _of_crowd(curves, contender, question)
    source = contender
    added = _pauses(curves, contender, question)
    if added is None and (question.beside != NOTHING or curves.pauses.are_measured(question.caller)):
        why = _not_measured(curves, contender, question)
        known = curves.pauses.at(contender, BUSY, question.beside, size, question.rate, math.inf)
        most = _one_client(curves, contender, question) if known else None
        return Advice(contender, in_process, wait, contender, most_calls_per_s=most, caveat=why)
    pause_us = max(0.0, 1e6 / question.rate - handler_us - own.value)
    if added is None or (handler_us > LOOKS_US and wait == ADAPTIVE):
        # A client that waits longer than it looks sleeps, too.
        found = figures_of(curves, contender, size, max(handler_us, 0.0 if added else pause_us))
        if found is None:
            why = "parks in waits this long, which was not measured"
            return Advice(contender, in_process, wait, contender, caveat=why)
        if found != source:
            source, added = found, _pauses(curves, found, question)
    parts = {name: curves.at(source, name, size) for name in FIGURES}
    p50, most = parts["p50_us"], _one_client(curves, source, question)
    assert p50 is not None  # or figures_of would not have named it
    if added is not None:
        parts = {name: _plus(part, added.figures[name]) for name, part in parts.items()}
        p50 = _moved(p50, added)
    p99, in_call = parts["p99_us"], parts["mean_us"]
    client_cores, server_cores = _cores(curves, source, question, parts, 0.0 if added else pause_us)
    # A call that was measured as it is asked for rests on nothing else.
    counted = (0, 0, 0) if added and added.here else (curves.repeats(source, size), *curves.noise(source, size))
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
        gives=most is not None and _served(curves, source, question, most.value, question.clients),
        clients=_clients(curves, source, question, most.value) if most else None,
        utilization=question.rate / question.clients * (in_call.value + handler_us) / 1e6 if in_call else None,
        caveat="never sleeps, so a core of the server is gone whatever the rate, and the client's while it waits"
        if wait == SPIN
        else "",
        rates=added.rates if added else (),
        rates_caller=added.caller if added else "",
        rates_lane=added.lane if added else "",
        rates_payloads=added.payloads if added else (),
        between=_is_between(curves.basis(source, size), added, question.rate),
        far=bool(added and added.far),
        repeats=min(filter(None, (counted[0], added.repeats if added else 0)), default=0),
        disturbed=counted[1] + (added.disturbed if added else 0),
        measurements=counted[2] + (added.measurements if added else 0),
    )


def _of_crowd(curves: Curves, contender: str, question: Question) -> Advice:
    """Several clients, each calling back to back."""
    size, handlers_us = question.payload_bytes, question.clients * question.handler_us
    wait, most = curves.wait(contender), _one_client(curves, contender, question)
    source = figures_of(curves, contender, size, handlers_us)
    crowd = curves.crowds.at(source, question.clients, size) if source and question.beside == NOTHING else None
    if source is None or crowd is None:
        why = f"{question.clients} clients at once were not measured"
        return Advice(contender, False, wait, contender, most_calls_per_s=most, caveat=why)
    p50 = Estimate.of(crowd.figures["p50_us"], (crowd.low, crowd.high))
    parts = {name: None if math.isnan(value) else Estimate(value) for name, value in crowd.figures.items()}
    p99 = parts["p99_us"]
    client_cores, server_cores = _cores(curves, source, question, parts, 0.0)
    return Advice(
        contender,
        False,
        wait,
        source,
        basis=(int(size), int(size)),
        ipc_p50_us=p50,
        ipc_p99_us=p99.value if p99 else None,
        p99_of_all=bool(p99) or None,
        p50_us=p50.through(lambda value: value + handlers_us),
        p99_us=p99.value + handlers_us if p99 else None,
        ipc_share=p50.through(lambda value: value / (value + handlers_us)),
        client_cores=client_cores,
        server_cores=server_cores,
        most_calls_per_s=most,
        gives=most is not None and _served(curves, source, question, most.value, question.clients),
        clients=_clients(curves, source, question, most.value) if most else None,
        crowd=crowd.numbers,
        between=crowd.numbers != (question.clients,),
        repeats=crowd.repeats,
        disturbed=crowd.disturbed,
        measurements=crowd.measurements,
    )


def _moved(p50: Estimate, added: Added) -> Estimate:
    """With what is added, and the interval of the call as it was measured; elsewhere both intervals count."""
    value = p50.value + added.figures["p50_us"]
    if added.here:
        return Estimate.of(value, (p50.value + added.low, p50.value + added.high))
    if p50.low is None or p50.high is None:
        return Estimate(value)
    return Estimate.of(value, (max(0.0, p50.low + added.low), p50.high + added.high))


def _is_between(basis: tuple[int, int] | None, added: Added | None, rate: float) -> bool:
    """Whether no measurement is of that payload, with that pause and what is beside it."""
    if added is None or not added.payloads:
        return basis is None or basis[0] != basis[1]
    return not added.here or any(each != rate for each in added.rates)


def _not_measured(curves: Curves, contender: str, question: Question) -> str:
    """What was not, and what was, if anything."""
    what = "such a pause between calls" if question.beside == NOTHING else f"{question.beside} beside it"
    known = curves.pauses.measured(contender, question.beside)
    if question.beside == NOTHING or not known:
        return f"{what} was not measured"
    asked = "back to back" if question.caller == BUSY else f"{question.rate:,.10g}/s {question.caller}"
    return f"{what} was measured {', '.join(known)}: nothing near enough to {asked}"


def _pauses(curves: Curves, contender: str, question: Question) -> Added | None:
    one = _one_client(curves, contender, question)
    back_to_back = one.value if one else math.inf
    return curves.pauses.at(
        *(contender, question.caller, question.beside, question.payload_bytes, question.rate, back_to_back)
    )


def _one_client(curves: Curves, contender: str, question: Question) -> Estimate | None:
    """Calls/s of one client that calls back to back, with the handler and what runs beside."""
    call = curves.each_call_us(contender, question.payload_bytes)
    beside = curves.pauses.at(contender, BUSY, question.beside, question.payload_bytes, question.rate, math.inf)
    more_us = question.handler_us + (beside.figures["mean_us"] if beside else 0.0)
    return call.through(lambda value: 1e6 / (value + more_us)) if call else None


def _plus(estimate: Estimate | None, added: float) -> Estimate | None:
    """None where either is not known."""
    return None if estimate is None or math.isnan(added) else estimate.through(lambda value: value + added)


def _clients(curves: Curves, contender: str, question: Question, one: float) -> int | None:
    """How many clients the rate takes, each calling back to back; `one` is what one of them gets. None where no number
    of them gets it."""
    # Rounded, for a rate that is just met must not take another client by a hair; and nobody calls without a client.
    fewest = max(1, math.ceil(round(question.rate / one, 9)))
    tried = [fewest, *(clients for clients in curves.crowds.numbers(contender) if clients > fewest)]
    return next((clients for clients in tried if _served(curves, contender, question, one, clients)), None)


def _served(curves: Curves, contender: str, question: Question, one: float, clients: int) -> bool:
    """Whether so many clients get the rate, each calling back to back."""
    alone = clients * one
    if clients > 1 and curves.in_process(contender):
        alone = min(alone, _all_cores(curves, contender, question))
    elif clients > 1:
        together = curves.crowds.together(contender, clients, question.payload_bytes)
        if together is None:  # then at least what one call takes of the server
            server = curves.at(contender, "server_cpu_us_per_call", question.payload_bytes)
            measured, call_us = False, server.value if server else 0.0
        else:
            measured, call_us = together[0], 1e6 / together[1]
        limit = 1e6 / (call_us + question.handler_us) if call_us + question.handler_us else math.inf
        if together is None:
            limit = min(limit, _all_cores(curves, contender, question))
        alone = limit if measured else min(alone, limit)
    return round(question.rate / alone, 9) <= 1


def _all_cores(curves: Curves, contender: str, question: Question) -> float:
    """Calls/s of which every core there is computes nothing else."""
    sides = [curves.at(contender, f"{side}_cpu_us_per_call", question.payload_bytes) for side in ("client", "server")]
    busy_us = sum(side.value for side in sides if side)
    return curves.cpus * 1e6 / busy_us if busy_us else math.inf


def figures_of(curves: Curves, contender: str, payload_bytes: float, longest_wait_us: float) -> str | None:
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
