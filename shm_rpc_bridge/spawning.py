"""A server in a process of its own that this one starts, keeps alive and ends: :func:`spawn`."""

import math
import os
import re
import weakref
from typing import Any, Iterable, Optional

from . import names, serving
from .channel import (
    DEFAULT_BUFFER_SIZE,
    DEFAULT_MAX_MESSAGE_SIZE,
    validated_max_memory,
    validated_number,
    validated_sizes,
)
from .client import RPCClient
from .codec import NAMES as CODECS
from .codec import chosen
from .exceptions import RPCTransportError
from .keeper import Keeper
from .offered import validated_module, validated_names
from .waiting import validated_strategy, validated_timeout
from .workers import MOST_PROCESSES, MOST_THREADS, refuse_together


class SpawnedClient(RPCClient):
    """The client of a server that :func:`spawn` has started, and that ends when this is closed.

    While the server is being started again its calls wait for it, within their timeout. A forked child's copy, and one
    that was pickled, are clients like any other: closing them does not end the server.
    """

    def __init__(self, keeper: Keeper, **options: Any) -> None:
        self._keeper = keeper
        self._end = weakref.finalize(self, keeper.let_go)  # when it is dropped, or the interpreter exits
        super().__init__(keeper.name, **options)
        self._patience = math.inf  # a call's timeout ends it
        self._pool.why_hopeless = keeper.why_gone

    @property
    def pid(self) -> int:
        """Of the server's process there is now, or was last."""
        return self._keeper.pid

    def close(self) -> None:
        """Close every channel and end the server. Idempotent.

        A method that still runs has 5 seconds to return, then it is interrupted as by Ctrl-C, and after 5 more its
        process is killed.
        """
        super().close()
        self._keeper.close()


def spawn(
    module: str,
    *,
    only: Optional[Iterable[str]] = None,
    name: Optional[str] = None,
    codec: str = "json",
    strict: bool = False,
    timeout: Optional[float] = 5.0,
    threads: int = 0,
    processes: int = 0,
    statistics: bool = False,
    borrow: Iterable[str] = (),
    wait: str = "adaptive",
    buffer_size: int = DEFAULT_BUFFER_SIZE,
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
    max_memory: Optional[int] = None,
    ready_within: float = 30.0,
    restarts: int = 5,
    restarts_within: float = 60.0,
) -> SpawnedClient:
    """Serve the functions of `module` from a process of its own; returns its client, to be closed or used in ``with``.

    `module`: its dotted name; the process finds it where this one would, and inherits environment, current directory,
    stdout and stderr, but not stdin nor Ctrl-C. `only`: the functions to serve, else the public ones. `name`: under
    which other processes can call them, too; else one that nobody could guess. `borrow`: which of them get arrays as
    views, see :meth:`.RPCServer.register`. `codec`, `strict` (both ways), `timeout`, `threads`, `processes`,
    `statistics`, `wait`, `buffer_size`, `max_message_size`, `max_memory`: as of RPCServer and RPCClient.

    When the process dies it is started again, at most `restarts` times in `restarts_within` seconds; after that every
    call fails at once and says so. Calls that were in it when it died fail with RPCTransportError, those that certainly
    have not run are sent to the next one. It ends when the client is closed, and whenever this process ends, also
    by SIGKILL: a descriptor that this process has open tells it so.

    Raises RPCTransportError when it has ended, with what it says, or is not ready within `ready_within` seconds, which
    include importing the module; ValueError or TypeError for bad arguments. Starts a thread in this process.
    """
    validated_module(module)
    if module == "__main__":
        raise ValueError("'__main__' would be another module there: put the functions into a module of their own")
    if module == serving.importing:
        raise RPCTransportError(
            f"spawn({module!r}) was called by that module while it is imported by the server that spawn has started: "
            "call it below if __name__ == '__main__', or from another module"
        )
    if codec not in CODECS:
        raise ValueError(
            f"codec must be one of {', '.join(map(repr, CODECS))}, not {codec!r}: another one needs a "
            "server of your own, with RPCServer(name, codec=...)"
        )
    chosen(codec, strict)
    if isinstance(restarts, bool) or not isinstance(restarts, int) or restarts < 0:
        raise ValueError(f"restarts must be a number of times, 0 or more, not {restarts!r}")
    name = names.validated(_name_for(module) if name is None else name)
    validated_sizes(buffer_size, max_message_size)
    validated_number("threads", threads, 0, MOST_THREADS)
    validated_number("processes", processes, 0, MOST_PROCESSES)
    refuse_together(threads, processes)
    validated_max_memory(max_memory)
    validated_strategy(wait)
    validated_timeout(timeout)
    for seconds, argument in ((ready_within, "ready_within"), (restarts_within, "restarts_within")):
        if validated_timeout(seconds, argument) is None:
            raise ValueError(f"{argument} must be seconds, not None")
    arguments = [module, "--name", name, "--codec", codec, "--wait", wait, "--log-level", "warning"]
    arguments += ["--buffer-size", str(buffer_size), "--max-message-size", str(max_message_size)]
    arguments += [] if max_memory is None else ["--max-memory", str(max_memory)]
    arguments += ["--threads", str(threads), "--processes", str(processes)]
    arguments += ["--strict"] if strict else []
    arguments += ["--statistics"] if statistics else []
    borrowing = list(borrow) and validated_names(borrow, "borrow")
    if borrowing and processes:
        raise ValueError("borrow is not for a server with processes: they get copies of what their server has got")
    arguments += [f"--borrow={','.join(borrowing)}"] if borrowing else []
    arguments += [] if only is None else [f"--only={','.join(validated_names(only, 'only'))}"]
    keeper = Keeper(name, arguments, ready_within, restarts, restarts_within)
    options = {"codec": codec, "strict": strict, "buffer_size": buffer_size, "max_message_size": max_message_size}
    try:
        keeper.start()
        return SpawnedClient(keeper, timeout=timeout, wait=wait, **options)
    except BaseException:
        keeper.close()
        raise


def _name_for(module: str) -> str:
    readable = re.sub("[^A-Za-z0-9_.]", "_", module)[-60:].lstrip(".")
    return f"{readable}-{os.urandom(8).hex()}"
