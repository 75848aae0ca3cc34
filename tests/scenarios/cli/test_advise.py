"""``python -m scenarios advise`` as a user types it, on the reference run and on runs that hold less."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scenarios.advice.curves import curves_of
from scenarios.advice.model import answer
from scenarios.advice.question import Question
from scenarios.cli.arguments import QuantityError, rate_per_s, size_bytes, time_us
from scenarios.cli.commands import main
from scenarios.common.units import micros
from scenarios.records import store
from tests.scenarios.tables import Cells, cells

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "results" / "reference"


def _ask(*more: str, payload: str = "20KB", rate: str = "500", handler: str = "500us") -> int:
    return main(["advise", "--payload", payload, "--rate", rate, "--handler", handler, *more])


def _small(results: Path, rows: Cells) -> None:
    run = store.create(results, {"name": "small"})
    run.rewrite_rows(rows)
    run.set_state(store.FINISHED)


def test_it_prints_the_models_figures_and_two_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = curves_of(store.Run(REFERENCE), "native").sizes("shm")[:2]
    between = round((first * second) ** 0.5)
    assert _ask("--run", str(REFERENCE), "--json", payload=f"{between}B") == 0
    found = json.loads(capsys.readouterr().out)
    rows = answer(curves_of(store.Run(REFERENCE), "native"), Question(between, 500, 500))
    assert [row["contender"] for row in found["rows"]] == [row.contender for row in rows]
    asked = {"payload_bytes": between, "rate": 500, "handler_us": 500, "lane": "native"}
    assert found["question"] == asked | {"caller": "asleep", "beside": "nothing", "clients": 1}
    assert len(found["sentences"]) == 2
    assert _ask("--run", str(REFERENCE), payload=f"{between}B") == 0
    shown = capsys.readouterr().out
    for sentence in found["sentences"]:
        assert sentence in shown
    for row in rows:
        assert row.contender in shown
    assert found["recommended"] in found["sentences"][0]
    assert "interpolated between them" in found["sentences"][1]
    assert store.Run(REFERENCE).environment()["cpu"] in found["sentences"][1]


def test_the_newest_finished_run_that_holds_the_question_is_asked_else_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def answered() -> str:
        assert _ask("--results", str(tmp_path), "--json") == 0
        return str(json.loads(capsys.readouterr().out)["run"])

    def add(hour: int, name: str, rows: Cells, state: str = store.FINISHED) -> str:
        run = store.create(tmp_path, {"name": name}, datetime(2030, 1, 1, hour, tzinfo=UTC))
        run.rewrite_rows(rows)
        run.set_state(state)
        return run.id

    (tmp_path / "reference").symlink_to(REFERENCE)
    assert answered() == "reference"
    around = {10_000: (1.0,) * 3, 100_000: (1.0,) * 3}
    asleep = {"scenario": "s/paced", "load": "500/s-asleep", "offered_rps": "500", "calls_per_s": "500"}
    paced = cells("a", {10_000: (9.0,) * 3}, **asleep)
    whole = add(1, "small", cells("a", around) + paced)
    add(1, "without-pauses", cells("a", around))
    add(2, "small", cells("a", around) + paced, store.RUNNING)
    add(3, "capacity", cells("a", around) + paced)
    add(4, "a-a", cells("a", around) + paced)
    add(5, "small", cells("a", around, lane="json"))
    add(6, "small", cells("a", {100: (1.0,) * 3}))
    add(7, "small", cells("direct", around, server_cpu=None))
    add(8, "small", [])
    assert answered() == whole
    assert _ask("--results", str(tmp_path)) == 0
    assert f"answered from the run {whole}" in capsys.readouterr().out


def test_without_a_run_that_holds_the_question_and_a_reference_it_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _small(tmp_path, cells("a", {100: (1.0,) * 3}))
    assert _ask("--results", str(tmp_path)) == 2
    assert "holds 20 KB in lane native" in capsys.readouterr().err


def test_at_80_columns_names_and_medians_are_whole_and_later_columns_go_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _ask("--run", str(REFERENCE), "--json", payload="100B") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    monkeypatch.setenv("COLUMNS", "80")
    assert _ask("--run", str(REFERENCE), payload="100B") == 0
    shown = capsys.readouterr().out
    lines = [line for line in shown.splitlines() if line.startswith("│")]
    assert len(lines) == len(rows)
    assert max(map(len, lines)) <= 80
    for row, line in zip(rows, lines, strict=True):
        assert row["contender"] in line
        assert not row["p50_us"] or micros(row["p50_us"]["value"]) in line
    assert "…" not in shown
    assert "one client gives, clients, IPC under" in " ".join(shown.split())


def test_what_was_not_measured_is_said_not_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _small(tmp_path, cells("a", {100: (1.0,) * 3}))
    assert _ask("--results", str(tmp_path), "--run", "latest") == 0
    shown = capsys.readouterr().out
    assert "Not measured: no contender has figures on both sides of 20 KB" in shown
    assert "holds 100 B to 100 B" in shown


def test_a_rate_that_one_client_cannot_get_is_answered_with_the_clients_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _small(tmp_path, cells("a", {100: (100.0,) * 3}))
    assert _ask("--results", str(tmp_path), payload="100B", rate="5000/s", handler="400us") == 0
    shown = capsys.readouterr().out
    assert "One client, calling back to back, cannot get 5,000 calls/s" in shown
    assert "with a one gets at most 2,000/s" in shown
    assert "the rate takes" not in shown
    assert "one server, one call after the other, cannot give that, for the handler allows at most 2,500/s" in shown
    assert _ask("--results", str(tmp_path), payload="100B", rate="2400/s", handler="400us") == 0
    shown = capsys.readouterr().out
    assert "with a one gets at most 2,000/s, so the rate takes 2 clients" in shown
    assert "one server, one" not in shown


def test_a_busy_server_a_negligible_choice_and_a_parked_contender_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {"noise_flags": "steal"}
    adaptive = cells("ring", {100: (10.0,) * 3}, wait="adaptive", **flags)
    _small(tmp_path, adaptive + cells("ring-block", {100: (20.0,) * 3}, **flags))
    assert _ask("--results", str(tmp_path), payload="100B", rate="900", handler="1ms") == 0
    shown = capsys.readouterr().out
    assert "Use ring: a call takes 1,020 µs at the median; 20.0 µs (2.0%) of the median are IPC" in shown
    assert "one client would be in a call 92% of the time" in shown
    assert "with every other IPC here it is under 5%, too" in shown
    assert "the figures are ring-block's" in shown
    assert "parks as that does: both sides asleep;" in shown
    assert "ring-block cannot be told from it" in shown
    assert "3 of the 3 measurements behind it were flagged" in shown


def test_the_pauses_that_were_measured_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asleep = {"scenario": "s/paced", "load": "1000/s-asleep", "offered_rps": "1000", "calls_per_s": "1000"}
    parts = [
        cells("ring", {100: (10.0,) * 3}, wait="adaptive"),
        cells("ring", {100: (20.0, 22.0, 90.0)}, wait="adaptive", **asleep),
    ]
    _small(tmp_path, [row for part in parts for row in part])
    assert _ask("--results", str(tmp_path), payload="100B", rate="1000", handler="0us") == 0
    shown = capsys.readouterr().out
    assert "Use ring: a call takes 22.0 µs" in shown
    assert "pauses as measured at 1,000/s, the caller asleep" in shown
    assert _ask("--results", str(tmp_path), "--caller", "busy", payload="100B", rate="1000", handler="0us") == 0
    assert "Use ring: a call takes 10.0 µs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("there", "shown", "said"),
    [
        (1, "not measured", "at the median;"),
        (2, "≥ 39.0 µs", "and at least 39.0 µs at p99;"),
        (3, " 39.0 µs", "and 39"),
    ],
)
def test_a_p99_that_slower_repeats_have_not_is_a_least_or_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: int, shown: str, said: str
) -> None:
    rows = cells("a", {100: (10.0,) * 3})
    for row in rows[:there]:
        row["p99_us"] = "29"
    _small(tmp_path, rows)
    assert _ask("--results", str(tmp_path), payload="100B", handler="10us") == 0
    found = capsys.readouterr().out
    assert shown in next(line for line in found.splitlines() if line.startswith("│a "))
    assert said in found


def test_two_repeats_are_said_to_be_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _small(tmp_path, cells("a", {100: (10.0, 11.0)}) + cells("b", {100: (20.0, 22.0)}))
    assert _ask("--results", str(tmp_path), payload="100B") == 0
    assert "from so few it cannot be said how sure it is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"payload": "20 kb"}, "--payload '20 kb' is not a size; allowed: bytes above 0, as 20000, 100B, 20KB, 2MB"),
        ({"payload": "0"}, "--payload '0' is not a size"),
        ({"rate": "fast"}, "--rate 'fast' is not a rate; allowed: calls per second above 0, as 2000 or 2000/s"),
        ({"rate": "0"}, "--rate '0' is not a rate"),
        ({"handler": "500"}, "--handler '500' is not a time; allowed: a number with its unit, as 0us, 500us, 1.5ms"),
    ],
)
def test_a_mistake_is_one_sentence_with_what_is_allowed(
    wrong: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _ask("--run", str(REFERENCE), **wrong) == 2
    assert message in capsys.readouterr().err


def test_a_lane_or_run_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _ask("--run", str(REFERENCE), "--lane", "jsn") == 2
    assert "lane 'jsn' is not in this run; allowed: bytes, json, native" in capsys.readouterr().err
    assert _ask("--results", str(tmp_path), "--run", "nowhere") == 2
    assert "there is no run nowhere" in capsys.readouterr().err


def test_quantities_are_read_with_their_units() -> None:
    assert [size_bytes(text, "") for text in ("20000", "100 B", "1.5KB", "2MB")] == [20_000, 100, 1500, 2_000_000]
    assert [rate_per_s(text, "") for text in ("2000", "0.5/s", "10 /s")] == [2000, 0.5, 10]
    assert [time_us(text, "") for text in ("0us", "500µs", "1.5 ms", "2s", "100ns")] == [0, 500, 1500, 2e6, 0.1]
    with pytest.raises(QuantityError):
        time_us("-1us", "--handler")


def test_a_caveat_of_several_is_one_footnote_with_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spinning = [cells(name, {100: (10.0,) * 3}, wait="spin") for name in ("one", "other", "third")]
    _small(tmp_path, [row for each in spinning for row in each])
    assert _ask("--results", str(tmp_path), payload="100B") == 0
    table = " ".join(capsys.readouterr().out.partition("Use one")[0].split())
    assert table.count("never sleeps") == 1
    assert "² one, other, third: never sleeps, so a core" in table


def test_pauses_of_another_payload_are_said_to_be_and_how_far_that_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asleep = {"scenario": "s/paced", "load": "1000/s-asleep", "offered_rps": "1000", "calls_per_s": "1000"}
    ideal = cells("a", dict.fromkeys((100, 1000, 10_000), (10.0,) * 3))
    _small(tmp_path, ideal + cells("a", {100: (60.0,) * 3}, **asleep))
    for payload, said in (
        ("100B", "pauses as measured at 1,000/s, the caller asleep; "),
        ("1KB", "pauses as measured at 1,000/s with 100 B, the caller asleep; the 75%"),
        ("10KB", "with 100 B, the caller asleep; that is far from 10 KB: it may be as much, or nothing, and"),
    ):
        assert _ask("--results", str(tmp_path), payload=payload, rate="1000", handler="0us") == 0
        assert said in capsys.readouterr().out


def test_who_might_get_a_rate_that_no_measured_one_gets_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = {"scenario": "s/threads", "beside": "client-thread"}
    beside = cells("slow", {100: (5000.0,) * 3}, **thread) + cells("quick", {100: (20.0,) * 3}, **thread)
    _small(tmp_path, cells("slow", {100: (10.0,) * 3}) + cells("quick", {100: (10.0,) * 3}) + beside + _twenty(thread))
    asked = ("--results", str(tmp_path), "--beside", "client-thread")
    assert _ask(*asked, payload="100B", rate="1000", handler="0us") == 0
    shown = capsys.readouterr().out
    assert "quick get more back to back, but with such pauses were not measured" in shown
    assert "² quick: client-thread beside it was measured back to back, at 20/s asleep: nothing near" in shown


def _twenty(thread: dict[str, str]) -> Cells:
    axes = thread | {"load": "20/s-asleep", "offered_rps": "20", "calls_per_s": "20"}
    return cells("slow", {100: (6000.0,) * 3}, **axes) + cells("quick", {100: (50.0,) * 3}, **axes)
