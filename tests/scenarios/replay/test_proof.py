"""A prediction is judged run by run, beside what was measured of the split program, by rules computed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenarios.cli.commands import main
from scenarios.common.errors import UserError
from scenarios.replay import proof, recorded
from scenarios.replay.proof import Claim, Figures, Run
from tests.scenarios.replay.recordings import SHOP, Made, write

REFERENCE = Path(__file__).parents[3] / "results" / "reference"
QUOTE, REQUEST = f"{SHOP}:quote", f"{SHOP}:request"
SERVER = f"python -m shm_rpc_bridge {SHOP} --only=quote"


def program(path: Path, quote_us: float, own_us: float = 1_000.0, **other: Any) -> Path:
    """Ten requests of `own_us` of their own, each with four quotes in it, on a CPU half of their time."""
    calls = []
    for number in range(10):
        start = number * 100_000.0
        request = Made("request", start_us=start, duration_us=own_us + 4 * quote_us)
        calls.append(request)
        parent = len(calls)
        for place in range(4):
            begun = start + 10 + place * (quote_us + 1)
            calls.append(Made("quote", start_us=begun, duration_us=quote_us, cpu_us=quote_us / 2, parent=parent))
    return write(path, calls, **other)


def replay(p50_us: float, mean_us: float, **other: Any) -> dict[str, Any]:
    each = {"function": QUOTE, "contender": "shm", "p50_us": p50_us, "mean_us": mean_us, "own_p50_us": 21.0}
    each |= {"client_cpu_us": 40.0, "server_cpu_us": 30.0, "own_cpu_us": 11.0}
    whole = each | {"function": "", "own_p50_us": 21.0}
    return {"options": {"handler": "real"}, "rhythm": [whole, each | other]}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    today = program(tmp_path / "today.rec", 20.0, cpu_seconds=(1.0, 0.0))
    split = program(tmp_path / "split.rec", 100.0, cpu_seconds=(1.0, 0.002), children={SERVER: 0.0016, "sh": 9.0})
    return Run(
        "it",
        [replay(80.0, 100.0), replay(90.0, 110.0), replay(140.0, 120.0)],
        [recorded.opened(today)],
        [recorded.opened(split)],
    )


def found(run: Run) -> dict[tuple[str, str], Figures]:
    return {(claim.function, claim.what): claim.runs[0] for claim in proof.judged([run], "shm").claims}


def test_a_function_is_predicted_to_take_what_it_took_in_the_replay(run: Run) -> None:
    figures = found(run)[QUOTE, "p50"]
    assert (figures.today, figures.predicted, figures.measured, figures.replayed) == (20.0, 90.0, 100.0, 21.0)
    assert figures.off == pytest.approx(-0.1)


def test_its_cpu_time_is_that_of_both_processes(run: Run) -> None:
    figures = found(run)[QUOTE, "CPU"]
    assert (figures.today, figures.predicted) == (pytest.approx(10.0), 70.0)
    assert figures.measured == pytest.approx(50.0 + 1600 / 40), "the thread that calls, and the child that serves it"


def test_what_is_around_it_has_the_mean_of_each_call_in_place_of_what_it_took(run: Run) -> None:
    figures = found(run)[REQUEST, "p50"]
    assert (figures.today, figures.predicted, figures.measured) == (1_080.0, 1_000.0 + 4 * 110.0, 1_400.0)


def test_the_program_has_the_cpu_time_of_the_replay_in_place_of_its_own(run: Run) -> None:
    figures = found(run)["", "CPU"]
    assert figures.today == 1.0
    assert figures.predicted == pytest.approx(1.0 + 40 * (70 - 10) / 1e6)
    assert figures.measured == pytest.approx(1.002)


def test_a_child_that_serves_two_functions_says_nothing_of_one(tmp_path: Path, run: Run) -> None:
    both = program(tmp_path / "both.rec", 100.0, children={f"python -m shm_rpc_bridge {SHOP} other": 0.0016})
    rhythm = run.replays[0]["rhythm"] + [run.replays[0]["rhythm"][1] | {"function": REQUEST}]
    of_both = Run("it", [dict(run.replays[0], rhythm=rhythm)], run.today, [recorded.opened(both)])
    assert (QUOTE, "CPU") not in found(of_both)


def test_a_prediction_holds_if_it_holds_in_every_run() -> None:
    good, bad = Figures(1.0, 100.0, 90.0), Figures(1.0, 130.0, 100.0)
    assert Claim("p50", "f", "µs", (good, good, good)).holds
    claim = Claim("p50", "f", "µs", (good, bad, good))
    assert abs(claim.off) < proof.WITHIN, "of the medians"
    assert not claim.holds


@pytest.mark.parametrize(("predicted", "holds"), [(125.0, True), (126.0, False), (75.0, True), (74.0, False)])
def test_within_a_quarter_of_what_was_measured_it_holds(predicted: float, holds: bool) -> None:
    assert Figures(1.0, predicted, 100.0).holds is holds


def test_a_replay_without_the_functions_themselves_predicts_nothing(run: Run) -> None:
    with pytest.raises(UserError, match="without --with-handler"):
        found(Run("it", [dict(run.replays[0], options={"handler": "nothing"})], run.today, run.split))
    with pytest.raises(UserError, match="pipe was not replayed in the recorded rhythm"):
        proof.judged([run], "pipe")
    with pytest.raises(UserError, match="no function is in its replay"):
        found(Run("it", [replay(1.0, 1.0, function="other:f")], run.today, run.split))


def folder(path: Path, quote_us: float) -> Path:
    (path / "replay-1").mkdir(parents=True)
    (path / "replay-1" / "replay.json").write_text(json.dumps(replay(90.0, 110.0)))
    program(path / "today-1.rec", 20.0, cpu_seconds=(1.0, 0.0))
    program(path / "split-1.rec", quote_us, cpu_seconds=(1.0, 0.0), children={SERVER: 0.0016})
    return path


def test_the_command_says_what_held_and_ends_with_1_where_something_did_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = folder(tmp_path / "1", 100.0), folder(tmp_path / "2", 200.0)
    assert main(["proof", str(good), "--output", str(tmp_path)]) == 0
    assert "Every prediction is within 25% of what was measured, in this run." in capsys.readouterr().out
    written = json.loads((tmp_path / "proof.json").read_text())
    assert (written["runs"], all(claim["holds"] for claim in written["claims"])) == (1, True)
    assert main(["proof", str(good), str(good), str(bad)]) == 1
    said = capsys.readouterr().out
    assert f"Off by more than 25%: {QUOTE}, p50. By itself a call takes 20.0 µs in the program" in said
    assert "-10%, -10%, -55%" in said


def test_what_has_a_figure_in_some_runs_only_is_named_and_not_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, lacking = folder(tmp_path / "1", 100.0), folder(tmp_path / "2", 100.0)
    program(lacking / "split-2.rec", 100.0, cpu_seconds=(1.0, 0.0), children={"another name": 0.0016})
    assert main(["proof", str(whole), str(lacking)]) == 0
    said = capsys.readouterr().out
    assert f"Not judged: {QUOTE}, CPU: there is a figure in 1 of 2 runs only." in said


@pytest.mark.parametrize("name", ["proof.json", "fit.json"])
def test_the_predictions_of_the_reference_hold_in_three_runs_of_three(name: str) -> None:
    """Of the shop, and of a package that nobody here wrote: ``make monolith`` and examples/others measure them anew."""
    found = json.loads((REFERENCE / "monolith" / name).read_text())
    assert found["runs"] == 3
    kinds = {(claim["function"] == proof.TOTAL, claim["what"]) for claim in found["claims"]}
    assert kinds == {(True, "CPU"), (False, "p50"), (False, "CPU")}
    for claim in found["claims"]:
        assert len(claim["off_in_runs"]) == 3
        assert max(map(abs, claim["off_in_runs"])) <= 0.25, claim["function"]
        assert claim["off"] == pytest.approx(claim["predicted"]["value"] / claim["measured"]["value"] - 1)


def test_a_folder_that_is_no_run_is_refused_with_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = folder(tmp_path / "1", 100.0)
    (made / "split-1.rec").unlink()
    assert main(["proof", str(made)]) != 0
    assert "0 recordings split*.rec" in capsys.readouterr().err


def test_a_figure_that_nobody_knows_is_no_claim(tmp_path: Path) -> None:
    """As where no call's CPU time was looked at."""
    silent = [Made("quote", start_us=number * 1_000.0, duration_us=20.0) for number in range(4)]
    today, split = (write(tmp_path / name, silent, cpu_seconds=(1.0, 0.0)) for name in ("today.rec", "split.rec"))
    of_it = Run("it", [replay(20.0, 20.0)], [recorded.opened(today)], [recorded.opened(split)])
    judged = proof.judged([of_it], "shm")
    assert [(claim.function, claim.what) for claim in judged.claims] == [(QUOTE, "p50")]
    assert judged.left_out[0] == "the program, CPU: there is a figure in 0 of 1 runs only"
