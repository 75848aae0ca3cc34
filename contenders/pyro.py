"""Pyro5: remote objects over a Unix domain socket, with serpent, its default serializer.

A call is a method call on a proxy, arguments and results serialized by Pyro. Lane ``native`` is that; lane ``bytes``
is the same with bytes, which serpent makes base64 and a dictionary of, and its ``tobytes`` bytes again; lane ``json``
sends orjson's bytes that way. There is no lane ``pickle``, for Pyro5 has no pickle serializer any more and the others
lose types: serpent keeps tuples, makes text of a datetime, and takes an object only with converters registered for its
class; marshal keeps tuples and refuses both; json makes lists of tuples besides. The server keeps a thread per client,
Pyro's default. A caller is for one thread at a time.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import Pyro5.api
import Pyro5.errors
import serpent
from Pyro5.socketutil import interrupt_socket

from contenders.endpoints import fresh_socket_path
from contenders.interface import Caller, CallError, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES, echo_only
from contenders.service import Handler, methods_of

_OBJECT = "bench"


class Pyro(Contender):
    """An address is a Pyro URI: ``PYRO:``, the object's name, and the path of a socket."""

    name = "pyro5"
    summary = "Pyro5 remote objects over a Unix domain socket, serpent serializer."
    serializer: ClassVar[str] = "serpent"

    def new_address(self, folder: Path) -> str:
        return f"PYRO:{_OBJECT}@./u:{fresh_socket_path(folder, 'pyro')}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        path = Path(address.partition("./u:")[2])
        path.unlink(missing_ok=True)  # what a killed server has left
        methods = methods_of(service)
        exposed = {"call": MESSAGE_LANES["json"].responder(methods)} if self.lane == "json" else methods
        if self.lane != "native":
            exposed = {name: _of_bytes(function) for name, function in exposed.items()}
        daemon = _Daemon(unixsocket=str(path))
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            interrupt_socket(str(path))  # the loop would wait two seconds for a client before it looks

        try:
            daemon.register(_remote(exposed), _OBJECT)
            ready(stop)
            daemon.requestLoop(lambda: not stopped.is_set())
        finally:
            daemon.close()
            daemon.hang_up()
            path.unlink(missing_ok=True)

    def connect(self, address: str) -> Caller:
        proxy = Pyro5.api.Proxy(address)
        proxy._pyroSerializer = self.serializer
        try:
            proxy._pyroBind()
        except Pyro5.errors.CommunicationError as error:
            raise ServerGone(f"no server at {address}: {error}") from error
        return _ProxyCaller(proxy, self.lane)

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "Unix domain socket",
            "server type": f"thread: a pool of {Pyro5.config.THREADPOOL_SIZE_MIN} to {Pyro5.config.THREADPOOL_SIZE}",
            "serializer": self.serializer,
            "codec": {"bytes": "none beside the serializer", "json": "orjson", "native": self.serializer}[self.lane],
            "server workers": "1 thread per client",
        }


def _of_bytes(function: Handler) -> Handler:
    """`function`, given bytes whatever the serializer has made of them."""
    return lambda payload: function(serpent.tobytes(payload))


class _Daemon(Pyro5.api.Daemon):  # type: ignore[misc]  # Pyro5 has no types
    """Knows its connections: the threads that serve them would outlive a daemon that is merely closed."""

    def __init__(self, **where: Any) -> None:
        super().__init__(**where)
        self._open: set[Any] = set()

    def validateHandshake(self, conn: Any, data: Any) -> Any:  # noqa: N802  # Pyro's hook for a new connection
        self._open.add(conn)
        return super().validateHandshake(conn, data)

    def clientDisconnect(self, conn: Any) -> None:  # noqa: N802  # Pyro's hook for one that has ended
        self._open.discard(conn)

    def hang_up(self) -> None:
        """End every connection."""
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)


def _remote(functions: Mapping[str, Handler]) -> object:
    """An object for a daemon, which serves methods of a class and only those marked for it."""

    def method(function: Handler) -> Any:
        def exposed(self: object, payload: Any) -> Any:
            return function(payload)

        return Pyro5.api.expose(exposed)

    return type("Bench", (), {name: method(function) for name, function in functions.items()})()


class _ProxyCaller(Caller):
    def __init__(self, proxy: Any, lane: str) -> None:
        self._proxy, self._lane = proxy, lane
        self._owner = threading.get_ident()
        self._closed = False

    def call(self, method: str, payload: Any) -> Any:
        if self._closed:  # a released proxy would connect again
            raise ServerGone("this caller is closed")
        self._own()
        if self._lane == "json":
            return MESSAGE_LANES["json"].result(self._exchange("call", MESSAGE_LANES["json"].request(method, payload)))
        if self._lane == "bytes":
            return self._exchange(method, echo_only(method, payload))
        return self._remote_call(method, payload)

    def _exchange(self, method: str, message: Any) -> Any:
        """Bytes for bytes."""
        return serpent.tobytes(self._remote_call(method, message))

    def _own(self) -> None:
        """Let this thread use the proxy, which belongs to one at a time."""
        if threading.get_ident() != self._owner:
            self._proxy._pyroClaimOwnership()
            self._owner = threading.get_ident()

    def _remote_call(self, method: str, argument: Any) -> Any:
        try:
            return getattr(self._proxy, method)(argument)
        except Pyro5.errors.CommunicationError as error:
            raise ServerGone(str(error)) from error
        except Exception as error:  # whatever the handler raised: Pyro raises it again here
            raise CallError(type(error).__name__, str(error)) from error

    def close(self) -> None:
        self._closed = True
        self._own()
        self._proxy._pyroRelease()
