from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from contenders.direct import Direct
from contenders.interface import CallError
from contenders.interpreters import Interpreters
from contenders.process import ServerFailed, ServerProcess
from tests.contenders import lodgers

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="concurrent.interpreters is Python 3.14's")


def test_the_work_is_another_interpreter_and_thread_of_this_process_and_always_the_same() -> None:
    from concurrent import interpreters

    contender = Interpreters("native")
    with ServerProcess(contender, lodgers.WhoRuns()) as server:
        with contender.connect(server.address) as one, contender.connect(server.address) as two:
            found = {caller.call("echo", "x") for caller in (one, two, one, two)}
        ((process, thread, interpreter),) = found
    assert process == os.getpid()
    assert thread != threading.get_ident()
    assert interpreter != interpreters.get_current().id


def test_what_a_module_holds_is_the_interpreters_own() -> None:
    contender = Interpreters("native")
    with ServerProcess(contender, lodgers.WhoRuns()) as server, contender.connect(server.address) as caller:
        assert [caller.call("add", {}) for _ in range(3)] == [1, 2, 3]
    assert lodgers.CALLS == []


def test_values_are_copies_and_what_is_shared_by_nobody_is_pickled() -> None:
    contender = Interpreters("native")
    with ServerProcess(contender, lodgers.WhoRuns()) as server, contender.connect(server.address) as caller:
        for payload in ("text " * 100, ("a", 1, b"c", 2.5), {"a": [1, {2}]}, 2**100):
            result = caller.call("process", payload)
            assert (result, type(result), result is payload) == (payload, type(payload), False)


def test_what_can_be_neither_copied_nor_pickled_is_an_error_and_the_next_call_works() -> None:
    contender = Interpreters("native")
    with ServerProcess(contender, lodgers.Unpicklable()) as server, contender.connect(server.address) as caller:
        with pytest.raises(CallError, match="NotShareable"):
            caller.call("echo", "result")
        with pytest.raises(CallError, match="ValueError"):
            caller.call("fail", "exception")
        with pytest.raises(CallError, match="NotShareable"):
            caller.call("add", threading.Lock())
        assert caller.call("add", {}) == os.getpid()


def test_a_service_is_found_where_this_interpreter_has_learned_to_look(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lodging.py").write_text("class Service:\n    def echo(self, payload):\n        return __file__\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import lodging  # type: ignore[import-not-found]

    contender = Interpreters("native")
    with ServerProcess(contender, lodging.Service()) as server, contender.connect(server.address) as caller:
        assert caller.call("echo", "x") == lodging.__file__


def test_a_service_whose_modules_refuse_a_subinterpreter_is_told_by_their_error() -> None:
    with pytest.raises(ServerFailed, match="orjson does not support loading in subinterpreters"):
        ServerProcess(Interpreters("native"), Direct("json")).start()  # its module imports orjson


def test_an_interpreter_ends_with_its_server() -> None:
    from concurrent import interpreters

    before = interpreters.list_all()
    with ServerProcess(Interpreters("native"), lodgers.WhoRuns()):
        assert len(interpreters.list_all()) == len(before) + 1
    assert interpreters.list_all() == before
