"""The other process: python -m split_tests.serve PACKAGE (json | msgpack | pickle) NAME, or PACKAGE pipe DESCRIPTOR.

Ends when its standard input does, and so with the process that has started it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from shm_rpc_bridge import RPCServer

from .catalogue import package
from .targets import Methods, methods_of


def main(name: str, over: str, address: str) -> None:
    methods = methods_of(package(name))
    if over == "pipe":
        connection = Connection(int(address))
        _when_alone(lambda: os._exit(0))
        _serve_pipe(methods, connection)
        return
    with RPCServer(address, codec=over) as server:
        for method, function in methods.items():
            server.register(method, function)
        _when_alone(server.stop)
        server.start()


def _when_alone(stop: Callable[[], None]) -> None:
    parent = os.dup(0)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)  # a function that reads standard input finds none

    def watch() -> None:
        while os.read(parent, 1):
            pass
        stop()

    threading.Thread(target=watch, daemon=True).start()


def _serve_pipe(methods: Methods, connection: Connection) -> None:
    """Results and exceptions as they are; one that cannot be pickled as the exception that pickle raises for it."""
    with contextlib.suppress(EOFError):
        while True:
            try:
                method, args, kwargs = connection.recv()
                answer = True, methods[method](*args, **kwargs)
            except EOFError:
                raise
            except Exception as error:  # the function's, or that of reading its arguments: the caller's affair
                answer = False, error
            try:
                connection.send(answer)
            except Exception as error:
                connection.send((False, error))


if __name__ == "__main__":
    main(*sys.argv[1:])
