"""Circumstances in a scenario file, in the names of cells, and in words."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from contenders.registry import Registered
from scenarios.common import quotas
from scenarios.common.errors import ScenarioError
from scenarios.plan import cells, circumstances, scenario_files
from scenarios.plan.cells import key_of
from scenarios.plan.circumstances import Circumstances
from scenarios.plan.load import Load
from scenarios.plan.scenario import Scenario
from scenarios.statistics import figures
from tests.scenarios.conftest import Write
from tests.scenarios.fakes import CATALOGUE
from tests.scenarios.rows import row, run_of

BLOCK = """
repeats = 1
[[cells]]
lanes = ["json"]
contenders = ["plain", "streams"]
payload_sizes = [100]
calls = 10
"""


def _read(path: Path) -> Scenario:
    return scenario_files.read(path, CATALOGUE)


def test_every_combination_is_a_cell_with_a_name_of_its_own(write: Write) -> None:
    text = BLOCK + 'beside = ["nothing", "2-burners"]\nheap = ["fresh", "worn"]\n'
    scenario = _read(write(text))
    made = cells.expand(scenario)
    assert len(made) == len({cell.key for cell in made}) == 2 * 2 * 2
    assert {cell.circumstances.in_words() for cell in made} == {"", "2-burners", "worn", "2-burners, worn"}
    assert Scenario.from_resolved(json.loads(json.dumps(scenario.resolved()))) == scenario


def test_a_cell_of_ideal_circumstances_is_named_as_in_runs_that_knew_no_others() -> None:
    axes = {"scenario": "s", "contender": "shm", "lane": "json", "payload_bytes": 8, "clients": 1, "load": "closed"}
    old = key_of(axes | {"repeat": 2})
    assert old == "s_shm_json_8_1_closed_2"
    assert key_of(axes | {"repeat": 2} | circumstances.DEFAULTS) == old
    assert key_of(axes | {"repeat": 2, "placement": "together"}) == "s_shm_json_8_1_closed_together_2"


def test_calls_in_flight_are_an_axis_for_those_that_can_have_several(write: Write) -> None:
    scenario = _read(write(BLOCK + "in_flight = [1, 4, 16]\n"))
    made = cells.expand(scenario)
    assert {(cell.contender, cell.circumstances.in_flight) for cell in made} == {
        *(("streams", count) for count in (1, 4, 16)),
        ("plain", 1),
    }
    assert scenario.left_out == ("plain has one call per client under way: not measured with 4, 16 in flight",)
    assert {cell.key for cell in made if cell.contender == "streams"} == {
        "small_streams_json_100_1_closed_0",
        "small_streams_json_100_1_closed_4-in-flight_0",
        "small_streams_json_100_1_closed_16-in-flight_0",
    }
    assert {str(cell) for cell in made} >= {"streams json echo 100 B 4 in flight repeat 0"}
    assert Scenario.from_resolved(json.loads(json.dumps(scenario.resolved()))) == scenario


def test_a_lane_in_which_a_contender_makes_one_call_at_a_time_is_named(write: Write) -> None:
    text = BLOCK.replace('["plain", "streams"]', '["shm"]').replace('["json"]', '["bytes", "json"]')
    scenario = scenario_files.read(write(text + "in_flight = [4]\n"), Registered())
    assert scenario.left_out == ("shm in lane bytes has one call per client under way: not measured with 4 in flight",)
    assert {cell.lane for cell in cells.expand(scenario)} == {"json"}


def test_a_run_that_knew_nothing_of_calls_in_flight_had_one(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", [row("shm", p50_us=5)])
    with open(run.cells_file, newline="") as file:
        heads, values = csv.reader(file)
    place = heads.index("in_flight")
    old = [",".join([*line[:place], *line[place + 1 :]]) for line in (heads, values)]
    run.cells_file.write_text("\n".join([*old, ""]))
    assert [each["in_flight"] for each in run.rows()] == ["1"]
    assert run.finished_keys() == {"s_shm_json_100_1_closed_0"}
    assert figures.headline(figures.frame(run.rows()))["p50_us"].tolist() == [5]


def test_what_needs_a_server_of_its_own_is_not_measured_in_one_process(write: Write) -> None:
    text = BLOCK + 'beside = ["client-thread", "server-thread"]\nplacement = ["free", "together"]\n'
    found = {(cell.contender, *cell.circumstances.in_words().split(", ")) for cell in cells.expand(_read(write(text)))}
    assert {each for each in found if each[0] == "plain"} == {("plain", "client-thread")}
    assert len(found) == 1 + 4


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('beside = ["2-burner"]', None),
        (
            'beside = ["0-burners"]',
            r":8: cells\[0\].beside: '0-burners' is not what can be beside; allowed: ",
        ),
        ('beside = ["quota-0%"]', "'quota-0%' is not what can be beside"),
        ('placement = ["apartt"]', "placement: unknown value 'apartt'; did you mean 'apart'"),
        ('heap = ["old"]', "heap: unknown value 'old'"),
        ('load = ["1000/s-aslep"]', "is not a load; allowed: .*asleep"),
        ("in_flight = [0]", r"in_flight: 0 is not allowed; allowed: 1 to 1024"),
        ("in_flight = [4, 4]", r"in_flight: the same value twice: 4"),
        (
            'in_flight = [1, 4]\nload = ["closed", "10/s"]',
            "in_flight: 4 cannot go with load '10/s'",
        ),
    ],
)
def test_a_wrong_value_is_told_with_those_that_are_allowed(write: Write, line: str, told: str | None) -> None:
    if told is None:
        assert _read(write(BLOCK + line))
        return
    with pytest.raises(ScenarioError, match=told):
        _read(write(BLOCK + line))


def test_what_this_machine_cannot_make_is_left_out_and_said(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "why_no_quota", lambda each: "no cgroup here" if "quota" in each else "")
    monkeypatch.setattr(quotas, "why_no_placement", lambda each: "one CPU" if each == "apart" else "")
    scenario = _read(write(BLOCK + 'beside = ["nothing", "quota-50%"]\nplacement = ["free", "apart"]\n'))
    assert scenario.left_out == ("quota-50%: not measured, no cgroup here", "apart: not measured, one CPU")
    assert {cell.circumstances for cell in cells.expand(scenario)} == {Circumstances()}


def test_a_scenario_has_the_blocks_of_those_it_includes(write: Write) -> None:
    other = write(BLOCK.replace("[[cells]]", '[[cells]]\nname = "more"'), name="other")
    scenario = _read(write(f'include = ["{other}"]' + BLOCK))
    assert [block.name for block in scenario.blocks] == ["", "more"]
    assert {cell.axes["scenario"] for cell in cells.expand(scenario)} == {"small", "small/more"}


@pytest.mark.parametrize("included", ["nobody", "{itself}"])
def test_an_include_that_cannot_be_is_told_on_its_line(write: Write, included: str) -> None:
    path = write()
    write(f'include = ["{included.format(itself=path)}"]' + BLOCK)
    with pytest.raises(ScenarioError, match=r":1: include: "):
        _read(path)


def test_a_sleeping_caller_is_a_load() -> None:
    assert Load.parse("100/s-asleep") == Load(100.0, asleep=True)
    assert Load.parse("100/s-constant-asleep") == Load(100.0, constant=True, asleep=True)
