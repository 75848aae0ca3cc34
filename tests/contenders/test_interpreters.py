from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from contenders.direct import Direct
from contenders.interface import CallError, Contender, ServerGone
from contenders.interpreters import Interpreters
from contenders.interpreters_event import InterpretersEvent
from contenders.process import ServerFailed, ServerProcess
from tests.contenders import lodgers

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="concurrent.interpreters is Python 3.14's")


@pytest.fixture(params=[Interpreters, InterpretersEvent])
def contender(request: pytest.FixtureRequest) -> Contender:
    made: Contender = request.param("native")
    return made


def test_the_work_is_another_interpreter_and_thread_of_this_process_and_always_the_same(contender: Contender) -> None:
    from concurrent import interpreters

    with ServerProcess(contender, lodgers.WhoRuns()) as server:
        with contender.connect(server.address) as one, contender.connect(server.address) as two:
            found = {caller.call("echo", "x") for caller in (one, two, one, two)}
        ((process, thread, interpreter),) = found
    assert process == os.getpid()
    assert thread != threading.get_ident()
    assert interpreter != interpreters.get_current().id


def test_what_a_module_holds_is_the_interpreters_own(contender: Contender) -> None:
    with ServerProcess(contender, lodgers.WhoRuns()) as server, contender.connect(server.address) as caller:
        assert [caller.call("add", {}) for _ in range(3)] == [1, 2, 3]
    assert lodgers.CALLS == []


def test_values_are_copies_and_what_is_shared_by_nobody_is_pickled(contender: Contender) -> None:
    with ServerProcess(contender, lodgers.WhoRuns()) as server, contender.connect(server.address) as caller:
        for payload in ("text " * 100, ("a", 1, b"c", 2.5), {"a": [1, {2}]}, 2**100):
            result = caller.call("process", payload)
            assert (result, type(result), result is payload) == (payload, type(payload), False)


def test_what_can_be_neither_copied_nor_pickled_is_an_error_and_the_next_call_works(contender: Contender) -> None:
    with ServerProcess(contender, lodgers.Unpicklable()) as server, contender.connect(server.address) as caller:
        with pytest.raises(CallError, match="NotShareable"):
            caller.call("echo", "result")
        with pytest.raises(CallError, match="ValueError"):
            caller.call("fail", "exception")
        with pytest.raises(CallError, match="NotShareable"):
            caller.call("add", threading.Lock())
        assert caller.call("add", {}) == os.getpid()


def test_a_service_is_found_where_this_interpreter_has_learned_to_look(
    contender: Contender, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lodging.py").write_text("class Service:\n    def echo(self, payload):\n        return __file__\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lodging", raising=False)
    import lodging  # type: ignore[import-not-found]

    with ServerProcess(contender, lodging.Service()) as server, contender.connect(server.address) as caller:
        assert caller.call("echo", "x") == lodging.__file__


def test_a_service_whose_modules_refuse_a_subinterpreter_is_told_by_their_error(contender: Contender) -> None:
    with pytest.raises(ServerFailed, match="orjson does not support loading in subinterpreters"):
        ServerProcess(contender, Direct("json")).start()  # its module imports orjson


def test_an_interpreter_ends_with_its_server(contender: Contender) -> None:
    from concurrent import interpreters

    before = interpreters.list_all()
    with ServerProcess(contender, lodgers.WhoRuns()):
        assert len(interpreters.list_all()) == len(before) + 1
    assert interpreters.list_all() == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_method_that_ends_its_thread_is_a_server_gone() -> None:
    contender = InterpretersEvent("native")
    with ServerProcess(contender, lodgers.Quitting()) as server, contender.connect(server.address) as caller:
        for _ in range(2):
            with pytest.raises(ServerGone, match="has ended"):
                caller.call("echo", "x")


def test_objects_travel_as_pickles_made_once() -> None:
    """The queues make the repr of what they have to pickle."""
    contender = InterpretersEvent("pickle")
    with ServerProcess(contender, lodgers.WhoRuns()) as server, contender.connect(server.address) as caller:
        assert caller.call("process", lodgers.Shy()).seen == []
