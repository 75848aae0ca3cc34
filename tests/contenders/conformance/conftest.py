"""One contender in one lane, with a server and a caller that the tests of a file share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from contenders.interface import Caller, Contender
from contenders.process import ServerProcess
from tests.contenders.conformance.conforming import EVERY
from tests.contenders.services import Telling


@pytest.fixture(scope="module", params=EVERY)
def contender(request: pytest.FixtureRequest) -> Contender:
    chosen: Contender = request.param
    return chosen


@pytest.fixture(scope="module")
def server(contender: Contender) -> Iterator[ServerProcess]:
    with ServerProcess(contender, Telling()) as running:
        yield running
        assert running.failure in (None, f"exit code {-signal.SIGKILL}")  # which is how the last test ends it


@pytest.fixture(scope="module")
def caller(contender: Contender, server: ServerProcess) -> Iterator[Caller]:
    """Shared by the tests, because some addresses take a single client."""
    with contender.connect(server.address) as connected:
        yield connected
