"""What is called in a recorded function's place: a wrapper that looks before the call and after it.

A call goes through :func:`wrap`'s function, and where :meth:`Probe.way` has it looked at closely, through
:func:`_closely`. What the function returns or raises goes to its caller untouched.

The short way is written out, and twice, since each call of a function of ours would cost it a tenth of what it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import sys
from threading import get_ident as _thread
from types import FunctionType
from typing import Any, Callable

import orjson

from shm_rpc_bridge.record.encoder import clock
from shm_rpc_bridge.record.nesting import current, next_number, task_number
from shm_rpc_bridge.record.probe import CLOSELY, NO_LOOK, ONLY_TIMED, OWN_TIMED, UNSEEN, Probe
from shm_rpc_bridge.record.signals import but_signals
from shm_rpc_bridge.record.writer import Queue

_frame = sys._getframe
_json = orjson.dumps
_now = current.get
_enter = current.set
_number = next_number
_loop = asyncio._get_running_loop
ENTRIES = 20


def wrap(function: Callable[..., Any], probe: Probe) -> Callable[..., Any]:
    """What is called in `function`'s place: the same name, signature and attributes."""
    wrapper: Any = _async(function, probe) if inspect.iscoroutinefunction(function) else _sync(function, probe)
    with contextlib.suppress(TypeError, ValueError):  # of a function in C that does not say
        wrapper.__signature__ = inspect.signature(function)
    if isinstance(function, FunctionType):
        wrapper.__defaults__, wrapper.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    for name in dir(function):  # such as cache_clear() of one with functools.lru_cache
        if not hasattr(wrapper, name):
            with contextlib.suppress(Exception):  # a property that raises
                setattr(wrapper, name, getattr(function, name))
    return wrapper  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=None)
def entry_us() -> float:
    """What a call takes longer that goes through a wrapper, which does nothing else, µs."""
    times: dict[Any, list[int]] = {_nothing: [], wrap(_nothing, Probe("")): []}
    for _ in range(ENTRIES):
        for function, took in times.items():
            start = clock()
            for _ in range(ENTRIES):
                function(1)
            took.append(clock() - start)
    without, through = (min(took) for took in times.values())
    return max(0, through - without) / 1e3 / ENTRIES


def _nothing(_: Any) -> None:
    pass


def _sync(function: Callable[..., Any], probe: Probe) -> Callable[..., Any]:
    first, within = probe.first, probe.within
    asked, answered = probe.asked, probe.answered
    crosses = within is not None

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        queue = probe.queue
        if queue is None:
            return function(*args, **kwargs)
        turn = probe.turn()
        entered = turn and clock()
        parent, caller = _now(), ""
        if parent < 0:
            return function(*args, **kwargs)
        if crosses:
            try:
                caller = _frame(1).f_globals.get("__name__", "")
            except ValueError:  # no function in Python calls it: a thread begins with it
                caller = ""
            if caller == within:
                return function(*args, **kwargs)
        if turn or not queue.plain:
            if turn != OWN_TIMED or not queue.plain:
                turn = probe.way(queue, turn)
            if turn == CLOSELY:
                return _closely(function, probe, queue, parent, caller, args, kwargs)
            if turn == UNSEEN:
                return function(*args, **kwargs)
            if turn > OWN_TIMED:
                raised = ""
                start = clock()
                try:  # here, since a function that calls itself has room for one frame of ours in each of its calls
                    return function(*args, **kwargs)
                except BaseException as error:
                    raised = type(error).__name__
                    raise
                finally:
                    _time(probe, queue, turn, start, raised)
        arguments = (args[1:], kwargs) if first else (args, kwargs)
        try:
            request = len(_json(arguments)) if asked.is_json else asked(arguments)
        except but_signals():  # of what JSON has not
            request = asked(arguments)
        number = _number()
        start = 0
        try:  # a signal's handler may raise anywhere: the number is left all the same
            _enter(number)
            start = clock()
            result = function(*args, **kwargs)
            duration = clock() - start
        except BaseException as error:
            _enter(parent)
            end = clock()
            probe.end((queue, number, parent, caller, request, NO_LOOK), start or end, end, type(error).__name__, None)
            raise
        _enter(parent)  # half of what it takes to reset it by a token
        task = 0 if _loop() is None else task_number()
        try:
            response = len(_json(result)) if answered.is_json else answered(result)
        except but_signals():  # as above
            response = answered(result)
        here = _thread()
        queue.keep((probe.index, number, parent, caller, here, task, start, duration, -1, "", request, response, None))
        if turn:
            queue.own(probe.index, clock() - entered - duration, True)
        return result

    return recorded


def _closely(
    function: Callable[..., Any],
    probe: Probe,
    queue: Queue,
    parent: int,
    caller: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    begun = probe.begin(queue, parent, caller, args, kwargs)
    start = 0
    try:
        _enter(begun[1])
        start = clock()
        result = function(*args, **kwargs)
        end = clock()
    except BaseException as error:
        _enter(parent)
        end = clock()
        probe.end(begun, start or end, end, type(error).__name__, None)
        raise
    _enter(parent)
    probe.end(begun, start, end, "", result)
    return result


def _time(probe: Probe, queue: Queue, turn: int, start: int, raised: str) -> None:
    """All that is said of a call that is not kept."""
    end = clock()
    queue.timed.append((probe.index, end - start, raised))
    if turn == ONLY_TIMED:
        queue.own(probe.index, clock() - end, False)


def _async(function: Callable[..., Any], probe: Probe) -> Callable[..., Any]:
    """As :func:`_sync`."""
    first, within = probe.first, probe.within
    asked, answered = probe.asked, probe.answered
    crosses = within is not None

    @functools.wraps(function)
    async def recorded(*args: Any, **kwargs: Any) -> Any:
        queue = probe.queue
        if queue is None:
            return await function(*args, **kwargs)
        turn = probe.turn()
        entered = turn and clock()
        parent, caller = _now(), ""
        if parent < 0:
            return await function(*args, **kwargs)
        if crosses:
            try:
                caller = _frame(1).f_globals.get("__name__", "")
            except ValueError:  # as above
                caller = ""
            if caller == within:
                return await function(*args, **kwargs)
        if turn or not queue.plain:
            if turn != OWN_TIMED or not queue.plain:
                turn = probe.way(queue, turn)
            if turn == CLOSELY:
                return await _closely_async(function, probe, queue, parent, caller, args, kwargs)
            if turn == UNSEEN:
                return await function(*args, **kwargs)
            if turn > OWN_TIMED:
                raised = ""
                start = clock()
                try:
                    return await function(*args, **kwargs)
                except BaseException as error:
                    raised = type(error).__name__
                    raise
                finally:
                    _time(probe, queue, turn, start, raised)
        arguments = (args[1:], kwargs) if first else (args, kwargs)
        try:
            request = len(_json(arguments)) if asked.is_json else asked(arguments)
        except but_signals():  # of what JSON has not
            request = asked(arguments)
        number = _number()
        start = 0
        try:
            _enter(number)
            start = clock()
            result = await function(*args, **kwargs)
            duration = clock() - start
        except BaseException as error:
            _leave(number, parent)
            end = clock()
            probe.end((queue, number, parent, caller, request, NO_LOOK), start or end, end, type(error).__name__, None)
            raise
        _leave(number, parent)
        try:
            response = len(_json(result)) if answered.is_json else answered(result)
        except but_signals():  # as above
            response = answered(result)
        here, task = _thread(), task_number()
        queue.keep((probe.index, number, parent, caller, here, task, start, duration, -1, "", request, response, None))
        if turn:
            queue.own(probe.index, clock() - entered - duration, True)
        return result

    return recorded


async def _closely_async(
    function: Callable[..., Any],
    probe: Probe,
    queue: Queue,
    parent: int,
    caller: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    begun = probe.begin(queue, parent, caller, args, kwargs)
    raised, result, start = "", None, 0
    try:
        _enter(begun[1])
        start = clock()
        result = await begun[-1].stepped(function(*args, **kwargs))
        return result
    except BaseException as error:
        raised = type(error).__name__
        raise
    finally:
        _leave(begun[1], parent)
        end = clock()
        probe.end(begun, start or end, end, raised, result)


def _leave(number: int, parent: int) -> None:
    """Where another task than the one that ran it closes a coroutine, its number is in no call."""
    if _now() == number:
        _enter(parent)
