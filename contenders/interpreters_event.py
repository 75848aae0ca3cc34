"""concurrent.interpreters as it is fast with: two queues, and an eventfd beside each that wakes who waits for it.

A thread of the subinterpreter serves until it is told to end; that is where the two differ from ``interpreters``,
whose pool enters the interpreter anew for each call. The queues take what they are given, pickled where it has to be.
Lane ``pickle`` gives them pickles made here, which spares it the ``repr`` of every value. Callers may be shared: they
call one after the other.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from contenders import pickling
from contenders.garbage import settle
from contenders.interface import Caller, CallError, Contender, ServerGone
from contenders.interpreters import find_alike
from contenders.service import Methods, methods_of

_servers: dict[str, _Server] = {}
"""In the caller's interpreter: the server of each address."""
_methods = Methods()
"""In the subinterpreter: what is called."""


class InterpretersEvent(Contender):
    """An address is the name of a server of this process."""

    name = "interpreters-event"
    summary = "Two queues of concurrent.interpreters, each with an eventfd, in the caller's own process; Python 3.14."
    lanes: ClassVar[tuple[str, ...]] = ("bytes", "native", "pickle")
    python = (3, 14)
    in_process = True

    def new_address(self, folder: Path) -> str:
        return f"{self.name}-{secrets.token_hex(8)}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        stopped = threading.Event()
        server = _servers[address] = _Server(service, pickles=self.lane == "pickle")
        try:
            ready(stopped.set)
            stopped.wait()
        finally:
            del _servers[address]
            server.stop()

    def connect(self, address: str) -> Caller:
        if address not in _servers:
            raise ServerGone(f"there is no server {address} in this process")
        return (_PickleCaller if self.lane == "pickle" else _Caller)(_servers[address])

    def settings(self) -> Mapping[str, str]:
        queues = "none for bytes, text, numbers and tuples; pickle for all else"
        return {
            "transport": "two queues of concurrent.interpreters, copied into and out of",
            "waking": "an eventfd for each queue",
            "API": "Interpreter.call_in_thread(...), Queue.put(...), Queue.get_nowait()",
            "codec": pickling.CODEC if self.lane == "pickle" else queues,
            "server workers": "1",
        }


class _Server:
    """A subinterpreter that serves. Used by any thread: a call that is under way ends before the server does."""

    def __init__(self, service: object, pickles: bool) -> None:
        from concurrent import interpreters  # type: ignore[attr-defined]  # here: an older Python reads the summary

        self._not_shareable = interpreters.NotShareableError
        self._lock = threading.Lock()
        self._gone = ""
        self._interpreter = interpreters.create()
        try:
            self._interpreter.exec(find_alike())
            self._interpreter.call(_be_server, service)
        except BaseException:
            self._interpreter.close()
            raise
        self._requests, self._responses = interpreters.create_queue(), interpreters.create_queue()
        self._asked, self._answered = os.eventfd(0), os.eventfd(0)
        ends = (self._requests, self._responses, self._asked, self._answered)
        self._thread = self._interpreter.call_in_thread(_serve, pickles, *ends)

    def call(self, request: Any) -> Any:
        """The response. Raises what the queue does for a request that can be neither copied nor pickled."""
        with self._lock:
            if self._gone:
                raise ServerGone(self._gone)
            try:
                self._requests.put(request)
            except self._not_shareable as error:
                raise CallError(type(error).__name__, str(error)) from error
            os.eventfd_write(self._asked, 1)
            os.eventfd_read(self._answered)
            response = self._responses.get_nowait()
            if response is None:
                self._gone = "the server has ended"
                raise ServerGone(self._gone)
            return response

    def stop(self) -> None:
        with self._lock:
            self._gone = self._gone or "the server has stopped"
            self._requests.put(None)
            os.eventfd_write(self._asked, 1)
            self._thread.join()
            self._interpreter.close()
            os.close(self._asked)
            os.close(self._answered)


def _be_server(service: object) -> None:
    """Set up the subinterpreter."""
    _methods.update(methods_of(service))
    settle()


def _serve(pickles: bool, requests: Any, responses: Any, asked: int, answered: int) -> None:
    """In the subinterpreter: answer until there is None in place of a request, and leave None in place of an answer."""
    try:
        while True:
            os.eventfd_read(asked)
            try:
                request = requests.get_nowait()
                if request is None:
                    return
                response = pickling.answer(_methods, request) if pickles else (_methods[request[0]](request[1]),)
                responses.put(response)
            except Exception as error:  # a user's handler ran: anything may come out of it
                responses.put((None, type(error).__name__, str(error)))
            os.eventfd_write(answered, 1)
    finally:
        responses.put(None)
        os.eventfd_write(answered, 1)


class _Caller(Caller):
    def __init__(self, server: _Server) -> None:
        self._server: _Server | None = server

    def call(self, method: str, payload: Any) -> Any:
        response = self._open().call((method, payload))
        if len(response) > 1:
            raise CallError(response[1], response[2])
        return response[0]

    def _open(self) -> _Server:
        if self._server is None:
            raise ServerGone("this caller is closed")
        return self._server

    def close(self) -> None:
        self._server = None


class _PickleCaller(_Caller):
    def call(self, method: str, payload: Any) -> Any:
        return pickling.decode_response(self._open().call(pickling.encode_request(method, payload)))
