"""Notebook 04 draws and prints what the decision model gives, worked out here by hand.

Asked are 20 KB in lane json: between 10 KB and 100 KB, and on the line.
"""

from __future__ import annotations

import math

import pytest

from scenarios.advice.negligible import SHARE
from scenarios.advice.question import Question
from scenarios.analysis import advice
from scenarios.analysis.advice import HANDLERS_US
from scenarios.analysis.notebook import OpenedRun
from scenarios.plots import style
from tests.scenarios import shown
from tests.scenarios.twenty import IN_PROCESS, NAMES, p50

QUESTION = Question(20_000, 500, 500, "json")
OVER_IPC = [name for name in NAMES if name not in IN_PROCESS]


def ipc_us(name: str) -> float:
    """A call of 20 KB; shm is parked by a handler of 500 µs, and as slow as shm-block."""
    name = "shm-block" if name == "shm" else name
    return p50(name, 20_000)


def test_the_answer_is_that_of_the_model(twenty: OpenedRun) -> None:
    found = advice.answer(twenty, QUESTION)
    cores = "cores, client + server"
    heads = ["contender", "p50", "interval", "p99", "IPC share", cores, "one client gives", "clients"]
    assert shown.heads(found) == heads
    rows = shown.rows(found)
    # 51 µs at 10 KB and 141 at 100 KB: 61 at 20 KB, and up to the line in the logarithms: how little is known.
    assert rows["shm-block"] == ["561 µs", "560 to 570 µs", "622 µs", "11%", "0.00 + 0.00", "1,783/s", "1"]
    assert rows["shm (parked, as shm-block)"] == rows["shm-block"]
    assert rows["zmq-ipc"] == ["581 µs", "580 to 592 µs", "662 µs", "14%", "0.00 + 0.00", "1,721/s", "1"]
    assert (rows["direct"][3], rows["direct"][4]) == ("none", "0.00")
    assert [rows[name][0] for name in OVER_IPC[1:]] == [f"{500 + ipc_us(name):,.0f} µs" for name in OVER_IPC[1:]]
    assert sorted(rows.values(), key=lambda row: float(row[0].split()[0])) == list(rows.values())
    first, *_, last = found.text.split("\n\n")
    assert first.startswith("Use shm: a call takes 561 µs at the median and 622 µs at p99")
    assert "61.0 µs (11%) of the median are IPC" in first
    assert "3 repeats at 10 KB and 100 KB, interpolated between them" in last
    assert "a CPU, 2 CPUs" in last


def test_the_share_of_ipc_falls_with_the_handler_and_is_never_over_all(twenty: OpenedRun) -> None:
    picture = advice.share_by_handler(twenty, QUESTION)
    (axes,) = shown.panels(picture)
    drawn = shown.lines(axes)
    assert sorted(drawn) == sorted(OVER_IPC)
    for name in OVER_IPC[1:]:
        ipc = ipc_us(name)
        assert drawn[name] == [(pytest.approx(at), pytest.approx(ipc / (ipc + at))) for at in HANDLERS_US]
    # The pauses of 500 calls/s park it, however short the handler is.
    assert drawn["shm"] == drawn["shm-block"]
    assert all(0 <= share <= 1 for line in axes.lines for _, share in shown.points(line))
    assert shown.points(axes.lines[-1]) == [(0, SHARE), (1, SHARE)]
    assert shown.words(axes) == ["5%"]
    assert axes.get_ylim() == (0, 1.02)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time of the handler", "share of the call that is IPC")
    assert "20 KB (lane json)" in repr(picture)
    assert axes.get_xscale() == "log"
    assert [axes.xaxis.get_major_formatter()(us) for us in (1, 100, 1e5)] == ["1 µs", "100 µs", "100 ms"]
    assert axes.yaxis.get_major_formatter()(0.5) == "50%"
    assert shown.legend(picture) == style.representatives(sorted(OVER_IPC, key=ipc_us))


def test_ipc_is_under_five_percent_from_nineteen_times_its_own_time_on(twenty: OpenedRun) -> None:
    picture = advice.break_even(twenty, QUESTION)
    (axes,) = shown.panels(picture)
    names = [each.get_text() for each in axes.get_yticklabels()]
    # The fastest on top; shm, parked by such a handler, beside shm-block.
    assert names[:-2] == OVER_IPC[:1:-1]
    assert set(names[-2:]) == {"shm", "shm-block"}
    *estimates, question = axes.lines
    assert len(estimates) == 2 * len(names)
    for place, (name, interval, dot) in enumerate(zip(names, estimates[::2], estimates[1::2], strict=True)):
        (low, _), (high, _) = shown.points(interval)
        ((value, where),) = shown.points(dot)
        assert (value, where) == (pytest.approx(19 * ipc_us(name)), place)
        assert low < value < high
    assert shown.words(axes)[-1] == "1,159 µs"
    assert shown.points(question) == [(QUESTION.handler_us, 0), (QUESTION.handler_us, 1)]
    assert "Handler from which IPC is under 5%, 20 KB (lane json)" in repr(picture)
    assert axes.get_xscale() == "log"


def test_cores_at_a_rate_are_the_clients_and_the_servers_side_by_side(twenty: OpenedRun) -> None:
    question = Question(20_000, 10_000, 0, "json")
    picture = advice.cores_at_the_rate(twenty, question)
    (axes,) = shown.panels(picture)
    assert list(shown.bars(axes)) == shown.legend(picture) == ["client", "server"]
    names = [each.get_text() for each in axes.get_yticklabels()]
    assert sorted(names) == sorted(OVER_IPC)
    # 7 and 5 µs of CPU time, 10,000 times a second.
    for name, client, server in zip(names, shown.bars(axes)["client"], shown.bars(axes)["server"], strict=True):
        if name != "shm":  # it is asked for less than it can do, and looks for a request in between
            assert (client[0], client[2]) == (0, pytest.approx(0.07))
            assert (server[0], server[2]) == (pytest.approx(0.07), pytest.approx(0.05))
    needed = {name: math.ceil(10_000 * ipc_us(name) / 1e6) for name in names if name != "shm"}
    words = dict(zip(names, shown.words(axes), strict=True))
    for name, clients in needed.items():
        assert words[name] == ("  0.12" if clients == 1 else f"  0.12, {clients} clients")
    assert repr(picture) == "<Cores burned at 10,000 calls/s, 20 KB, handler 0.00 µs (lane json)>"
