"""Calls that leave no process: the monolith of today, the same through a codec, and the harness' own floor.

All three are in-process: a server publishes its methods in a table of this module and callers take them from
it. Callers may be shared by threads.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from contenders.interface import ARRAYS, LANES, Caller, CallError, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES
from contenders.service import Methods, methods_of

_served: dict[str, Methods] = {}
NO_WORKERS = {"server workers": "none: the calling thread"}
_GONE = "the server has stopped, or this caller is closed"


class InProcess(Contender):
    """What they have in common: where the service is published, and for how long."""

    lanes: ClassVar[tuple[str, ...]] = LANES
    wait = "none"
    in_process = True

    def new_address(self, folder: Path) -> str:
        return f"{self.name}-{secrets.token_hex(8)}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        methods = methods_of(service)
        if _served.setdefault(address, methods) is not methods:
            raise ValueError(f"{address} is served already")
        stopped = threading.Event()
        try:
            ready(stopped.set)
            stopped.wait()
        finally:
            del _served[address]
            methods.clear()  # callers hold this very table: they find it empty, at no cost per call


def methods_at(address: str) -> Methods:
    """What is served at `address`. Raises :class:`ServerGone`."""
    try:
        return _served[address]
    except KeyError:
        raise ServerGone(f"nothing is served at {address}") from None


class Direct(InProcess):
    """The method called by reference: what a call costs before anything is split."""

    name = "direct"
    summary = "The method called by reference, in the same process: the monolith of today."

    def __init__(self, lane: str) -> None:
        super().__init__(lane)
        self.streams = lane != ARRAYS

    def connect(self, address: str) -> Caller:
        return _StreamingCaller(methods_at(address))

    def settings(self) -> Mapping[str, str]:
        return {"transport": "none: the method is called by reference", "codec": "none", **NO_WORKERS}


class DirectCaller(Caller):
    """Calls `methods` by reference."""

    def __init__(self, methods: Methods) -> None:
        self._methods = methods

    def call(self, method: str, payload: Any) -> Any:
        try:
            return self._methods[method](payload)
        except Exception as error:  # a user's handler ran: anything may come out of it
            if not self._methods:
                raise ServerGone(_GONE) from error
            raise CallError(type(error).__name__, str(error)) from error

    def close(self) -> None:
        self._methods = Methods()


class _StreamingCaller(DirectCaller):
    def stream(self, method: str, payload: Any) -> Generator[Any, None, None]:
        try:
            yield from self._methods[method](payload)
        except Exception as error:
            if not self._methods:
                raise ServerGone(_GONE) from error
            raise CallError(type(error).__name__, str(error)) from error


class DirectCodec(InProcess):
    """The same call with request and response encoded and decoded: serialization without a second process."""

    name = "direct-codec"
    summary = "The method called in the same process, through a codec both ways: serialization without IPC."
    lanes = ("json", "native", "pickle")  # lane bytes is the lane without a codec

    def connect(self, address: str) -> Caller:
        return _CodecCaller(methods_at(address), self.lane)

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "none: encoded and decoded in the calling thread",
            "codec": MESSAGE_LANES[self.lane].codec,
            **NO_WORKERS,
        }


class _CodecCaller(Caller):
    def __init__(self, methods: Methods, lane: str) -> None:
        self._methods, self._lane = methods, MESSAGE_LANES[lane]
        self._respond = self._lane.responder(methods)

    def call(self, method: str, payload: Any) -> Any:
        try:
            return self._lane.result(self._respond(self._lane.request(method, payload)))
        except CallError as error:
            if not self._methods:  # looked at afterwards: the server may stop at any moment
                raise ServerGone(_GONE) from error
            raise

    def close(self) -> None:
        self._methods = Methods()
        self._respond = self._lane.responder(self._methods)


class Noop(InProcess):
    """A call that does nothing, not even reach the service: what the harness itself adds to every number."""

    name = "noop"
    summary = "A call that reaches no service: what the harness itself adds to every figure."

    def connect(self, address: str) -> Caller:
        methods_at(address)
        return _NoopCaller()

    def settings(self) -> Mapping[str, str]:
        return {"transport": "none: the payload is returned and no method runs", "codec": "none", **NO_WORKERS}


class _NoopCaller(Caller):
    def call(self, method: str, payload: Any) -> Any:
        return payload

    def close(self) -> None:
        pass
