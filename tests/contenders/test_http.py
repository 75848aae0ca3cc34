"""The two HTTP contenders differ in their clients alone."""

from __future__ import annotations

from typing import Any

import pytest

from contenders.http_uds import HttpUds
from contenders.http_uds_stdlib import HttpUdsStdlib
from contenders.interface import Contender
from contenders.process import ServerProcess
from contenders.service import BenchService

PAYLOADS = [
    pytest.param("bytes", b"\x00\xff", id="bytes"),
    pytest.param("json", {"text": "naïve", "list": [1, 2.5]}, id="json"),
    pytest.param("native", {"text": "naïve", "list": [1, 2.5]}, id="native"),
]


@pytest.mark.parametrize(("lane", "payload"), PAYLOADS)
@pytest.mark.parametrize(("server", "client"), [(HttpUds, HttpUdsStdlib), (HttpUdsStdlib, HttpUds)])
def test_either_client_calls_the_others_server(
    server: type[Contender], client: type[Contender], lane: str, payload: Any
) -> None:
    with ServerProcess(server(lane), BenchService()) as running, client(lane).connect(running.address) as caller:
        assert caller.call("echo", payload) == payload


def test_the_client_is_the_only_setting_they_differ_in() -> None:
    for lane in ("bytes", "json"):
        one, other = HttpUds(lane).settings(), HttpUdsStdlib(lane).settings()
        assert {name for name in one | other if one.get(name) != other.get(name)} == {"client"}
