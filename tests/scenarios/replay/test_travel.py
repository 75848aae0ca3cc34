"""What of a recording can leave a process, by which codec, and why the rest cannot."""

from __future__ import annotations

import pickle
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios.cli.commands import main
from scenarios.replay import codecs, recorded, sample, sentences, travel
from scenarios.replay.carriers import Carrier, choice, of
from scenarios.replay.recorded import RecordingError
from scenarios.replay.sample import Sample
from scenarios.replay.travel import Travel
from shm_rpc_bridge.record import Redacted, Refused, blocks
from tests.scenarios.replay.recordings import UNKNOWN, Made, sizes, write
from tests.scenarios.replay.shop import Basket, Price


def seen(path: Path, calls: list[Made], most: int = 500, **more: Any) -> tuple[Sample, Travel]:
    """Of the first function."""
    recording = recorded.opened(write(path / "calls.rec", calls, **more))
    function = next(iter(recording.functions.values()))
    kept = [call for call in recording.calls if call.function == function.name]
    found = sample.of(function, kept, most, 1)
    return found, travel.of(recording, found)


def test_plain_values_are_carried_by_every_codec(tmp_path: Path) -> None:
    _, found = seen(tmp_path, [Made("quote", ("pear", 2, {"pear": 0.1}), {"more": [1, None]}, {"total": 4.5})])
    assert all(way.carries_all for way in found.ways.values())
    assert set(found.ways) == {"json", "json+beside", "msgpack", "pickle"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, (2, 3)], "args[0] (article)[*]: tuple -> list"),
        ({"a": [float("nan")]}, "args[0] (article)['a'][*]: NaN -> None"),
        (datetime(2024, 5, 1), "args[0] (article): datetime -> str"),
        (Basket([("a", 1)]), "args[0] (article): Basket -> dict"),
    ],
)
def test_what_json_changes_is_counted_with_its_first_place(tmp_path: Path, value: Any, reason: str) -> None:
    calls = [Made("quote", (value, 1)), Made("quote", ("pear", 1))]
    _, found = seen(tmp_path, calls, parameters={"quote": ["article", "number"]})
    assert (found.ways["json"].carried, found.ways["json"].changed, found.ways["json"].refused) == (1, 1, 0)
    assert found.ways["json"].reasons == ((reason, 1),)
    assert found.ways["pickle"].carries_all


@pytest.mark.parametrize(
    ("value", "start"),
    [
        ([1, [Price(3)]], "args[0][1][0]: TypeError: Type is not JSON serializable: Price"),
        ({1: 2}, "args[0]: TypeError: Dict key must be str"),
        ({"n": 2**70}, "args[0]['n']: TypeError: Integer exceeds 64-bit range"),
    ],
)
def test_what_json_refuses_is_counted_with_the_innermost_place(tmp_path: Path, value: Any, start: str) -> None:
    _, found = seen(tmp_path, [Made("quote", (value,))])
    ((reason, count),) = found.ways["json"].reasons
    assert (reason.replace("[*]", "[1]", 1).replace("[*]", "[0]", 1), count, found.ways["json"].refused) == (
        start,
        1,
        1,
    )


def test_bytes_and_arrays_go_beside_the_librarys_json_and_not_into_json(tmp_path: Path) -> None:
    data = {"picture": b"\x00" * 100, "points": [np.arange(4.0), bytearray(b"x")]}
    _, found = seen(tmp_path, [Made("quote", (data,), result=np.ones((2, 2), "f4"))])
    assert found.ways["json"].refused == 1
    assert found.ways["json+beside"].carries_all
    assert found.ways["json+beside"].bytes_per_call is not None
    assert found.ways["json+beside"].bytes_per_call > 100 + 32 + 1 + 16
    assert seen(tmp_path, [Made("quote", (np.array([{}], object),))])[1].ways["json+beside"].refused == 1


def test_a_value_that_contains_itself_is_for_pickle(tmp_path: Path) -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    _, found = seen(tmp_path, [Made("quote", (ring,))])
    assert found.ways["json"].refused == found.ways["msgpack"].refused == 1
    assert found.ways["pickle"].carries_all


def test_calls_that_differ_in_a_place_of_a_list_have_one_reason(tmp_path: Path) -> None:
    calls = [Made("quote", ([[]] * place + [()],)) for place in range(4)]
    _, found = seen(tmp_path, calls)
    assert found.ways["json"].reasons == (("args[0][*]: tuple -> list", 4),)


def test_what_could_not_be_recorded_is_a_reason_and_ends_nothing(tmp_path: Path) -> None:
    lock = Refused("_thread.lock", "cannot pickle '_thread.lock' object")
    calls = [Made("quote", ([1, {"lock": lock}],)), Made("quote", (1,), result=lock), Made("quote", (2,))]
    found, its = seen(tmp_path, calls)
    assert dict(found.left_out) == {
        "args[0][*]['lock']: a lock cannot be pickled: cannot pickle '_thread.lock' object": 1,
        "result: a lock cannot be pickled: cannot pickle '_thread.lock' object": 1,
    }
    assert its.calls == 1


def test_a_hidden_value_is_made_up_with_its_type_and_length(tmp_path: Path) -> None:
    hidden = (Redacted("str", 12), Redacted("bytes", 3), Redacted("int", -1), Redacted("list", 2))
    found, its = seen(tmp_path, [Made("quote", hidden), Made("quote", (Redacted("Account", -1),))])
    (chosen,) = found.chosen
    assert [type(each) for each in chosen.args] == [str, bytes, int, list]
    assert [len(each) for each in chosen.args if not isinstance(each, int)] == [12, 3, 2]
    assert chosen.case.arguments()[0] == chosen.args
    assert its.made_up == 1
    assert dict(found.left_out) == {"a Account was hidden by redact=, and none can be made up": 1}


def test_a_module_that_is_not_here_is_a_reason_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pricing_of_a_test.py").write_text("class Rebate:\n    percent = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import pricing_of_a_test

    calls = [Made("quote", (pricing_of_a_test.Rebate(),)), Made("quote", (2,))]
    file = write(tmp_path / "calls.rec", calls)
    del sys.modules["pricing_of_a_test"]
    recording = recorded.opened(file)
    (function,) = recording.functions.values()
    assert len(sample.of(function, recording.calls, 9, 1).chosen) == 2
    del sys.modules["pricing_of_a_test"]
    sys.path.remove(str(tmp_path))
    found = sample.of(function, recording.calls, 9, 1)
    (reason,) = found.left_out
    assert reason == "needs module pricing_of_a_test, which is not found: --path DIR puts a folder on sys.path"
    assert len(found.chosen) == 1


def test_a_class_of_the_main_file_is_a_reason_with_a_remedy(tmp_path: Path) -> None:
    gone = b"\x80\x04c__main__\nNotThere\n."
    encoded = UNKNOWN._replace(pickle_bytes=len(gone), pickled=gone)
    found, _ = seen(tmp_path, [Made("quote", request=encoded)])
    (reason,) = found.left_out
    assert "move it into a module" in reason


def test_calls_that_raised_are_not_replayed(tmp_path: Path) -> None:
    found, _ = seen(tmp_path, [Made("quote", (1,), raised="KeyError"), Made("quote", (2,))])
    assert dict(found.left_out) == {"raised KeyError: only results are replayed": 1}


def test_the_sample_is_the_same_for_a_seed_and_in_recorded_order(tmp_path: Path) -> None:
    calls = [Made("quote", (number,), start_us=number) for number in range(200)]
    first, _ = seen(tmp_path, calls, most=20)
    again, _ = seen(tmp_path, calls, most=20)
    numbers = [chosen.args[0] for chosen in first.chosen]
    assert numbers == [chosen.args[0] for chosen in again.chosen] == sorted(numbers)
    assert len(numbers) == 20
    assert numbers != list(range(20))


def test_sizes_alone_are_replayed_with_values_of_those_sizes(tmp_path: Path) -> None:
    calls = [
        Made("quote", request=sizes(102, 50), response=sizes(32)),
        Made("quote", request=sizes(-1), response=sizes(-1)),
    ]
    found, its = seen(tmp_path, calls, payloads="sizes")
    assert found.generated
    assert its.generated
    assert [len(part) for part in found.chosen[0].args] == [100, 50]
    assert [type(part) for part in found.chosen[0].args] == [str, bytes]
    assert len(codecs.round_trip("json", found.chosen[0].result)[0]) == 30
    assert len(found.chosen[1].args[0]) == 100  # where nothing is said, what is usual


def test_a_recording_that_knows_nothing_says_so(tmp_path: Path) -> None:
    found, _ = seen(tmp_path, [Made("quote", request=UNKNOWN, response=UNKNOWN)])
    assert not found.chosen
    assert list(found.left_out) == ["neither its values nor its sizes were kept: record with payloads"]


def test_what_a_method_would_need_of_its_object_is_said(tmp_path: Path) -> None:
    objects = [
        ("Till.take", {"attributes": {"sum": ["int", 5, ""], "lock": ["lock", -1, "cannot pickle"]}, "mutated": True}),
        ("Till.take", {"attributes": {"sum": ["int", 9, ""]}, "mutated": False}),
    ]
    _, found = seen(tmp_path, [Made("Till.take", (3,), result=3)], kinds={"Till.take": "method"}, objects=objects)
    assert found.self_state is not None
    assert found.self_state.pickled_bytes == 9
    assert found.self_state.refused == ("lock: cannot pickle",)
    assert (found.self_state.mutated, found.self_state.looked_at) == (1, 2)
    said = next(each for each in sentences._of_function(found, "") if "its self holds" in each)
    assert said.endswith("the most in 2 looks, mostly at its first calls: later it may hold more")


def test_a_recording_of_another_version_is_refused(tmp_path: Path) -> None:
    begin = {"kind": "begin", "run": "ab", "settings": {}, "pid": 1, "program": "", "python": ""}
    begin |= {"started": 0.0, "start_ns": 0, "functions": []}
    data = blocks.MAGIC + blocks.encode(begin) + blocks.encode({"kind": "calls", "rows": [[0, 1]]})
    (tmp_path / "old").write_bytes(data)
    with pytest.raises(RecordingError, match=r"written by another version .*record writes one"):
        recorded.opened(tmp_path / "old")


def test_another_file_is_refused_with_what_writes_one(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("no recording")
    with pytest.raises(RecordingError, match=r"not a recording.*python -m shm_rpc_bridge\.record writes one"):
        recorded.opened(tmp_path / "other")
    with pytest.raises(RecordingError, match="No such file"):
        recorded.opened(tmp_path / "none")


@pytest.mark.parametrize(
    ("value", "contender", "lanes", "carrier"),
    [
        ({"a": 1}, "shm", ("bytes", "json", "native", "pickle"), ("native", "json+beside")),
        (b"x", "shm", ("bytes", "json", "native", "pickle"), ("native", "json+beside")),
        ((1, 2), "shm", ("bytes", "json", "native", "pickle"), ("pickle", "pickle")),
        ({1: 2}, "shm-msgpack", ("native",), ("native", "msgpack")),
        ({"a": 1}, "mp-pipe", ("bytes", "json", "native", "pickle"), ("json", "json")),
        (b"x", "mp-pipe", ("bytes", "json", "native", "pickle"), ("pickle", "pickle")),
        ((1, 2), "grpc-uds", ("bytes", "json", "native", "arrays"), ("bytes", "pickle")),
        (Price(1), "direct", ("native",), ("native", "none")),
    ],
)
def test_the_first_carrier_that_carries_all_is_taken(
    tmp_path: Path, value: Any, contender: str, lanes: tuple[str, ...], carrier: tuple[str, str]
) -> None:
    _, found = seen(tmp_path, [Made("quote", (value,)), Made("quote", (1,))])
    assert choice(found, of(contender, lanes)).carrier == Carrier(contender, *carrier)


def test_who_has_no_carrier_says_why_for_each(tmp_path: Path) -> None:
    _, found = seen(tmp_path, [Made("quote", ((1, 2),)), Made("quote", (1,))])
    carriers = of("shm-msgpack", ("native",))
    refused = choice(found, carriers)
    assert refused.carrier is None
    assert refused.why_not == "msgpack, lane native does not carry 1 of 2 calls (args[0]: tuple -> list)"
    assert choice(found, carriers, allow_changed=True).carrier == carriers[0]


def test_a_pickle_that_was_not_touched_is_sent_as_it_was_recorded(tmp_path: Path) -> None:
    found, _ = seen(tmp_path, [Made("quote", (1, "a"))])
    assert found.chosen[0].case.request == pickle.dumps(((1, "a"), {}), 5)


def test_a_module_that_ends_the_program_when_it_is_imported_ends_no_replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "ends_here.py").write_text("import sys\nsys.exit(3)")
    file = write(tmp_path / "calls.rec", [Made("ends_here:f", (1,), result=2)])
    assert main(["replay", str(file), "--travel", "--with-handler", "--path", str(tmp_path)]) == 0
    assert "its function cannot be imported: SystemExit: 3" in capsys.readouterr().out


def test_every_argument_that_is_refused_is_named(tmp_path: Path) -> None:
    calls = [Made("quote", (b"1", 2, {3}), result=(4,))]
    _, found = seen(tmp_path, calls)
    assert [reason.partition(":")[0] for reason, _ in found.ways["json"].reasons] == ["args[0]", "args[2]"]
    assert (found.ways["json"].refused, found.ways["json"].changed) == (1, 0)


def test_every_argument_that_is_changed_is_named(tmp_path: Path) -> None:
    _, found = seen(tmp_path, [Made("quote", ((1,), 2), result=(4,))])
    assert sorted(reason for reason, _ in found.ways["json"].reasons) == [
        "args[0]: tuple -> list",
        "result: tuple -> list",
    ]
    assert (found.ways["json"].changed, found.ways["json"].bytes_per_call) == (1, 7.0)
