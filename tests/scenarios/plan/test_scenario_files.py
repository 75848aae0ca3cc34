"""A scenario file says everything that is wrong with it before anything starts."""

from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path

import pytest

from contenders.registry import ContenderUnavailable, Registered
from scenarios.common.errors import ScenarioError
from scenarios.plan import cells, payloads, scenario_files
from scenarios.plan.scenario import Scenario
from tests.scenarios.conftest import Write
from tests.scenarios.fakes import CATALOGUE, Plain

GOOD = """
repeats = 2
[[cells]]
lanes = ["json"]
contenders = ["plain"]
payload_sizes = [100, "10KB", "2MB", "0.5MB"]
calls = 10
"""


def _read(path: Path) -> Scenario:
    return scenario_files.read(path, CATALOGUE)


def test_a_file_gives_its_blocks_with_sizes_in_bytes(write: Write) -> None:
    scenario = _read(write(GOOD, name="mine"))
    assert scenario.name == "mine"
    assert scenario.repeats == 2
    (block,) = scenario.blocks
    assert block.payload_sizes == (100, 10_000, 2_000_000, 500_000)
    assert block.calls == (10, 10, 10, 10)
    assert block.payloads == {"json": "document"}
    assert (block.warmup_calls, block.seconds, block.clients, block.load) == (100, 1.0, (1,), ("closed",))
    assert (scenario.reruns, scenario.seed) == (1, 1)
    assert len(cells.expand(scenario)) == 2 * 4


MISTAKES = {
    "unknown contender": (
        '"plain"',
        '"plane"',
        ":5: cells[0].contenders: unknown value 'plane'; did you mean 'plain'?",
    ),
    "unknown lane": ('["json"]', '["jsn"]', ":4: cells[0].lanes: unknown value 'jsn'; did you mean 'json'? allowed"),
    "unknown method": ("calls = 10", 'calls = 10\nmethod = "ecko"', "cells[0].method: unknown value 'ecko'"),
    "unknown key": ("calls = 10", "calls = 10\nwarm_calls = 1", ":8: cells[0].warm_calls: unknown key; did you mean"),
    "unknown key at the top": ("repeats = 2", "repeat = 2", ":2: repeat: unknown key; did you mean 'repeats'?"),
    "wrong type": ("calls = 10", 'calls = "ten"', ":7: cells[0].calls: 'ten' is not a whole number"),
    "a truth value for a number": ("repeats = 2", "repeats = true", ":2: repeats: True is not a whole number"),
    "text for a list": ('["json"]', '"json"', ":4: cells[0].lanes: 'json' is not a list; write ['json']"),
    "empty list": ('["plain"]', "[]", ":5: cells[0].contenders: the list is empty"),
    "missing list": ('contenders = ["plain"]', "", ":3: cells[0].contenders: is missing"),
    "missing number": ("calls = 10", "", ":3: cells[0].calls: is missing"),
    "no calls": ("calls = 10", "calls = 0", ":7: cells[0].calls: 0 is too small; allowed: 1 and more"),
    "no number": ("calls = 10", "calls = []", ":7: cells[0].calls: the list is empty"),
    "a negative number": ("calls = 10", "calls = 10\nwarmup_calls = -1", ":8: cells[0].warmup_calls: -1 is too small"),
    "negative in a list": ("calls = 10", "calls = [1, 2, 3, -4]", ":7: cells[0].calls: -4 is too small"),
    "too few numbers": ("calls = 10", "calls = [1, 2]", ":7: cells[0].calls: 2 numbers for 4 payload_sizes"),
    "no time": ("calls = 10", "calls = 10\nseconds = 0", ":8: cells[0].seconds: 0 is not allowed"),
    "for ever": ("calls = 10", "calls = 10\nseconds = inf", ":8: cells[0].seconds: inf is not allowed"),
    "not a size": ('"10KB"', '"10 kb"', ":6: cells[0].payload_sizes: '10 kb' is not a size; allowed:"),
    "size too small": ("[100,", "[1,", ":6: cells[0].payload_sizes: 1 bytes is out of range; allowed: 64 to"),
    "the same twice": ("[100,", "[10000,", ":6: cells[0].payload_sizes: the same value twice: 10000"),
    "too many clients": (
        "calls = 10",
        "calls = 10\nclients = [2, 65]",
        ":8: cells[0].clients: 65 is not allowed; allowed: 1 to 64",
    ),
    "a load": (
        "calls = 10",
        'calls = 10\nload = ["closed", "1000"]',
        ':8: cells[0].load: \'1000\' is not a load; allowed: "closed", "1000/s"',
    ),
    "a load twice": ("calls = 10", 'calls = 10\nload = ["5/s", "5/s"]', "cells[0].load: the same value twice: 5/s"),
    "payload of another lane": ("calls = 10", 'calls = 10\npayload = "bytes"', "lane 'json' takes document, ascii"),
    "array of half an item": (
        'lanes = ["json"]\ncontenders = ["plain"]\npayload_sizes = [100,',
        'lanes = ["arrays"]\ncontenders = ["plain"]\npayload_sizes = [102,',
        "102 bytes are no whole number of float32; allowed: multiples of 4",
    ),
    "payload of another method": (
        "calls = 10",
        'calls = 10\nmethod = "add"\npayload = "document"',
        "cells[0].payload: 'add' takes",
    ),
    "no tables": (GOOD, "repeats = 2\n", "cells: at least one [[cells]] table is needed"),
    "in a table written in one line": (GOOD, 'cells = [{lanes = ["jsn"]}]', "mine.toml: cells[0].lanes: unknown value"),
    "a block's name": ("calls = 10", 'calls = 10\nname = "A B"', "'A B' is not made of small letters"),
    "not TOML": ("repeats = 2", "repeats =", "mine.toml"),
    "no package": ('["plain"]', '["missing"]', "contender missing is not available: pip install missing"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_line_key_and_what_is_allowed(write: Write, mistake: str) -> None:
    right, wrong, message = MISTAKES[mistake]
    assert right in GOOD
    with pytest.raises(ScenarioError) as caught:
        _read(write(GOOD.replace(right, wrong), name="mine"))
    assert message in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_all_mistakes_of_a_file_are_reported_at_once(write: Write) -> None:
    with pytest.raises(ScenarioError) as caught:
        _read(write(GOOD.replace("json", "jsn").replace("repeats = 2", "repeats = 0").replace('"plain"', '"plane"')))
    assert len(str(caught.value).splitlines()) == 3


def test_a_size_of_nothing_is_a_mistake_in_whichever_lane(write: Write) -> None:
    with pytest.raises(ScenarioError) as caught:
        _read(write(GOOD.replace("json", "jsn").replace("[100,", "[0,")))
    assert [mistake.key for mistake in caught.value.mistakes] == ["cells[0].lanes", "cells[0].payload_sizes"]


def test_a_mistake_of_meaning_is_reported_beside_those_of_type(write: Write) -> None:
    text = GOOD.replace("calls = 10", 'calls = "ten"\npayload = "bytes"').replace("repeats = 2", "repeats = 0")
    with pytest.raises(ScenarioError) as caught:
        _read(write(text))
    assert [mistake.key for mistake in caught.value.mistakes] == ["repeats", "cells[0].calls", "cells[0].payload"]


def test_a_mistake_in_the_second_block_is_found_on_its_own_line(write: Write) -> None:
    second = '[[cells]]\nname = "more"\nlanes = ["json"]\ncontenders = ["nobody"]\npayload_sizes = [100]\ncalls = 1\n'
    with pytest.raises(ScenarioError, match=r":12: cells\[1\].contenders: unknown value 'nobody'"):
        _read(write(GOOD + "\n" + second))


def test_two_blocks_that_make_the_same_rows_need_a_name(write: Write) -> None:
    block = GOOD[GOOD.index("[[cells]]") :]
    with pytest.raises(ScenarioError, match=r"cells\[1\].name: plain in lane json with 100 bytes is in cells\[0\]"):
        _read(write(GOOD + block))
    scenario = _read(write(GOOD + block + 'name = "again"'))
    assert {cell.axes["scenario"] for cell in cells.expand(scenario)} == {"small", "small/again"}


def test_all_contenders_are_those_that_have_the_lane_and_can_be_loaded(write: Write) -> None:
    scenario = _read(write(GOOD.replace('["plain"]', '"all"')))
    assert set(scenario.blocks[0].contenders["json"]) == set(CATALOGUE) - {"missing"}
    assert scenario.left_out == ("contender missing is not available: pip install missing",)


def test_a_named_contender_that_cannot_be_loaded_is_left_out_alone(write: Write) -> None:
    """One package that was missing or broken stopped the whole scenario."""
    scenario = _read(write(GOOD.replace('["plain"]', '["missing", "plain"]')))
    assert scenario.blocks[0].contenders["json"] == ("plain",)
    assert scenario.left_out == ("contender missing is not available: pip install missing",)


def test_a_contender_without_a_lane_is_named_once_where_all_are_asked_for(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plain, "lanes", ("json",))
    block = GOOD[GOOD.index("[[cells]]") :].replace('["plain"]', '"all"').replace('["json"]', '["json", "bytes"]')
    scenario = _read(write(f'{block}\n{block}name = "again"'))
    assert scenario.left_out == (
        "contender missing is not available: pip install missing",
        "plain has no lane bytes",
    )
    assert "plain" in scenario.blocks[0].contenders["json"]
    assert "plain" not in scenario.blocks[0].contenders["bytes"]


def test_contenders_of_one_client_are_marked_and_not_measured_with_more(write: Write) -> None:
    text = GOOD.replace('["plain"]', '["plain", "pipes", "streams"]').replace("calls", "clients = [1, 2, 4]\ncalls")
    scenario = _read(write(text))
    assert scenario.left_out == (
        "plain in lane json serves in the client's own process: not measured with 2, 4 clients",
        "pipes in lane json takes one client per address: not measured with 2, 4 clients",
    )
    pairs = {(cell.contender, cell.clients) for cell in cells.expand(scenario)}
    assert pairs == {("plain", 1), ("pipes", 1), ("streams", 1), ("streams", 2), ("streams", 4)}
    resolved = scenario.resolved()
    assert json.loads(json.dumps(resolved)) == resolved
    assert Scenario.from_resolved(resolved) == scenario
    assert Scenario.from_resolved({key: resolved[key] for key in resolved.keys() - {"reruns"}}).reruns == 0


def test_blocks_of_other_clients_or_loads_make_other_rows(write: Write) -> None:
    block = GOOD[GOOD.index("[[cells]]") :]
    scenario = _read(write(GOOD + block + 'load = ["10/s"]\n' + block.replace("calls", "clients = [2]\ncalls")))
    keys = [cell.key for cell in cells.expand(scenario)]
    assert len(keys) == len(set(keys))


def test_a_block_may_have_repeats_of_its_own(write: Write) -> None:
    block = GOOD[GOOD.index("[[cells]]") :]
    scenario = _read(write(GOOD + block + 'name = "more"\nrepeats = 3\n' + block + 'name = "less"\nrepeats = 1'))
    made = {(cell.axes["scenario"], cell.axes["repeat"]) for cell in cells.expand(scenario)}
    assert made == {
        *(("small", repeat) for repeat in range(2)),
        *(("small/more", repeat) for repeat in range(3)),
        ("small/less", 0),
    }


def test_numbers_have_one_size(write: Write) -> None:
    text = GOOD.replace("calls = 10", 'calls = 10\nmethod = "add"')
    with pytest.raises(ScenarioError, match="payload_sizes: cannot be given"):
        _read(write(text))
    scenario = _read(write("\n".join(line for line in text.splitlines() if "payload_sizes" not in line)))
    assert scenario.blocks[0].payload_sizes == (payloads.NUMBERS_BYTES,)


def test_noop_is_only_measured_with_an_echo(write: Write) -> None:
    text = '[[cells]]\nlanes = ["json"]\nmethod = "add"\ncalls = 1\ncontenders = '
    with pytest.raises(ScenarioError, match="'noop' calls no method"):
        scenario_files.read(write(text + '["noop"]'), Registered())
    assert "noop" not in scenario_files.read(write(text + '"all"'), Registered()).blocks[0].contenders["json"]


def test_an_unknown_scenario_is_reported_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'quick'"):
        scenario_files.find("quik")
    with pytest.raises(ScenarioError, match=r"no scenario file nowhere/x\.toml"):
        scenario_files.find("nowhere/x.toml")


@pytest.mark.parametrize(
    "name", ["quick", "full", "ipc", "vs-grpc", "transport", "load", "clients", "in-flight", "arrays", "data"]
)
def test_every_scenario_of_the_project_is_valid(name: str) -> None:
    scenario = scenario_files.read(scenario_files.find(name), Registered())
    assert scenario.description
    keys = [cell.key for cell in cells.expand(scenario)]
    assert len(keys) == len(set(keys)) > 0


def _pairs(name: str) -> set[tuple[str, str]]:
    blocks = scenario_files.read(scenario_files.find(name), Registered()).blocks
    return {(lane, each) for block in blocks for lane, names in block.contenders.items() for each in names}


def test_full_and_data_have_every_contender_that_is_installed_in_every_lane_it_has() -> None:
    catalogue, installed = Registered(), {}
    for name in catalogue:
        with contextlib.suppress(ContenderUnavailable):
            installed[name] = catalogue[name]
    assert _pairs("full") | _pairs("data") == {(lane, name) for name, kind in installed.items() for lane in kind.lanes}


@pytest.mark.parametrize("name", ["quick", "load", "clients"])
def test_the_headline_scenarios_compare_this_library_with_grpc_and_zeromq(name: str) -> None:
    assert {("native", each) for each in ("shm", "shm-block", "grpc-uds", "zmq-ipc")} <= _pairs(name)


def test_each_repeat_holds_every_cell_once_in_an_order_only_the_seed_decides(write: Write) -> None:
    scenario = _read(write(GOOD.replace('["plain"]', '["plain", "pipes", "hang"]')))
    order = [cell.axes for cell in cells.expand(scenario)]
    assert order == [cell.axes for cell in cells.expand(scenario)]
    first, second = order[:12], order[12:]
    assert {axes["repeat"] for axes in first} == {0}
    without = [[{**axes, "repeat": 0} for axes in block] for block in (first, second)]
    assert without[0] != without[1]
    assert all(axes in without[1] for axes in without[0])


def test_contenders_that_are_compared_are_measured_one_after_the_other(write: Write) -> None:
    scenario = _read(write(GOOD.replace('["plain"]', '["plain", "pipes", "hang"]')))
    asked = [tuple(cell.axes[axis] for axis in (*cells.QUESTION, "repeat")) for cell in cells.expand(scenario)]
    assert len(list(itertools.groupby(asked))) == len(set(asked)) < len(asked)
    firsts = {
        next(of).contender for _, of in itertools.groupby(cells.expand(scenario), lambda cell: cell.payload_bytes)
    }
    assert len(firsts) > 1, "and not always in the same order"
