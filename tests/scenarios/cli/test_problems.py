"""Mistakes and failures for programs: one JSON object per line on standard error, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenarios.cli.commands import main
from scenarios.running import runner
from tests.scenarios.conftest import Write
from tests.scenarios.fakes import CATALOGUE

KEYS = {"kind", "file", "line", "key", "message"}


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.cli.measure.Registered", lambda: CATALOGUE)


def _said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> list[dict[str, Any]]:
    assert main([*arguments, "--errors", "json"]) == code
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_every_mistake_of_a_scenario_is_an_object_with_its_place(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(lanes='["jsn"]', contenders='["plane"]')
    found = _said(capsys, "plan", str(path), code=2)
    assert all(set(each) == KEYS for each in found)
    assert [(each["kind"], each["file"], each["line"], each["key"]) for each in found] == [
        ("scenario", str(path), 8, "cells[0].lanes"),
        ("scenario", str(path), 9, "cells[0].contenders"),
    ]
    assert "did you mean 'json'?" in found[0]["message"]


def test_a_file_that_is_not_toml_has_its_line(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("repeats = 1\nseed =\n", name="broken")
    (found,) = _said(capsys, "plan", str(path), code=2)
    assert (found["kind"], found["file"], found["line"]) == ("scenario", str(path), 2)


@pytest.mark.parametrize(
    ("arguments", "kind", "key"),
    [
        (["plan"], "usage", None),
        (["measure"], "usage", None),
        (["compare", "a", "b", "--floor", "many"], "usage", None),
        (["run", "quick", "--reruns", "-1"], "usage", None),
        (["plan", "nowhere.toml"], "scenario", None),
        (["table", "no-such-run"], "run", None),
        (["compare", "no-such-run", "other"], "run", None),
        (["plan", "SMALL", "--only", "lane=bytes"], "filter", "--only"),
    ],
)
def test_each_kind_of_mistake_has_its_word(
    write: Write, capsys: pytest.CaptureFixture[str], arguments: list[str], kind: str, key: str | None
) -> None:
    arguments = [str(write()) if each == "SMALL" else each for each in arguments]
    (found,) = _said(capsys, *arguments, code=2)
    assert (found["kind"], found["key"]) == (kind, key)
    assert found["message"]


def test_failed_cells_are_objects_and_the_exit_code_is_1(
    write: Write, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(contenders='["raising"]')
    found = _said(capsys, "run", str(path), "--results", str(results), code=1)
    assert {each["kind"] for each in found} == {"failed-cell"}
    assert [each["reason_kind"] for each in found] == ["CallError", "CallError"]
    assert found[0]["axes"]["contender"] == "raising"
    failures = json.loads(Path(found[0]["file"]).read_text())
    assert {each["key"] for each in found} == set(failures)


def test_an_interruption_is_an_object_and_the_exit_code_is_130(
    write: Write, results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "measure", interrupted)
    (found,) = _said(capsys, "run", str(write()), "--results", str(results), code=130)
    assert found["kind"] == "interrupted"
    assert "--resume" in found["message"]
    assert Path(found["file"]).parent == results


def test_every_commands_help_has_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["run"], ["compare"], ["ab"]):
        with pytest.raises(SystemExit, match="0"):
            main([*command, "--help"])
        shown = " ".join(capsys.readouterr().out.split())
        assert "Exit codes: 0 done; 1 some cells failed (`run`), something is slower or lost (`compare`)" in shown
        assert "130 interrupted" in shown
