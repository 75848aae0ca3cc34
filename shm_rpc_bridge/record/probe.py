"""One recorded function, and what stands in its place: a wrapper that looks before the call and after it.

A call goes through :func:`wrap`'s function, :meth:`Probe.begin`, the function itself, :meth:`Probe.end`. What the
function returns or raises goes to its caller untouched, and whatever goes wrong in looking is counted, not raised.
Thread-safe; a coroutine may be awaited in any task.

Most calls take the short way, which costs 2 µs with sizes. Some are looked at closely, and some are only timed, so that
what recording costs is known from the very program: :data:`TURNS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import itertools
import sys
import time
from threading import get_ident as _thread
from types import FrameType
from typing import Any, Callable

import orjson

from shm_rpc_bridge.record import payloads
from shm_rpc_bridge.record.nesting import current, next_number
from shm_rpc_bridge.record.stand_ins import Redacted
from shm_rpc_bridge.record.writer import Queue

clock = time.perf_counter_ns
"""Linux's CLOCK_MONOTONIC, which all processes of a host share."""

SHORT, CLOSELY, ONLY_TIMED, OWN_TIMED, LONG = range(5)
"""How a call is looked at. *Short* is written out in the wrapper. *Closely*: with the shapes of what it carries, the
thread's CPU time, whether it has changed its arguments, which costs some 20 µs. *Only timed*, and not kept. *Own
timed*: as short, and what that takes is timed. *Long*: as short, or closely if the last such look is some time ago, by
way of :class:`Probe`, which sees whether there is room.
"""
TURNS = dict(zip(range(0, 256, 32), (LONG, *(ONLY_TIMED, OWN_TIMED) * 3, LONG)))
FIRST, CYCLE = 8, 256
"""The first calls of a function are looked at closely, all others as :data:`TURNS` has it, by their place."""
LOOK_EVERY_NS = 20_000_000
"""Between two close looks at a function, which so cost a thousandth of the time, however often it is called."""


def _turns(*, short: bool) -> Callable[[], int]:
    """Gives the way of each call; none is `short` where something is hidden. Thread-safe: its steps are C's."""
    cycle = [TURNS.get(place, SHORT) for place in range(CYCLE)]
    if not short:
        cycle = [LONG if each in (SHORT, OWN_TIMED) else each for each in cycle]
    return itertools.chain([CLOSELY] * FIRST, cycle[FIRST + 1 :], itertools.cycle(cycle)).__next__


_frame = sys._getframe
_json, _sizes = orjson.dumps, payloads.sizes
_now = current.get
_enter, _leave = current.set, current.reset
_number = next_number
_loop = asyncio._get_running_loop


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
        within: str | None = None,
    ) -> None:
        """`within`: a module whose own calls are left out."""
        self.name, self.kind, self.is_async, self.parameters = name, kind, is_async, parameters
        self.within = within
        self.first = 1 if kind in ("method", "classmethod") else 0
        """The place of the first argument that is to travel: behind self or cls."""
        self._looked_ns = 0
        self._hide(())

    def attach(self, queue: Queue, index: int, redact: tuple[str, ...]) -> None:
        """Put calls into `queue` from now on, as the function of that number; without the arguments of the parameters
        in `redact`, and without results if "return" is among them.
        """
        self.index, self.dropped = index, 0
        self._drop = itertools.count(1).__next__
        self._hide(redact)
        if not self.refused:
            self.queue = queue

    def _hide(self, names: tuple[str, ...]) -> None:
        self.turn = _turns(short=not names)
        """The way of the next call."""
        self._hidden = names
        self._hides_result = "return" in names
        self._hidden_positions = tuple(place for place, name in enumerate(self.parameters) if name in names)

    def begin(
        self, queue: Queue, parent: int, caller: str, turn: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A call that is not of the short way, and any of an async function: what :meth:`end` is to know of it; True
        for one that is only timed; None for one that is let through.
        """
        if turn == LONG and clock() - self._looked_ns > LOOK_EVERY_NS:
            turn = CLOSELY
        if turn == ONLY_TIMED or queue.encode is None or not queue.is_sampled():
            return True
        if queue.is_full():
            self.dropped = self._drop()
            return None
        try:
            look = _NO_LOOK
            if turn == CLOSELY:
                self._looked_ns, look = clock(), _Look(self, args)
            arguments: payloads.Arguments = (args[self.first :], kwargs)
            if self._hidden:
                arguments = payloads.hidden(arguments, self._hidden_positions, self._hidden)
            request = look.before(queue, arguments)
            return queue, _number(), parent, caller, request, look
        except Exception as error:  # of a value's own methods, or ours: the program's call goes on either way
            queue.fail(error)
            return None

    def end(self, begun: Any, start: int, end: int, raised: str, result: Any) -> None:
        """The call has returned `result`, or raised."""
        number, parent, caller, request, look = begun[1:]
        queue: Queue = begun[0]
        if queue is not self.queue or queue.encode is None:
            return  # the recording has ended meanwhile, or this is a child that was forked inside the call
        try:
            duration = end - start
            cpu, mutated = look.after(queue, duration)
            if self._hides_result:
                result = Redacted.of(result)
            response = None if raised else queue.encode(result, look.closely)
            head = (self.index, number, parent, caller, _thread(), _task())
            queue.keep((*head, start, duration, cpu, raised, request, response, mutated))
        except Exception as error:  # as above
            queue.fail(error)

    def timed(self, queue: Queue, start: int, end: int, left: int, raised: str) -> None:
        """A call that was only timed, from `start` to `end`, and has been `left` by its wrapper."""
        queue.timed.append((self.index, end - start, raised))
        queue.own(self.index, left - end, False)


class _Look:
    """What is looked at in some calls: None of a probe for the others."""

    def __init__(self, probe: Probe | None, args: tuple[Any, ...] = ()) -> None:
        self.closely = probe is not None
        self._probe = probe
        self._instance = args[0] if probe is not None and probe.kind == "method" and args else None
        self._state = payloads.state(self._instance) if self._instance is not None else {}
        self._cpu_ns = -1
        self._arguments: Any = None
        self._request: Any = None
        self._encode: Any = None
        """As before the call: what is looked at behind it is to be compared."""

    def before(self, queue: Queue, arguments: payloads.Arguments) -> Any:
        encode = queue.encode
        request = encode(arguments, self.closely)
        if self._probe is not None:
            self._arguments, self._request, self._encode = arguments, request, encode
            self._cpu_ns = -1 if self._probe.is_async else time.thread_time_ns()
        return request

    def after(self, queue: Queue, duration_ns: int) -> tuple[int, bool | None]:
        """The CPU time of the call's thread, and whether it has changed its arguments."""
        if self._probe is None:
            return -1, None
        cpu = min(time.thread_time_ns() - self._cpu_ns, duration_ns) if self._cpu_ns >= 0 else -1
        mutated = payloads.changed(self._request, self._encode(self._arguments, True))
        if self._instance is not None:
            mutates = payloads.state(self._instance) != self._state
            attributes = {name: each[:3] for name, each in self._state.items()}
            queue.objects.append((self._probe.name, {"attributes": attributes, "mutated": mutates}))
        return cpu, mutated


_NO_LOOK = _Look(None)


def wrap(function: Callable[..., Any], probe: Probe) -> Callable[..., Any]:
    """What is called in `function`'s place: the same name, signature and attributes."""
    wrapper = _async(function, probe) if inspect.iscoroutinefunction(function) else _sync(function, probe)
    for name in dir(function):  # such as cache_clear() of one with functools.lru_cache
        if not hasattr(wrapper, name):
            with contextlib.suppress(Exception):  # a property that raises
                setattr(wrapper, name, getattr(function, name))
    return wrapper


def _sync(function: Callable[..., Any], probe: Probe) -> Callable[..., Any]:
    """The short way is written out, since each call of a function of ours would cost it a tenth of what it takes."""
    first, within = probe.first, probe.within
    crosses = within is not None

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        queue = probe.queue
        if queue is None:
            return function(*args, **kwargs)
        turn, entered, encode = probe.turn(), 0, queue.encode
        if turn or encode is None or not queue.plain:
            if turn != OWN_TIMED or encode is None or not queue.plain:
                return _closely(function, probe, queue, _frame(1), turn, args, kwargs)
            entered = clock()
        parent, caller = _now(), ""
        if parent < 0:
            return function(*args, **kwargs)
        if crosses:
            caller = _frame(1).f_globals.get("__name__", "")
            if caller == within:
                return function(*args, **kwargs)
        arguments = (args[1:], kwargs) if first else (args, kwargs)
        try:
            request = len(_json(arguments)) if encode is _sizes else encode(arguments)
        except Exception:  # of what JSON has not
            request = encode(arguments)
        number = _number()
        _enter(number)
        start = clock()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            end = clock()
            _enter(parent)
            probe.end((queue, number, parent, caller, request, _NO_LOOK), start, end, type(error).__name__, None)
            raise
        duration = clock() - start
        _enter(parent)  # half of what it takes to reset it by a token
        task = 0 if _loop() is None else _task()
        try:
            response = len(_json(result)) if encode is _sizes else encode(result)
        except Exception:  # as above
            response = encode(result)
        here = _thread()
        queue.keep((probe.index, number, parent, caller, here, task, start, duration, -1, "", request, response, None))
        if entered:
            queue.own(probe.index, clock() - entered - duration, True)
        return result

    return recorded


def _closely(
    function: Callable[..., Any],
    probe: Probe,
    queue: Queue,
    frame: FrameType,
    turn: int,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    parent, caller = _now(), frame.f_globals.get("__name__", "")
    if parent < 0 or caller == probe.within:
        return function(*args, **kwargs)
    begun = probe.begin(queue, parent, caller, turn, args, kwargs)
    if begun is None:
        return function(*args, **kwargs)
    if begun is True:
        return _timed(function, probe, queue, args, kwargs)
    token = _enter(begun[1])
    start = clock()
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        end = clock()
        _leave(token)
        probe.end(begun, start, end, type(error).__name__, None)
        raise
    end = clock()
    _leave(token)
    probe.end(begun, start, end, "", result)
    return result


def _timed(
    function: Callable[..., Any], probe: Probe, queue: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    raised = ""
    start = clock()
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        raised = type(error).__name__
        raise
    finally:
        end = clock()
        probe.timed(queue, start, end, clock(), raised)


def _async(function: Callable[..., Any], probe: Probe) -> Callable[..., Any]:
    @functools.wraps(function)
    async def recorded(*args: Any, **kwargs: Any) -> Any:
        queue = probe.queue
        parent, caller = _now(), _frame(1).f_globals.get("__name__", "")
        if queue is None or parent < 0 or caller == probe.within:
            return await function(*args, **kwargs)
        begun = probe.begin(queue, parent, caller, probe.turn(), args, kwargs)
        if begun is None:
            return await function(*args, **kwargs)
        token = None if begun is True else _enter(begun[1])
        raised, result = "", None
        start = clock()
        try:
            result = await function(*args, **kwargs)
            return result
        except BaseException as error:
            raised = type(error).__name__
            raise
        finally:
            end = clock()
            if token is None:
                probe.timed(queue, start, end, clock(), raised)
            else:
                with contextlib.suppress(ValueError):  # closed by another task than the one that ran it
                    _leave(token)
                probe.end(begun, start, end, raised, result)

    return recorded


def _task() -> int:
    return 0 if _loop() is None else id(asyncio.current_task())
