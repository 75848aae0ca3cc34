"""Splits a package under its own tests: pytest -p split_tests.plugin --split PACKAGE --over OVER --outcomes FILE.

OVER is "plain", "observed" (in this process, see :mod:`.observing`) or one of the ways in :mod:`.transports`. FILE
gets a line of JSON for each test, as soon as it is done.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import pytest

from .catalogue import package
from .causes import FAILED, PASSED, PROCESS_STATE, SUBTESTS_FAILED
from .observing import Observer
from .stubs import put_in_place
from .targets import methods_of
from .transports import Split

_OF_THE_PROCESS = re.compile(
    r"\bmock\b|monkeypatch|patch\.object|freeze|environ|setlocale|TZEnv|TZContext|tzset|set_tzpath|recursionlimit"
    r"|_toggle_speedups"
)
_TEXT_KEPT = 2000


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("split")
    group.addoption("--split", metavar="PACKAGE")
    group.addoption("--over", default="plain")
    group.addoption("--outcomes", metavar="FILE")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before a conftest or test can import a function by name."""
    options = early_config.known_args_namespace
    if options.split is not None:
        early_config.pluginmanager.register(_Run(options.split, options.over, options.outcomes))


class _Run:
    def __init__(self, name: str, over: str, outcomes: str) -> None:
        split = package(name)
        self._observer = Observer(methods_of(split)) if over == "observed" else None
        self._other = None if over in ("plain", "observed") else Split(split, over)
        if self._observer is not None:
            put_in_place(split, self._observer.call)
        elif self._other is not None:
            put_in_place(split, self._other.call)
        self._file = open(outcomes, "w", buffering=1)  # noqa: SIM115 - until the run ends
        self._outcome: dict[str, Any] = {}
        self._in_subtests = False

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._outcome = {"test": nodeid, "outcome": "skipped"}
        self._in_subtests = False  # whether what has failed are subtests alone
        if self._observer is not None:
            self._observer.begin()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report = yield
        if call.when == "call":  # those of its subtests come first, the test's own last
            self._in_subtests = report.passed
        if report.failed:
            self._outcome["outcome"] = FAILED
            if call.when != "call":
                self._in_subtests = False
            self._outcome.setdefault("error", _described(call.excinfo))
        elif call.when == "call" and report.passed and self._outcome["outcome"] != FAILED:
            self._outcome["outcome"] = "expected failure" if hasattr(report, "wasxfail") else PASSED
        if call.when == "call" and self._observer is not None:
            flags = self._observer.flags | ({PROCESS_STATE} if _OF_THE_PROCESS.search(_source(item)) else set())
            self._outcome["flags"] = sorted(flags)
        return report

    def pytest_runtest_logfinish(self) -> None:
        if self._outcome["outcome"] == FAILED and self._in_subtests:
            self._outcome["outcome"] = SUBTESTS_FAILED
        self._file.write(json.dumps(self._outcome) + "\n")

    def pytest_unconfigure(self) -> None:
        self._file.close()
        if self._other is not None:
            self._other.close()


def _described(excinfo: pytest.ExceptionInfo[BaseException] | None) -> dict[str, Any]:
    """The exception that a test has failed with, and those that it came from: classes and texts."""
    chain: list[dict[str, str]] = []
    error = None if excinfo is None else excinfo.value
    while error is not None and len(chain) < 10:
        names = [kind.__name__ for kind in type(error).__mro__]
        chain.append({"class": names[0], "bases": " ".join(names[1:]), "text": str(error)[:_TEXT_KEPT]})
        error = error.__cause__ or error.__context__
    return {"chain": chain}


def _source(item: pytest.Item) -> str:
    fixtures = " ".join(getattr(item, "fixturenames", ()))
    try:
        return fixtures + inspect.getsource(item.obj)  # type: ignore[attr-defined]
    except (AttributeError, OSError, TypeError):
        return fixtures
