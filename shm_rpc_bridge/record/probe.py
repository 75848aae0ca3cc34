"""One recorded function: what is known of it, and how closely each of its calls is looked at.

Whatever goes wrong in looking is counted, not raised. Thread-safe; a coroutine may be awaited in any task.

Most calls take the short way, which costs under 2 µs with sizes. Some are looked at closely, and some are only timed,
so that what recording costs is known from the very program: :data:`TURNS`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Coroutine
from threading import get_ident
from typing import Any, Awaitable, Callable

from shm_rpc_bridge.record import payloads
from shm_rpc_bridge.record.encoder import Encoder, clock
from shm_rpc_bridge.record.hiding import Hiding
from shm_rpc_bridge.record.nesting import next_number, task_number
from shm_rpc_bridge.record.signals import but_signals
from shm_rpc_bridge.record.stand_ins import Redacted
from shm_rpc_bridge.record.stepping import Stepped
from shm_rpc_bridge.record.writer import Queue

cpu_clock = time.thread_time_ns
"""Of the thread that calls."""

SHORT, OWN_TIMED, LONG, CLOSELY, ONLY_TIMED, LEFT_OUT, UNSEEN = range(7)
"""How a call is looked at. *Short* is written out in the wrapper. *Own timed*: as short, and what that takes is timed.
*Long*: as short, or closely if the last such look is some time ago. *Closely*: with the shapes of what it carries, the
thread's CPU time, whether it has changed its arguments, which costs some 20 µs. *Only timed*: not kept, to see what
that takes; *left out*: not kept, since only a sample is, or nothing more. *Unseen*: there is no room, it is only
counted.
"""
FIRST, CYCLE = 8, 256
TURNS = dict(zip(range(0, CYCLE, 16), (LONG, LONG, ONLY_TIMED, OWN_TIMED) * 3 + (LONG,) * 4))
"""The first calls of a function are looked at closely, all others as :data:`TURNS` has it, by their place."""
LOOK_EVERY_NS, LOOK_SHARE = 20_000_000, 100
"""Between two close looks at a function, which so cost a thousandth of the time, however often it is called; and a
hundredth where what is looked at is large.
"""
LARGE_NS = 500_000
"""A look that takes longer is at something large: even a function's first calls have some of them only."""


def _turns() -> Callable[[], int]:
    """Gives the way of each call. Thread-safe: its steps are C's."""
    cycle = [TURNS.get(place, SHORT) for place in range(CYCLE)]
    return itertools.chain([CLOSELY] * FIRST, cycle[FIRST + 1 :], itertools.cycle(cycle)).__next__


class Probe:
    """What is known of one function. :func:`wrap` makes what is called in its place."""

    queue: Queue | None = None
    """None while nothing is recorded: a call costs 0.1 µs more then."""
    index = 0
    """In the file."""
    dropped = 0
    """Calls for which there was no room."""
    refused = ""
    """Why it is not recorded after all."""

    def __init__(
        self,
        name: str,
        *,
        kind: str = "function",
        is_async: bool = False,
        parameters: tuple[str, ...] = (),
        places_are_known: bool = True,
        within: str | None = None,
    ) -> None:
        """`places_are_known`: of the parameters, as :class:`Target` says. `within`: a module whose own calls are left
        out.
        """
        self.name, self.kind, self.is_async, self.parameters = name, kind, is_async, parameters
        self.places_are_known, self.within = places_are_known, within
        self.first = 1 if kind in ("method", "classmethod") else 0
        """The place of the first argument that is to travel: behind self or cls."""
        self.asked, self.answered = Encoder(), Encoder()
        """Of its arguments, and of its results."""
        self._look_from = self._first_from = 0

    def attach(self, queue: Queue, index: int, redact: tuple[str, ...]) -> None:
        """Put calls into `queue` from now on, as the function of that number; without the arguments of the parameters
        in `redact`, and without results if "return" is among them.
        """
        self.index, self.dropped = index, 0
        self._drop = itertools.count(1).__next__
        self.turn = _turns()
        """What the next call is to be. :meth:`way` says what it is."""
        hiding = Hiding(redact, self.parameters, places_are_known=self.places_are_known)
        self.hides = not hiding.nothing
        self.asked.attach(queue, hiding.of if self.hides else None)
        self.answered.attach(queue, Redacted.of if hiding.result else None)
        if not self.refused:
            self.queue = queue

    def way(self, queue: Queue, turn: int) -> int:
        """How a call is looked at: not as its `turn` has it where there is no room, or only a sample is kept. Never
        LONG.
        """
        if (turn > OWN_TIMED or not queue.has_room) and queue.is_full():
            self.dropped = self._drop()
            return UNSEEN
        if turn == ONLY_TIMED:
            return turn
        if queue.encode is None or not queue.is_sampled():
            return LEFT_OUT
        if turn > OWN_TIMED:
            return CLOSELY if clock() >= (self._look_from if turn == LONG else self._first_from) else SHORT
        return turn

    def begin(self, queue: Queue, parent: int, caller: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A close look at a call: what :meth:`end` is to know of it."""
        arguments = (args[self.first :], kwargs)
        look = NO_LOOK
        try:
            seen = _Look(self, args, says_why=queue.keeps_values and not self.hides)
            request = seen.before(self, arguments)
            look = seen
        except but_signals() as error:  # of an object's own methods, or ours: the program's call goes on either way
            queue.fail(error)
            request = self.asked(arguments)
        return queue, next_number(), parent, caller, request, look

    def end(self, begun: Any, start: int, end: int, raised: str, result: Any) -> None:
        """A call has raised, or one that was looked at closely has returned `result`."""
        number, parent, caller, request, look = begun[1:]
        queue: Queue = begun[0]
        if queue is not self.queue:
            return  # the recording has ended meanwhile, or this is a child that was forked inside the call
        duration = end - start
        if queue.encode is None:  # the budget has run out meanwhile
            queue.timed.append((self.index, duration, raised))
            return
        cpu, mutated = -1, None
        try:
            cpu, mutated = look.after(queue, duration)
        except but_signals() as error:  # as above
            queue.fail(error)
        try:
            response = None if raised else self.answered.closely(result)
            if look.closely:
                self._looked(look.end())
            head = (self.index, number, parent, caller, get_ident(), task_number())
            queue.keep((*head, start, duration, cpu, raised, request, response, mutated))
        except but_signals() as error:
            queue.fail(error)
            queue.timed.append((self.index, duration, raised))

    def _looked(self, took: int) -> None:
        now = clock()
        self._look_from = now + max(LOOK_EVERY_NS, LOOK_SHARE * took)
        self._first_from = now + LOOK_SHARE * took if took > LARGE_NS else 0


class _Look:
    """What a close look at one call has found; :data:`NO_LOOK` for others that have raised."""

    def __init__(self, probe: Probe | None, args: tuple[Any, ...] = (), says_why: bool = False) -> None:
        self.closely = probe is not None
        self._probe, self._says_why = probe, says_why
        self._instance = args[0] if probe is not None and probe.kind == "method" and args else None
        self._looked_ns = cpu_clock()
        """When looking begins; then what it took before the call. CPU time: a busy machine makes no value large."""
        self._state = self._state_now()
        self._began_ns = self._returned_ns = 0
        self._steps: Stepped | None = None
        """Of a coroutine."""
        self._arguments: Any = None
        self._seen: Any = None
        """The arguments, as they were before the call."""

    def before(self, probe: Probe, arguments: payloads.Arguments) -> Any:
        """What is hidden of the arguments is looked at as well, for whether it changes."""
        request = probe.asked.closely(arguments)
        self._arguments = arguments
        self._seen = payloads.seen(arguments, None if probe.hides else request)
        self._began_ns = cpu_clock()
        self._looked_ns = self._began_ns - self._looked_ns
        return request

    def end(self) -> int:
        """What looking has taken, ns."""
        return self._looked_ns + cpu_clock() - self._returned_ns

    def stepped(self, awaitable: Awaitable[Any]) -> Awaitable[Any]:
        """What is awaited in its place; itself where it is no coroutine, as one that only is marked as one gives."""
        if self._probe is None or not isinstance(awaitable, Coroutine):
            return awaitable
        self._steps = Stepped(awaitable)
        return self._steps

    def after(self, queue: Queue, duration_ns: int) -> tuple[int, bool | None]:
        """The CPU time of the call's thread, and whether it has changed its arguments."""
        if self._probe is None:
            return -1, None
        self._returned_ns = cpu_clock()
        if self._steps is not None:
            cpu = min(self._steps.cpu_ns, duration_ns)
        else:
            cpu = -1 if self._probe.is_async else min(self._returned_ns - self._began_ns, duration_ns)
        now = (
            payloads.seen(self._arguments, None) if isinstance(self._seen, bytes) else payloads.values(self._arguments)
        )
        mutated = payloads.changed(self._seen, now)
        if self._instance is not None:
            mutates = payloads.state_changed(self._state, self._state_now())
            attributes = {name: each[:3] for name, each in self._state.items()}
            queue.objects.append((self._probe.name, {"attributes": attributes, "mutated": mutates}))
        return cpu, mutated

    def _state_now(self) -> dict[str, payloads.Attribute]:
        return payloads.state(self._instance, says_why=self._says_why) if self._instance is not None else {}


NO_LOOK = _Look(None)
