import gc
import signal
from typing import Iterator, List

import hypothesis
import pytest

# On a busy machine any example may take long to run or to draw, and neither is what a test promises.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

# A shell that starts a job in the background lets it ignore SIGINT, and so would every process of the tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("soak")
    group.addoption("--figures", metavar="FILE.csv", help="write what soak tests have measured to this file")
    group.addoption("--scale", type=float, default=1.0, help="shorten the soak tests: 0.01 is a hundredth")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nothing that is imported or collected is garbage."""
    gc.disable()
    try:
        return (yield)  # type: ignore[return-value]
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """The long tests may take long."""
    for item in items:
        if item.get_closest_marker("soak") is not None:
            item.add_marker(pytest.mark.timeout(3600))


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they import stay to the end: no collection of garbage needs to look at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _what_a_file_keeps_stays() -> Iterator[None]:
    """So does what a file of tests has imported and kept for those after it."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _signals_stay_as_they_were() -> Iterator[None]:
    """A handler or a mask that a test leaves behind fails another one, some day, in another order."""
    before = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    assert (signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])) == before
