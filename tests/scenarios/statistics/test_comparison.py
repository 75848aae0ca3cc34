"""Comparing runs: equal ones show no difference, slower ones do, and what is gone is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios.cli.commands import main
from scenarios.common.errors import ComparisonError
from scenarios.plan.cells import key_of
from scenarios.records.store import Run
from scenarios.statistics import comparison
from scenarios.statistics.significance import LOST
from tests.scenarios.rows import repeats, row, run_of
from tests.scenarios.statistics.floors import FLOOR


@pytest.mark.parametrize(("before", "after", "code"), [("a", "b", 1), ("b", "a", 0), ("a", "c", 0), ("a", "nil", 2)])
def test_the_exit_code_is_1_for_something_slower_and_0_for_something_faster(
    runs: Path, before: str, after: str, code: int
) -> None:
    assert main(["compare", before, after, "--results", str(runs)]) == code


def test_a_program_reads_the_same_as_a_person(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", "a", "b", "--results", str(runs)])
    shown = capsys.readouterr().out
    assert "p50 of b against a" in shown
    assert "1 slower, 1 no difference" in shown
    main(["compare", "a", "b", "--results", str(runs), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {
        "slower": 1,
        "faster": 0,
        "no difference": 1,
        "unclear": 0,
        "lost": 0,
        "likely slower": 0,
        "likely faster": 0,
    }
    slower = next(each for each in found["groups"] if each["group"]["contender"] == "shm")
    assert slower["verdict"] == "slower"
    assert slower["ratio"] == pytest.approx(1.5, abs=0.01)


def test_how_sure_each_interval_is_stands_beside_it_and_what_chance_does_among_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(tmp_path / "a", [*repeats("shm", [50, 51, 49]), *repeats("zmq", [50, 51, 49, 50, 51, 49])])
    run_of(tmp_path / "b", [*repeats("shm", [60, 61, 59]), *repeats("zmq", [60, 61, 59, 60, 61, 59])])
    assert main(["compare", "a", "b", "--results", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    (shm, zmq) = (next(line for line in shown.splitlines() if f" {name} " in line) for name in ("shm", "zmq"))
    assert "likely slower" in shm
    assert "90%" in shm
    assert "likely" not in zmq
    assert "96%" in zmq
    assert "95% interval" not in shown
    assert "of 2 equal groups chance makes 0.14 look so or less, and 1 do" in " ".join(shown.split())


def test_what_is_only_likely_slower_fails_nothing(tmp_path: Path) -> None:
    for name, p50 in (("a", [50, 51, 49]), ("b", [60, 61, 59])):
        run_of(tmp_path / name, repeats("shm", p50))
    assert main(["compare", "a", "b", "--results", str(tmp_path)]) == 0


def test_a_higher_floor_hides_the_change(runs: Path) -> None:
    assert main(["compare", "a", "b", "--results", str(runs), "--floor", "60%"]) == 0
    assert main(["compare", "a", "b", "--results", str(runs), "--floor-us", "30"]) == 0


def test_groups_of_one_run_only_are_named_and_not_judged(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", [*repeats("shm", [50] * 3), *repeats("zmq", [50] * 3)])
    b = run_of(tmp_path / "b", repeats("shm", [50] * 3))
    found = comparison.compare(a, b, FLOOR)
    assert (len(found.groups), found.only_before, found.only_after) == (1, ("zmq, lane json, 100 B",), ())
    c = run_of(tmp_path / "c", repeats("grpc", [50] * 3))
    with pytest.raises(ComparisonError, match="nothing to compare") as caught:
        comparison.compare(a, c, FLOOR)
    lines = str(caught.value).splitlines()
    assert "contender shm, zmq; load closed; payload 100 B" in lines[1]
    assert "contender grpc;" in lines[2]
    assert "measure the same scenario twice" in lines[3]


def _without(what: str, folder: Path) -> Run:
    """A run in which `zmq` was asked for and gave no p50: its cells failed, or most calls were skipped."""
    kept = repeats("shm", [50, 51, 49])
    if what == "failed":
        run = run_of(folder, kept)
        axes = {"scenario": "s", "contender": "zmq", "lane": "json", "payload_bytes": 100, "clients": 1}
        whys = [{"axes": axes | {"load": "closed", "repeat": repeat}} for repeat in range(3)]
        run.write_json("failures.json", {key_of(each["axes"]): each for each in whys})
        return run
    return run_of(folder, [*kept, *(row("zmq", repeat=repeat, calls=5) for repeat in range(3))])


@pytest.mark.parametrize("what", ["failed", "empty"])
def test_a_figure_that_is_gone_is_lost_and_not_passed_over(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(tmp_path / "a", [*repeats("shm", [50, 51, 49]), *repeats("zmq", [100, 101, 99])])
    _without(what, tmp_path / "b")
    command = ["compare", "a", "b", "--results", str(tmp_path)]
    assert main(command) == 1
    shown = capsys.readouterr().out
    assert "1 lost, 1 no difference" in shown
    assert "only in" not in shown
    assert main([*command, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (gone,) = (each for each in found["groups"] if each["verdict"] == LOST)
    assert (gone["group"]["contender"], gone["after_us"], gone["ratio"]) == ("zmq", None, None)
    assert gone["before_us"] == pytest.approx(100, rel=0.01)
    assert (found["counts"]["lost"], found["only_before"]) == (1, [])
    assert main(["compare", "b", "a", "--results", str(tmp_path)]) == 0, "what is new was not lost"


def test_a_run_that_lost_everything_is_compared(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", repeats("shm", [50] * 3))
    b = run_of(tmp_path / "b", [row("shm", calls=5)])
    assert [each.verdict for each in comparison.compare(a, b, FLOOR).groups] == [LOST]


def test_a_group_with_one_repeat_left_is_not_lost_and_named_as_one_that_nothing_can_be_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(tmp_path / "a", [*repeats("shm", [50] * 3), *repeats("zmq", [50] * 3)])
    run_of(tmp_path / "b", [row("shm", p50_us=50), row("shm", repeat=1), *repeats("zmq", [50] * 3)])
    assert main(["compare", "a", "b", "--results", str(tmp_path)]) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 no difference, 1 unclear" in shown
    assert "nothing can be told of 1 of 2 groups" in shown
    assert ": shm, lane json, 100 B; it takes 3 in both runs" in shown
    assert main(["compare", "a", "b", "--results", str(tmp_path), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["untold"], found["exit_code"]) == (["shm, lane json, 100 B"], 2)


def test_a_changed_in_process_contender_is_pointed_out(tmp_path: Path) -> None:
    sides = {"a": [50, 51, 49, 50], "b": [75, 76, 74, 75]}
    runs = [run_of(tmp_path / name, repeats("direct-codec", p50, wait="none")) for name, p50 in sides.items()]
    (moved,) = comparison.compare(*runs, FLOOR).controls
    assert moved == "direct-codec, lane json, 100 B, 1.50x"


def test_a_group_is_named_with_what_is_not_usual_of_it(tmp_path: Path) -> None:
    rare = {"clients": 4, "load": "100/s", "payload_bytes": 10_000, "lane": "bytes", "heap": "worn", "in_flight": 2}
    a = run_of(tmp_path / "a", [*repeats("shm", [50] * 3), *repeats("grpc", [50] * 3, **rare)])
    b = run_of(tmp_path / "b", [*repeats("shm", [50] * 3), *repeats("zmq", [50] * 3, **rare)])
    found = comparison.compare(a, b, FLOOR)
    assert found.only_before == ("grpc, lane bytes, 10 KB, 4 clients, 100/s, worn, 2 in flight",)
    assert found.only_after == ("zmq, lane bytes, 10 KB, 4 clients, 100/s, worn, 2 in flight",)


def test_a_figure_that_no_run_has_is_told_with_why_and_what_there_is(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", repeats("shm", [50] * 3, p99_us=90))
    b = run_of(tmp_path / "b", repeats("shm", [50] * 3))
    for before, after in ((b, b), (b, a)):
        with pytest.raises(ComparisonError, match=r"^nothing was measured in both runs that has a p99,") as caught:
            comparison.compare(before, after, FLOOR, "p99_us")
        assert "b: no p99 at all, for want of calls (a p99 takes 1,000 in a repeat)" in str(caught.value)
    assert "a: scenario s; lane json; contender shm; load closed; payload 100 B" in str(caught.value)


def test_a_comparison_of_nothing_is_refused_though_it_is_forced(tmp_path: Path) -> None:
    a, b = (run_of(tmp_path / name, repeats(name, [50] * 3)) for name in ("shm", "zmq"))
    with pytest.raises(ComparisonError, match="nothing to compare"):
        comparison.compare(a, b, FLOOR, force=True)


def test_few_repeats_of_one_group_do_not_hide_what_can_be_told_of_another(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", [*repeats("shm", [50] * 4), *repeats("zmq", [50] * 2)])
    b = run_of(tmp_path / "b", [*repeats("shm", [75] * 4), *repeats("zmq", [50] * 2)])
    found = comparison.compare(a, b, FLOOR)
    assert found.untold == ("zmq, lane json, 100 B",)
    assert found.exit_code == 1
    assert [each.group["contender"] for each in found.differing()] == ["shm"]
    plain = json.loads(found.as_json())
    untold = next(each for each in plain["groups"] if each["group"]["contender"] == "zmq")
    assert (untold["low"], untold["high"]) == (None, None)
    assert untold["before_us"] == pytest.approx(50)


def test_three_repeats_that_are_19_times_slower_fail_ci_and_are_told_what_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, p50 in (("a", 50), ("b", 950)):
        run_of(tmp_path / name, [*repeats("shm", [p50] * 3), *repeats("zmq", [50] * 3)])
    assert main(["compare", "a", "b", "--results", str(tmp_path)]) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert "too few repeats to be beyond doubt" in shown
    assert ": shm, lane json, 100 B; it takes 4 in both runs" in shown
    assert main(["compare", "b", "a", "--results", str(tmp_path)]) == 0, "what is likely faster fails nothing"
    capsys.readouterr()
    main(["compare", "a", "b", "--results", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["undecided"], found["exit_code"]) == (["shm, lane json, 100 B"], 2)


def test_two_blocks_that_ask_for_the_same_are_compared_by_name_and_lane(tmp_path: Path) -> None:
    runs = [
        run_of(tmp_path / name, repeats("shm", [50] * 3, scenario="s/block"), name="block", payloads=payloads)
        for name, payloads in (("a", {"json": "document"}), ("b", {"json": "ascii", "native": "ascii"}))
    ]
    assert comparison.obstacles(*runs) == [
        "s/block, lane json: echo of document before, echo of ascii after",
    ]


def test_in_process_contenders_that_did_not_change_and_others_that_did_are_no_controls(tmp_path: Path) -> None:
    sides = {"a": [50, 51, 49, 50], "b": [75, 76, 74, 75]}
    runs = [
        run_of(tmp_path / name, [*repeats("shm", p50), *repeats("direct", [50, 51, 49, 50], wait="none")])
        for name, p50 in sides.items()
    ]
    found = comparison.compare(*runs, FLOOR)
    assert len(found.differing()) == 1
    assert found.controls == ()
