"""What a call takes while several clients call back to back: as measured, between two numbers, or not at all."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from scenarios.advice.curves import Curves, Estimate
from scenarios.advice.model import answer
from scenarios.advice.question import Advice, Question
from scenarios.advice.words import sentences
from scenarios.plan.load import ASLEEP, BUSY
from scenarios.records import store
from scenarios.statistics import clients_and_rates, figures
from tests.scenarios.tables import Cells, cells, is_honest, table

REFERENCE = Path(__file__).parents[3] / "results" / "reference"


def crowd(clients: int, p50: tuple[float, ...], calls_per_s: int = 50_000, size: int = 100) -> Cells:
    axes = {"scenario": "s/clients", "clients": str(clients), "calls_per_s": str(calls_per_s)}
    return cells("ring", {size: p50}, p99=max(p50) * 2, **axes)


FRAME = table(
    cells("ring", {100: (10.0,) * 3, 10_000: (20.0,) * 3}),
    *(crowd(2, (35.0, 40.0, 45.0)), crowd(8, (150.0, 160.0, 180.0))),
)


def of(frame: pd.DataFrame, clients: int, **asked: object) -> Advice:
    question = {"payload_bytes": 100, "rate": 1000, "handler_us": 0, "caller": BUSY, "clients": clients} | asked
    (row,) = answer(Curves(frame, "native"), Question(**question))  # type: ignore[arg-type]
    return row


def test_of_clients_that_call_back_to_back_it_is_said_what_was_measured_of_so_many() -> None:
    row = of(FRAME, 2)
    assert row.p50_us == Estimate(40.0, 35.0, 45.0)
    assert (row.p99_us, row.crowd, row.repeats) == (90.0, (2,), 3)


def test_between_two_numbers_of_clients_the_interval_holds_both() -> None:
    row = of(FRAME, 4)
    assert row.p50_us == Estimate(80.0, 35.0, 180.0)
    assert (row.crowd, row.measurements) == ((2, 8), 6)


def test_they_wait_for_each_others_handlers() -> None:
    row = of(FRAME, 2, handler_us=30)
    assert row.p50_us == Estimate(100.0, 95.0, 105.0)
    assert row.ipc_share is not None
    assert row.ipc_share.value == pytest.approx(0.4)


@pytest.mark.parametrize(("clients", "asked"), [(16, {}), (2, {"payload_bytes": 10_000}), (2, {"beside": "2-burners"})])
def test_of_more_clients_of_other_payloads_and_beside_other_work_nothing_is_said(clients: int, asked: object) -> None:
    row = of(FRAME, clients, **asked)  # type: ignore[arg-type]
    assert (row.measured, row.caveat) == (False, f"{clients} clients at once were not measured")


def test_the_words_say_whose_figures_they_are() -> None:
    curves = Curves(FRAME, "native")
    for question, said in (
        (Question(100, 1000, 0, caller=BUSY, clients=4), "2 and 8 clients at once, as measured"),
        (Question(100, 1000, 0, caller=ASLEEP, clients=4), "one client that makes all calls: of two that come at once"),
        (Question(100, 1000, 0, caller=BUSY), "It rests on 3 repeats"),
    ):
        _, grounds = sentences(curves, question, answer(curves, question), "here")
        assert said in grounds
        assert ("client" in grounds) == (question.clients > 1)


def test_numbers_of_clients_left_out_of_the_committed_run_are_answered_within_a_quarter_or_as_estimates() -> None:
    frame = figures.frame(store.Run(REFERENCE).rows())
    lines = clients_and_rates.by_clients(frame[frame["lane"] == "native"])
    several = lines[lines["clients"] > 1]
    answered = 0
    for number in sorted(set(several["clients"]))[1:-1]:
        without = Curves(frame[frame["clients"] != number], "native")
        for line in several[several["clients"] == number].to_dict("records"):
            found = without.crowds.at(str(line["contender"]), int(number), int(line["payload_bytes"]))
            if found is None:
                continue
            answered += 1
            told = Estimate.of(found.figures["p50_us"], (found.low, found.high))
            truth = Estimate.of(line["p50_us"], (line["p50_low"], line["p50_high"]))
            assert is_honest(told, truth, not told.is_within_a_quarter), line["contender"]
    assert answered > 10


def test_what_they_get_together_is_of_that_payload_or_known_to_be_of_another() -> None:
    made = [crowd(2, (40.0,) * 3, 50_000), crowd(2, (90.0,) * 3, 20_000, size=10_000), crowd(1, (10.0,) * 3, 90_000)]
    crowds = Curves(table(cells("ring", {100: (10.0,) * 3}), *made), "native").crowds
    assert crowds.numbers("ring") == [2]
    assert crowds.together("ring", 3, 10_000) == (True, 20_000)
    assert crowds.together("ring", 2, 1000) == (False, 50_000)
    assert crowds.together("ring", 1, 100) is None
