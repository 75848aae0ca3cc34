"""Streams in a scenario file, and in the names of cells."""

from __future__ import annotations

import json

import pytest

from contenders.registry import Registered
from scenarios.common.errors import ScenarioError
from scenarios.plan import cells, scenario_files
from scenarios.plan.scenario import Scenario
from tests.scenarios.conftest import Write

BLOCK = """
repeats = 1
[[cells]]
lanes = ["native"]
contenders = ["direct", "zmq-push", "zmq-dealer"]
payload_sizes = [100]
calls = 10
"""


def test_streams_have_lengths_and_are_of_those_that_have_streams(write: Write) -> None:
    scenario = scenario_files.read(write(BLOCK + 'method = "produce"\nitems = [10, 1000]\n'), Registered())
    made = cells.expand(scenario)
    assert {(cell.contender, cell.circumstances.items) for cell in made} == {
        (name, items) for name in ("direct", "zmq-push") for items in (10, 1000)
    }
    assert scenario.left_out == ("zmq-dealer has no streams in lane native",)
    assert {cell.key for cell in made if cell.contender == "direct"} == {
        "small_direct_native_100_1_closed_10-items_0",
        "small_direct_native_100_1_closed_1000-items_0",
    }
    assert Scenario.from_resolved(json.loads(json.dumps(scenario.resolved()))) == scenario


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('method = "produce"', "items: is a list of the lengths of streams"),
        ("items = [10]", "items: is a list of the lengths of streams"),
        ('method = "produce"\nitems = [0]', r"items: 0 is not allowed; allowed: 1 to 1000000"),
        ('method = "produce"\nitems = [5]\nload = ["10/s"]', "streams cannot go with load '10/s'"),
        ('method = "produce"\nitems = [5]\nin_flight = [4]', "streams cannot go with in_flight 4"),
    ],
)
def test_a_wrong_value_is_told(write: Write, line: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        scenario_files.read(write(BLOCK + line + "\n"), Registered())
