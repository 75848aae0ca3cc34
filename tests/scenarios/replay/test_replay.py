"""A recording is replayed for real, in processes of its own, and what comes of it is whole and true."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contenders import registry
from contenders.interface import Contender
from scenarios.cli.commands import main
from scenarios.records import store
from scenarios.records.environment import PROJECT
from scenarios.replay import defaults, document, preparation, rounds, sentences, study
from scenarios.replay.preparation import Options
from scenarios.replay.study import Study
from scenarios.replay.what_if import CHEAP, IMPOSSIBLE, UNKNOWN
from shm_rpc_bridge.record import Refused
from tests.scenarios import fakes
from tests.scenarios.replay.recordings import SHOP, Made, write
from tests.scenarios.replay.shop import Basket, Price

PATIENCE_S = 30
BASKET = Basket([("pear", 2), ("fig", 3)])
QUOTES = [
    Made(
        "quote",
        (f"article {number}", number, {}),
        result={"article": f"article {number}", "total": number * 2.5},
        start_us=20_000 * number,
        duration_us=5_000,
        cpu_us=4_000,
    )
    for number in range(12)
]
PRICES = [Made("price_of", (BASKET,), result=Price(5), start_us=20_000 * n + 1000, duration_us=50) for n in range(6)]
TAKEN = [Made("Till.take", (number,), result=number, start_us=250_000 + number) for number in range(3)]


LOCKED = [
    Made("lock", (1,), result=Refused("_thread.lock", "TypeError: cannot pickle '_thread.lock' object"), duration_us=1)
]


def silent(doing: str, failed: str) -> None:
    """Nobody watches."""


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "FEWEST_ROUNDS", 1)
    monkeypatch.setattr(rounds, "ROUND_S", 0.01)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(
        tmp_path / "calls.rec",
        [*QUOTES, *PRICES, *TAKEN, *LOCKED],
        kinds={"Till.take": "method"},
        refused={"stream": "a generator: its items come one after the other"},
        parameters={"quote": ["article", "number", "rebates"]},
    )


def replayed(file: Path, *contenders: str, **other: Any) -> Study:
    options: dict[str, Any] = {"rounds": 1, "round_s": 0.01, "rhythm_seconds": 0.0, **other}
    return study.measure(preparation.prepare(Options(file, contenders, **options), silent), silent)


def test_the_command_says_for_each_function_and_contender_what_a_call_costs(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--contender", "shm,mp-pipe", "--contender", "grpc-uds", "--rounds", "1", "--seconds", "0.1s"]
    assert main(["replay", str(recording), *words, "--json", "--results", str(tmp_path / "results")]) == 0
    found = json.loads(capsys.readouterr().out)
    functions = {each["function"].removeprefix(f"{SHOP}:"): each for each in found["functions"]}
    carriers = {
        name: {split["cost"]["contender"]: split["cost"]["carrier"] for split in each["contenders"]}
        for name, each in functions.items()
    }
    json_everywhere = {"shm": "json+beside, lane native", "mp-pipe": "json, lane json", "grpc-uds": "json, lane json"}
    pickled = {"shm": "pickle, lane pickle", "mp-pipe": "pickle, lane pickle", "grpc-uds": "pickle, lane bytes"}
    nowhere: dict[str, str] = {}
    assert carriers == {
        "quote": json_everywhere,
        "Till.take": json_everywhere,
        "price_of": pickled,
        "stream": nowhere,
        "lock": nowhere,
    }
    for name, calls in (("quote", 12), ("price_of", 6), ("Till.take", 3)):
        for split in functions[name]["contenders"]:
            cost = split["cost"]
            assert cost["compared"] == {"equal": calls, "changed": 0, "different": 0, "first": ""}
            assert cost["calls"] >= calls
            assert cost["p50_us"]["value"] > 0
            assert cost["server_cpu_us"] is not None
        assert functions[name]["direct"]["server_cpu_us"] is None
    assert functions["quote"]["verdict"]["word"] in (CHEAP, "worth it only if")  # of 5 ms a call
    assert functions["stream"]["verdict"]["word"] == IMPOSSIBLE
    assert "generator" in functions["stream"]["verdict"]["why"]
    rhythm = {each["contender"]: each for each in found["rhythm"] if not each["function"]}
    assert set(rhythm) == {"shm", "mp-pipe", "grpc-uds", "direct"}
    assert rhythm["shm"]["calls"] == 3 * 10  # of 100 ms: five of each, in three turns
    assert rhythm["shm"]["callers"] == 2
    assert not found["failures"]

    folder = Path(found["folder"])
    assert json.loads((folder / "replay.json").read_text())["functions"] == found["functions"]
    assert (folder / "replay.png").read_bytes().startswith(b"\x89PNG")
    drawn = (folder / "replay.svg").read_text()
    for name in ("quote", "price_of", "Till.take", "Impossible, or not"):
        assert name in drawn
    with np.load(folder / "latencies.npz") as latencies:
        assert set(latencies) == set(found["latencies"])
        key = next(
            key
            for key, of in found["latencies"].items()
            if (of["load"], of.get("function"), of["contender"]) == ("back to back", f"{SHOP}:quote", "shm")
        )
        assert latencies[key].shape[1] == 12
    assert store.runs(tmp_path / "results") == []  # it is no run of a scenario


def test_the_terminal_shows_what_travels_what_it_costs_and_why(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--contender", "mp-pipe", "--rounds", "1", "--seconds", "0s", "--results", str(tmp_path / "results")]
    assert main(["replay", str(recording), *words]) == 0
    shown = capsys.readouterr().out
    for text in ("What can travel", "What splitting would cost: calls.rec", "Every contender", "by reference"):
        assert text in shown
    assert f"{SHOP}:price_of: json: result: TypeError: Type is not JSON serializable: Price (6 of 6 calls)" in shown
    assert f"{SHOP}:stream: impossible: " in shown
    assert f"{SHOP}:lock: impossible: nothing carries it: result: a lock cannot be pickled" in shown  # and no emoji
    assert "12 equal" in shown


def test_what_travels_is_said_without_measuring(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recording), "--travel", "--json", "--results", str(tmp_path / "results")]) == 0
    found = json.loads(capsys.readouterr().out)
    ways = {each["function"].removeprefix(f"{SHOP}:"): each["ways"] for each in found["travel"]}
    assert main(["replay", str(recording), "--travel", "--contender", "shm,grpc-uds,pynng"]) == 0
    shown = capsys.readouterr().out
    assert f"{SHOP}:quote: carried as json+beside by shm; as json by grpc-uds, pynng" in shown
    assert f"{SHOP}:price_of: carried as pickle by shm, grpc-uds, pynng" in shown
    assert (ways["price_of"]["json"]["refused"], ways["price_of"]["msgpack"]["refused"]) == (6, 6)
    assert ways["price_of"]["pickle"]["carried"] == 6
    assert not (tmp_path / "results").exists()


def test_the_function_itself_is_run_and_its_results_compared(tmp_path: Path) -> None:
    calls = [
        *QUOTES,
        *(Made("random_word", (number,), result="a word") for number in range(4)),
        *(Made("fetch", ("pear",), result="PEAR") for _ in range(4)),
        Made("Till.take", (3,), result=3),
        Made("sort", ([3],), mutated=True),
    ]
    file = write(tmp_path / "calls.rec", calls, kinds={"Till.take": "method"}, asynchronous=["fetch"])
    found = replayed(file, "mp-pipe", handler=defaults.REAL)
    lines = {line.today.function.removeprefix(f"{SHOP}:"): line for line in found.lines}
    compared = {name: line.splits[0].cost.compared for name, line in lines.items() if line.splits}
    assert (compared["quote"].equal, compared["fetch"].equal, compared["random_word"].different) == (12, 4, 4)
    assert "needs its object" in found.prepared.not_run[f"{SHOP}:Till.take"]
    assert lines["Till.take"].verdict.word == UNKNOWN
    assert "changes its arguments" in found.prepared.not_run[f"{SHOP}:sort"]
    said = " ".join(sentences.of_study(found))
    assert "quote: the direct call takes 0.00 times what was recorded" in said  # which is 5 ms that it never took
    assert "of 4 results 0 were changed and 4 different" in said


def test_the_rhythm_alone_says_as_well_how_the_direct_call_compares(tmp_path: Path) -> None:
    """The recorded calls took 5 ms, which the function never takes."""
    file = write(tmp_path / "calls.rec", QUOTES)
    found = replayed(file, "mp-pipe", handler=defaults.REAL, rounds=0, rhythm_seconds=0.1)
    assert 0 < found.lines[0].reproduced < 0.5
    assert "quote: the direct call takes 0.0" in " ".join(sentences.of_study(found))


def test_a_handler_that_takes_as_long_is_in_both_and_so_in_no_cost(tmp_path: Path) -> None:
    file = write(tmp_path / "calls.rec", QUOTES)
    found = replayed(file, "mp-pipe", handler=defaults.RECORDED, calls=3)
    (line,) = found.lines
    assert line.reproduced >= 1.0  # a handler of 4 ms of CPU time takes no less
    assert found.direct[line.today.function].p50_us.value >= 4000
    assert line.splits[0].cost.p50_us.value >= 4000


def test_a_contender_that_fails_is_named_and_the_others_go_on(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad: dict[str, type[Contender]] = {"raising": fakes.Raising, "dying": fakes.Dying, "stale": fakes.Stale}
    load = registry.load
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(registry, "load", lambda name: bad.get(name) or load(name))
    found = replayed(recording, "raising", "dying", "stale", rhythm_seconds=0.1)
    quote = f"{SHOP}:quote"
    failures = found.measured.failures
    assert failures[quote, "raising"] == "CallError: ValueError: as it was told"
    assert failures[quote, "dying"] == "ClientDied: the client process ended with exit code 3 and said nothing"
    assert failures[quote, "stale"].startswith("WrongAnswer: call 1 was answered with the result of call 0")
    assert quote in found.direct
    assert ("", "dying") in failures  # the rhythm
    assert {each.contender for each in found.in_rhythm} == {"direct"}
    line = next(line for line in found.lines if line.today.function == quote)
    assert line.verdict.why.startswith("every contender failed: ")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_contender_that_is_not_here_is_left_out_and_named(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "absent", "no_module_of_that_name:Absent")
    prepared = preparation.prepare(Options(recording, ("absent", "noop", "shm-loan", "shm-processes")), silent)
    assert set(prepared.contenders) == {"direct"}
    parts = ("no_module_of_that_name", "runs no method", "no lane", "functions of a module")
    for part, sentence in zip(parts, prepared.left_out, strict=True):
        assert part in sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--contender", "nobody"], "no contender 'nobody'"),
        (["--with-handler", "--handler", "recorded"], "choose one"),
        (["--path", "no-such-folder"], "is not a folder"),
        (["--function", "quota"], "did you mean"),
        (["--rounds", "0", "--seconds", "0s"], "nothing is left"),
        (["--calls", "0"], "must be a whole number, 1 or more"),
    ],
)
def test_a_mistake_is_told_with_a_remedy(
    recording: Path, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recording), *words, "--results", str(tmp_path / "results")]) == 2
    assert said in capsys.readouterr().err


def test_too_few_rounds_are_refused(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(defaults, "FEWEST_ROUNDS", 5)
    assert main(["replay", str(recording), "--rounds", "4"]) == 2
    assert "5 or more" in capsys.readouterr().err


def test_a_recording_without_calls_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "calls.rec", [], refused={"stream": "a generator"})
    assert main(["replay", str(file)]) == 2
    assert "holds no call of tests.scenarios.replay.shop:stream" in capsys.readouterr().err


def test_functions_are_chosen_by_the_ends_of_their_names(recording: Path) -> None:
    prepared = preparation.prepare(Options(recording, ("mp-pipe",), ("take", "quote")), silent)
    assert prepared.functions == [f"{SHOP}:quote", f"{SHOP}:Till.take"]


def test_the_functions_that_take_most_time_are_replayed_and_the_others_named(recording: Path) -> None:
    prepared = preparation.prepare(Options(recording, ("mp-pipe",), most=1), silent)
    assert {work.function for work in prepared.replay.works} == {f"{SHOP}:quote"}
    assert prepared.not_run[f"{SHOP}:price_of"].endswith("name it with --function, or ask for --most 3")


def test_a_slow_handler_is_called_less_often_and_by_all_alike(tmp_path: Path) -> None:
    calls = [Made("slow", (1.0,), result=1.0, duration_us=100_000, start_us=number) for number in range(40)]
    file = write(tmp_path / "calls.rec", calls)
    options = Options(file, ("mp-pipe",), handler=defaults.RECORDED)
    prepared = preparation.prepare(options, silent)
    assert {work.numbers for work in prepared.replay.works} == {(0, 8, 16, 24, 32)}  # half a second of them


def test_figures_that_do_not_exist_are_null(recording: Path) -> None:
    found = json.dumps(document.of_study(replayed(recording, "mp-pipe")), allow_nan=False)
    assert json.loads(found)["functions"][0]["recorder_us"] is None


def test_ctrl_c_leaves_nothing_behind(recording: Path, tmp_path: Path) -> None:
    scratch, results = tmp_path / "scratch", tmp_path / "results"
    scratch.mkdir()
    words = [sys.executable, "-m", "scenarios", "replay", str(recording), "--contender", "mp-pipe"]
    process = subprocess.Popen(
        [*words, "--results", str(results)],
        cwd=PROJECT,
        env=os.environ | {"TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        assert any("round 1/6" in line for line in process.stdout)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130, errors
        assert "interrupted" in errors
        assert list(results.iterdir()) == []
        assert list(scratch.iterdir()) == []
        assert _ends(process.pid)
    finally:
        if not _ends(process.pid, 0.0):
            os.killpg(process.pid, signal.SIGKILL)


def _ends(group: int, patience_s: float = 5.0) -> bool:
    """Whether nothing of that process group is left."""
    until = time.monotonic() + patience_s
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.01)


def test_the_program_is_split_without_what_is_impossible(tmp_path: Path) -> None:
    """Its calls can be carried, and replayed; what they change would be lost."""
    found = replayed(write(tmp_path / "calls.rec", [*QUOTES, Made("sort", ([3],), mutated=True)]), "mp-pipe")
    verdicts = {line.today.function.removeprefix(f"{SHOP}:"): line.verdict.word for line in found.lines}
    assert verdicts["sort"] == IMPOSSIBLE
    assert all(line.splits for line in found.lines), "both have figures"
    (program,) = found.programs
    assert (program.functions, program.calls) == (1, len(QUOTES))
