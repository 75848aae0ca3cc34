import os
import signal
from pathlib import Path
from typing import Any, Iterator

import pytest

from shm_rpc_bridge import cleanup
from shm_rpc_bridge.testing import leftovers

from .codecs import CODECS, codec_of
from .figures import Figures
from .services import unique_name


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> Iterator[None]:
    """A shell that starts the tests in the background has SIGINT ignored for them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def name() -> Iterator[str]:
    """A name no other test has. Afterwards nothing of it may be left in shared memory."""
    name = unique_name()
    yield name
    left = leftovers(name)
    for owner in cleanup.survey(name):
        cleanup.remove(owner)
    assert not left, f"left in shared memory: {left}"


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    """By which a method says that it was entered."""
    path = str(tmp_path / "entered")
    os.mkfifo(path)
    return path


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Where a test says what it has measured; what a soak test says is kept."""
    options = request.config.option
    if request.node.get_closest_marker("soak") is None:
        return Figures(None, 1.0, None)
    return Figures(options.figures, options.scale, request.config.pluginmanager.getplugin("capturemanager"))


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> Any:
    """Each that most tests of what a call carries go through."""
    return codec_of(request.param)


@pytest.fixture(params=CODECS[:3])
def describing(request: pytest.FixtureRequest) -> Any:
    """A codec that carries descriptions of exceptions."""
    return codec_of(request.param)
