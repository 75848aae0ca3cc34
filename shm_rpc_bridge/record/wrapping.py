"""What is called in a recorded function's place: a wrapper that looks before the call and after it.

A call goes through :func:`wrap`'s function, and where it does not take the short way through :meth:`Probe.begin`, the
function itself, :meth:`Probe.end`. What the function returns or raises goes to its caller untouched.

The short way is written out, and twice, since each call of a function of ours would cost it a tenth of what it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import sys
from contextvars import Token
from threading import get_ident as _thread
from types import FunctionType
from typing import Any, Callable

import orjson

from shm_rpc_bridge.record.encoder import clock
from shm_rpc_bridge.record.nesting import current, next_number
from shm_rpc_bridge.record.probe import NO_LOOK, OWN_TIMED, Probe, task_number
from shm_rpc_bridge.record.signals import but_signals
from shm_rpc_bridge.record.writer import Queue

_frame = sys._getframe
_json = orjson.dumps
_now = current.get
_enter, _leave = current.set, current.reset
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


def _caller() -> str:
    """The module that calls the wrapper; "" where no Python does, as when a thread begins with it."""
    try:
        return str(_frame(2).f_globals.get("__name__", ""))
    except ValueError:
        return ""


def _sync(function: Callable[..., Any], probe: Probe) -> Callable[..., Any]:
    first, within = probe.first, probe.within
    asked, answered = probe.asked, probe.answered
    crosses = within is not None

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        queue = probe.queue
        if queue is None:
            return function(*args, **kwargs)
        turn, entered = probe.turn(), 0
        if turn or not queue.plain:
            if turn != OWN_TIMED or not queue.plain or probe.hides:
                return _closely(function, probe, queue, _caller(), turn, args, kwargs)
            entered = clock()
        parent, caller = _now(), ""
        if parent < 0:
            return function(*args, **kwargs)
        if crosses:
            caller = _caller()
            if caller == within:
                return function(*args, **kwargs)
        arguments = (args[1:], kwargs) if first else (args, kwargs)
        try:
            request = len(_json(arguments)) if asked.is_json else asked(arguments)
        except but_signals():  # of what JSON has not
            request = asked(arguments)
        number = _number()
        _enter(number)
        start = clock()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            end = clock()
            _enter(parent)
            probe.end((queue, number, parent, caller, request, NO_LOOK), start, end, type(error).__name__, None)
            raise
        duration = clock() - start
        _enter(parent)  # half of what it takes to reset it by a token
        task = 0 if _loop() is None else task_number()
        try:
            response = len(_json(result)) if answered.is_json else answered(result)
        except but_signals():  # as above
            response = answered(result)
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
    caller: str,
    turn: int,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    parent = _now()
    if parent < 0 or caller == probe.within:
        return function(*args, **kwargs)
    entered = clock()
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
    if turn == OWN_TIMED:
        queue.own(probe.index, clock() - entered - (end - start), True)
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
    """As :func:`_sync`. Its number is left by a token, since another task than the one that ran it may close it."""
    first, within = probe.first, probe.within
    asked, answered = probe.asked, probe.answered
    crosses = within is not None

    @functools.wraps(function)
    async def recorded(*args: Any, **kwargs: Any) -> Any:
        queue = probe.queue
        if queue is None:
            return await function(*args, **kwargs)
        turn, entered = probe.turn(), 0
        if turn or not queue.plain:
            if turn != OWN_TIMED or not queue.plain or probe.hides:
                return await _closely_async(function, probe, queue, _caller(), turn, args, kwargs)
            entered = clock()
        parent, caller = _now(), ""
        if parent < 0:
            return await function(*args, **kwargs)
        if crosses:
            caller = _caller()
            if caller == within:
                return await function(*args, **kwargs)
        arguments = (args[1:], kwargs) if first else (args, kwargs)
        try:
            request = len(_json(arguments)) if asked.is_json else asked(arguments)
        except but_signals():  # of what JSON has not
            request = asked(arguments)
        number = _number()
        token = _enter(number)
        start = clock()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            end = clock()
            _leave_anywhere(token)
            probe.end((queue, number, parent, caller, request, NO_LOOK), start, end, type(error).__name__, None)
            raise
        duration = clock() - start
        _leave(token)
        try:
            response = len(_json(result)) if answered.is_json else answered(result)
        except but_signals():  # as above
            response = answered(result)
        here, task = _thread(), task_number()
        queue.keep((probe.index, number, parent, caller, here, task, start, duration, -1, "", request, response, None))
        if entered:
            queue.own(probe.index, clock() - entered - duration, True)
        return result

    return recorded


async def _closely_async(
    function: Callable[..., Any],
    probe: Probe,
    queue: Queue,
    caller: str,
    turn: int,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    parent = _now()
    if parent < 0 or caller == probe.within:
        return await function(*args, **kwargs)
    entered = clock()
    begun = probe.begin(queue, parent, caller, turn, args, kwargs)
    if begun is None:
        return await function(*args, **kwargs)
    token = None if begun is True else _enter(begun[1])
    raised, result = "", None
    start = clock()
    try:
        awaited = function(*args, **kwargs)
        result = await (awaited if begun is True else begun[-1].stepped(awaited))
        return result
    except BaseException as error:
        raised = type(error).__name__
        raise
    finally:
        end = clock()
        if token is None:
            probe.timed(queue, start, end, clock(), raised)
        else:
            _leave_anywhere(token)
            probe.end(begun, start, end, raised, result)
            if turn == OWN_TIMED:
                queue.own(probe.index, clock() - entered - (end - start), True)


def _leave_anywhere(token: Token[int]) -> None:
    with contextlib.suppress(ValueError):  # closed by another task than the one that ran it
        _leave(token)
