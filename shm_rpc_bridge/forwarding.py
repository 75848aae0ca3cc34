"""Processes that run a server's methods: each has the functions by their names, and requests go there as they came.

Each is a server of its own, under a name that nobody could guess, started, started again and ended by a
:class:`.keeper.Keeper`; one thread of the server it works for has a channel to it.
"""

import functools
import json
import math
import os
import threading
from typing import Any, Dict, Optional, Tuple

from .connection import ClientChannel, Connection
from .deferred import Answered, answered_by
from .dispatch import Dispatch
from .exceptions import RPCTransportError
from .failures import WORKER_DIED, WORKER_MISSING
from .keeper import Keeper
from .messages import ONE
from .pool import ChannelPool
from .served import Request
from .statistics import Figures, merged

READY_WITHIN, RESTARTS, RESTARTS_WITHIN = 30.0, 5, 60.0
"""Seconds that a process may take to import what it runs; how often it is started again in how many seconds."""


Counts = Tuple[int, Dict[str, Figures]]
"""Failed answers, and each method's figures."""


class WorkerProcess:
    """A :class:`.workers.Worker`, used by one thread; :meth:`start` and :meth:`end` may be called by another."""

    def __init__(self, server: str, dispatch: Dispatch, functions: Dict[str, str], options: Dict[str, Any]) -> None:
        """`functions`: references by the names of methods. `options`: codec, strict, wait and sizes, as of RPCServer.

        `dispatch`: the server's, which says what becomes of a call that this cannot answer.
        """
        self._dispatch = dispatch.for_thread()
        name = f"{server[:60]}-worker-{os.urandom(8).hex()}"
        first = next(iter(functions.values()), ":").partition(":")[0]
        arguments = [first, "--name", name, "--functions", json.dumps(functions), "--log-level", "warning"]
        arguments += ["--codec", options["codec"], "--wait", options["wait"]]
        arguments += ["--buffer-size", str(options["buffer_size"])]
        arguments += ["--max-message-size", str(options["max_message_size"])]
        arguments += ["--strict"] if options["strict"] else []
        arguments += ["--statistics"] if options["statistics"] else []
        self._keeper = Keeper(name, arguments, READY_WITHIN, RESTARTS, RESTARTS_WITHIN)
        sizes = options["buffer_size"], options["max_message_size"]
        self._pool = ChannelPool(name, *sizes, options["wait"], options["codec"])
        self._pool.why_hopeless = self._keeper.why_gone
        self._counting = threading.Lock()
        self._counted: Optional[Connection] = None
        self._of_this_life: Counts = (0, {})
        self._of_earlier_lives: Counts = (0, {})

    def start(self) -> None:
        """Returns when it is ready. Raises RPCTransportError, with what it has said, when it is not."""
        self._keeper.start()

    @property
    def is_of_use(self) -> bool:
        """False once it has died too often, and is not started again."""
        return not self._keeper.why_gone()

    def answer(self, request: Request) -> Answered:
        """What the process says, or that it died meanwhile. Waits while it is started again."""
        served, sequence, _, kind = request
        try:
            response, kind = self._exchanged(request)
        except RPCTransportError as error:
            request = served, sequence, b"", ONE
            kind_of_failure = WORKER_DIED if error.may_have_run else WORKER_MISSING
            return answered_by(self._dispatch, request, self._dispatch.failed(error, kind_of_failure))
        return Answered((served, sequence, b"", kind), response, None, None)

    def _exchanged(self, request: Request) -> Tuple[bytes, int]:
        """The response and its kind. RPCTransportError says whether the method may have run."""
        served, sequence, message, kind = request
        pool = self._pool
        while True:
            channel = None
            try:
                channel = self._channel()
                if not channel.take():
                    pool.discard(channel)
                    continue
                channel.speak_for(served.caller())
                channel.body.meanwhile = functools.partial(_tell_if_unwanted, channel, request)
                response = bytes(channel.exchange(bytes(message), math.inf, kind, served.deadline(sequence)))
                pool.put_back(channel)
                return response, channel.answered_kind
            except RPCTransportError as error:
                if channel is None:
                    raise  # it is given up, or this was closed
                was_alive = channel.connection.is_alive()
                pool.put_back(channel)
                if error.may_have_run or was_alive or pool.is_closed:
                    raise

    def _channel(self) -> ClientChannel:
        try:
            return self._pool.idle.pop()
        except IndexError:
            return self._pool.open_channel(math.inf)

    def figures(self) -> Counts:
        """What all lives of the process have counted. From any thread.

        Up to half a second old; of one that has died, as it was written last.
        """
        with self._counting:
            connection = self._pool.latest
            if connection is not self._counted:
                self._of_earlier_lives = _added(self._of_earlier_lives, self._of_this_life)
                self._counted, self._of_this_life = connection, (0, {})
            found = connection.figures() if connection is not None else (0, {})
            if found != (0, {}):  # else it has just been let go
                self._of_this_life = found
            return _added(self._of_earlier_lives, self._of_this_life)

    def end(self) -> None:
        """End the process, and the call that is in it. Idempotent."""
        self._pool.close()
        self._keeper.close()


def _tell_if_unwanted(channel: ClientChannel, request: Request) -> None:
    """While a process is in a call: that the client behind it waits no more."""
    if request[0].deadline(request[1]) == -math.inf:
        channel.say_unwanted()


def _added(one: Counts, other: Counts) -> Counts:
    return one[0] + other[0], merged([one[1], other[1]])
