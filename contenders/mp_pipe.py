"""multiprocessing's connections over a Unix domain socket: what the standard library has for talking processes.

Lane ``bytes`` is send_bytes and recv_bytes, lane ``json`` the same with orjson, lane ``native`` send and recv, which
pickle with the default protocol, lane ``pickle`` send_bytes and recv_bytes with pickles of protocol 5, lane ``arrays``
send_bytes of a header and of the array. Each client is served by a thread of its own, as the blocking API asks for; a
caller is for one thread.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from types import GeneratorType
from typing import Any, ClassVar

from contenders import arrays
from contenders.endpoints import fresh_socket_path
from contenders.interface import ARRAYS, LANES, Caller, CallError, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES
from contenders.pickling import OWN_CODEC
from contenders.service import Methods, methods_of

Converse = Callable[[Connection], None]

_BACKLOG = 64
GONE = (EOFError, OSError)


class MpPipe(Contender):
    """An address is the path of a socket. No key, as its folder is private, and a challenge only delays."""

    name = "mp-pipe"
    summary = "multiprocessing.connection over a Unix domain socket: send_bytes, or send with pickling."
    lanes: ClassVar[tuple[str, ...]] = LANES

    def __init__(self, lane: str) -> None:
        super().__init__(lane)
        self.streams = lane == "native"

    def new_address(self, folder: Path) -> str:
        return str(fresh_socket_path(folder, "mp"))

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        converse = self.conversation(methods_of(service))
        open_connections: set[Connection] = set()
        stopping = threading.Event()

        def attend(connection: Connection) -> None:
            with connection, contextlib.suppress(*GONE):
                converse(connection)
            open_connections.discard(connection)

        def stop() -> None:
            stopping.set()
            with contextlib.suppress(*GONE), Client(address):
                pass  # accept() cannot be interrupted: a connection wakes it

        Path(address).unlink(missing_ok=True)  # what a killed server has left
        with Listener(address, "AF_UNIX", backlog=_BACKLOG) as listener:
            ready(stop)
            while True:
                connection = listener.accept()
                if stopping.is_set():
                    connection.close()
                    break
                open_connections.add(connection)
                threading.Thread(target=attend, args=(connection,), daemon=True).start()
        for connection in tuple(open_connections):
            _hang_up(connection)

    def conversation(self, methods: Methods) -> Converse:
        """What answers one client's requests until it has gone, which is an exception of :data:`GONE`."""
        return _conversation(self.lane, methods)

    def connect(self, address: str) -> Caller:
        try:
            connection = Client(address)
        except OSError as error:
            raise ServerGone(f"no server at {address}: {error}") from error
        if self.lane == ARRAYS:
            return _ArrayCaller(connection)
        return _PicklingCaller(connection) if self.lane == "native" else _MessageCaller(connection, self.lane)

    def settings(self) -> Mapping[str, str]:
        own = self.lane == "native"
        streams = "an item a message, as many ahead of the consumer as the socket's buffer holds"
        return {
            "transport": "Unix domain socket",
            "API": "multiprocessing.connection, " + ("send and recv" if own else "send_bytes and recv_bytes"),
            "codec": OWN_CODEC if own else MESSAGE_LANES[self.lane].codec,
            **({"streams": streams} if self.streams else {}),
            "server workers": "1 thread per client",
        }


def _hang_up(connection: Connection) -> None:
    """End the conversation of another thread: closing the descriptor under it would not wake it."""
    with contextlib.suppress(OSError), socket.socket(fileno=connection.fileno()) as same:
        try:
            same.shutdown(socket.SHUT_RDWR)
        finally:
            same.detach()


def _conversation(lane: str, methods: Methods) -> Converse:
    if lane == "native":

        def converse(connection: Connection) -> None:
            while True:
                method, payload = connection.recv()
                try:
                    answer: tuple[Any, ...] = (methods[method](payload),)
                except Exception as error:  # a user's handler ran: anything may come out of it
                    answer = _failure(error)
                if type(answer[0]) is GeneratorType:
                    for each in _items(answer[0]):
                        connection.send(each)
                else:
                    connection.send(answer)

        return converse
    if lane == ARRAYS:

        def converse_in_arrays(connection: Connection) -> None:
            while True:
                _send_parts(connection, arrays.answer(methods, connection.recv_bytes(), connection.recv_bytes()))

        return converse_in_arrays
    respond = MESSAGE_LANES[lane].responder(methods)

    def converse_in_bytes(connection: Connection) -> None:
        while True:
            connection.send_bytes(respond(connection.recv_bytes()))

    return converse_in_bytes


def _failure(error: Exception) -> tuple[Any, ...]:
    return None, type(error).__name__, str(error)


def _items(generator: Generator[Any, None, None]) -> Iterator[tuple[Any, ...]]:
    """An answer for each item, and an empty one behind the last."""
    try:
        for item in generator:
            yield (item,)
    except Exception as error:
        yield _failure(error)
    else:
        yield ()


def _send_parts(connection: Connection, parts: arrays.Parts) -> None:
    for part in parts:
        connection.send_bytes(part)


class _MessageCaller(Caller):
    def __init__(self, connection: Connection, lane: str) -> None:
        self._connection, self._lane = connection, MESSAGE_LANES[lane]

    def call(self, method: str, payload: Any) -> Any:
        request = self._lane.request(method, payload)
        try:
            self._connection.send_bytes(request)
            response = self._connection.recv_bytes()
        except GONE as error:
            raise ServerGone(str(error) or "the server closed the connection") from error
        return self._lane.result(response)

    def close(self) -> None:
        self._connection.close()


class _ArrayCaller(Caller):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def call(self, method: str, payload: Any) -> Any:
        request = arrays.request(method, payload)
        try:
            _send_parts(self._connection, request)
            header, body = self._connection.recv_bytes(), self._connection.recv_bytes()
        except GONE as error:
            raise ServerGone(str(error) or "the server closed the connection") from error
        return arrays.result(header, body)

    def close(self) -> None:
        self._connection.close()


class _PicklingCaller(Caller):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def call(self, method: str, payload: Any) -> Any:
        try:
            self._connection.send((method, payload))
            answer = self._connection.recv()
        except GONE as error:
            raise ServerGone(str(error) or "the server closed the connection") from error
        if len(answer) > 1:
            raise CallError(answer[1], answer[2])
        return answer[0]

    def stream(self, method: str, payload: Any) -> Generator[Any, None, None]:
        is_over = False
        try:
            self._connection.send((method, payload))
            while answer := self._connection.recv():
                if len(answer) > 1:
                    is_over = True
                    raise CallError(answer[1], answer[2])
                yield answer[0]
            is_over = True
        except GONE as error:
            raise ServerGone(str(error) or "the server closed the connection") from error
        finally:
            if not is_over:  # the items that are still to come would be taken for answers
                self.close()

    def close(self) -> None:
        self._connection.close()
