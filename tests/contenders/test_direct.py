from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from contenders import registry
from contenders.direct import Direct, Noop
from contenders.interface import CallError, ServerGone
from contenders.process import ServerProcess
from contenders.service import BenchService


def test_direct_passes_by_reference() -> None:
    payload = {"a": [1]}
    with ServerProcess(Direct("json"), BenchService()) as server, Direct("json").connect(server.address) as caller:
        assert caller.call("echo", payload) is payload


def test_noop_returns_the_payload_whatever_the_method_and_calls_nothing(tmp_path: Path) -> None:
    noop = Noop("bytes")
    with ServerProcess(noop, BenchService()) as server, noop.connect(server.address) as caller:
        assert caller.call("fail", b"payload") == b"payload"
    with pytest.raises(ServerGone):
        noop.connect(noop.new_address(tmp_path))
    assert noop.settings()


def test_an_error_of_a_call_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(CallError("ValueError", "why not")))
    assert (error.type_name, error.message, str(error)) == ("ValueError", "why not", "ValueError: why not")


def test_an_address_is_served_once(tmp_path: Path) -> None:
    direct = Direct("json")
    with ServerProcess(direct, BenchService()) as server, pytest.raises(ValueError, match="served already"):
        direct.serve(BenchService(), server.address, lambda stop: None)


def test_a_lane_a_contender_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(ValueError, match="direct-codec has no lane 'bytes'; it has json, native, pickle"):
        registry.load("direct-codec")("bytes")
