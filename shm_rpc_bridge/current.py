"""current_call: what a method may know of the call that it is run for.

Nothing is noted before a method runs, so that no call pays for what most methods never ask: in a thread, the answering
function is found on the thread's own stack; a coroutine has its call in the context of its task.
"""

import math
from contextvars import ContextVar
from functools import partial
from time import monotonic
from types import CodeType
from typing import Any, Callable, Optional, Protocol, Set, Tuple

from . import stacks
from .served import Request, Served
from .streamed import PRODUCING, Produced

Requested = Tuple[Served, int]
"""The channel of the request, and the sequence of its response."""


class Followed(Protocol):
    """An object that has one request after the other."""

    request: Requested
    """The present one."""


_ANSWERING: Set[CodeType] = set()
_AWAITED: "ContextVar[Callable[[], CurrentCall]]" = ContextVar("shm_rpc_bridge_call")


class CurrentCall:
    """One call that a server has taken. May be handed to other threads and tasks. That of a generator, and of a method
    that consumes a stream, is of whichever message is under way: each has a deadline of its own.

    What it says is asked of shared memory each time, a few microseconds, and comes from the client: its process, and
    the moment at which it stops to wait.
    """

    __slots__ = ("_followed", "_request", "client", "method")

    def __init__(self, request: Request, method: str, followed: Optional[Followed] = None) -> None:
        """Not for users: see :func:`current_call`. `followed`: what has one request after the other."""
        self._request: Requested = request[:2]
        self._followed = followed
        self.method: str = method
        """As which the client has called it."""
        self.client: int = request[0].caller()
        """The process that has called; 0 where it has left before this was asked."""

    @property
    def deadline(self) -> float:
        """When the client stops to wait, in seconds of :func:`time.monotonic`, which is one clock for all processes of
        a host; inf: never. -inf once it has stopped: it was cancelled, has closed or is dead.

        A batch has one deadline for all its calls.
        """
        served, sequence = self._present()
        return served.deadline(sequence)

    def _present(self) -> Requested:
        return self._request if self._followed is None else self._followed.request

    @property
    def remaining(self) -> float:
        """Seconds until then, at least 0.0: what a call to the next server may take. Told 0.0, the method's result is
        nobody's: a client that has not looked at the clock yet is told that the time is over, too."""
        left = self.deadline - monotonic()
        if left > 0.0:
            return left
        if left > -math.inf:
            served, sequence = self._present()
            served.given_up.add(sequence)
        return 0.0

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for the result any more, so that a long method may as well stop.

        From the moment of it, where the call came from an event loop or its client is dead or closed; in a worker
        process within a few tenths of a second.
        """
        return self.remaining == 0.0

    def __repr__(self) -> str:
        left = self.remaining
        state = "cancelled" if left == 0.0 else "no deadline" if left == math.inf else f"{left:.3f} s left"
        return f"<call of {self.method!r} by process {self.client}, {state}>"


def current_call() -> CurrentCall:
    """The call that the calling code is run for, directly or further down.

    In an async method also from tasks that it has made, and in ``asyncio.to_thread``. In another thread that a method
    has started itself there is none: hand it over. LookupError where there is none.
    """
    for frame in stacks.frames_in(_ANSWERING):
        local = frame.f_locals
        stream = getattr(local["function"], "__self__", None)
        if isinstance(stream, Produced):
            return CurrentCall(local["request"], stream.method, stream)
        return CurrentCall(local["request"], local["method"])
    try:
        call = _AWAITED.get()()
    except LookupError:
        raise LookupError("no call is answered here: current_call() is for methods, while a server runs them") from None
    produced = PRODUCING.get(None)
    return call if produced is None else CurrentCall((*call._present(), b"", 0), produced.method, produced)


def answers(function: Any) -> None:
    """It runs methods, and has the request and the name of the method in variables of these names."""
    _ANSWERING.add(function.__code__)


def awaits(request: Request, method: str) -> None:
    """What is run from here on in the present context is run for that call."""
    stands_for(partial(CurrentCall, request, method))


def stands_for(get: "Callable[[], CurrentCall]") -> None:
    """What is run from here on in the present context is run for whichever call that tells."""
    _AWAITED.set(get)


def present_request() -> Requested:
    """The call for which the calling code runs."""
    return current_call()._present()
