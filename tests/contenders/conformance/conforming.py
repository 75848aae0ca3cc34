"""The contenders that are registered, each in each of its lanes, and what is sent to them."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime, timedelta, timezone
from multiprocessing.connection import wait
from typing import Any

import numpy as np
import pytest

from contenders import registry
from contenders.direct import Direct
from contenders.interface import ARRAYS, LANES
from contenders.objects import Order, same_arrays
from contenders.registry import ContenderUnavailable

LIMIT_SECONDS = 20.0
"""Within it a caller must learn that its server is gone."""


BIG_BYTES = 2 * 1024 * 1024

TEXTS = {
    "empty": "",
    "ASCII": "The quick brown fox",
    "escape-heavy": '"\\\n\t\r\x00\x1f/' * 50,
    "non-ASCII": "naïve Ωμέγα 日本語 🚀",
    "2 MB": "x" * BIG_BYTES,
}

ORDER = Order(
    number=-(2**100),
    placed=datetime(2024, 2, 29, 23, 59, 59, 999_999, timezone(timedelta(hours=5, minutes=30))),
    position=(0.1, -0.0),
    lines=[[1, 1.0, True, ["new", ("a", "b")], [[]]], [], [None, b"\x00", {2: {3}}]],
    note=TEXTS["non-ASCII"],
)

SMALL = {
    "bytes": b"small",
    "json": {"small": [1, 2]},
    "native": "small",
    "pickle": ORDER,
    ARRAYS: np.float32([1, 2, 3]),
}


def same(result: Any, payload: Any) -> bool:
    """Whether an echo gave its payload back."""
    return same_arrays(result, payload) if isinstance(payload, np.ndarray) else bool(result == payload)


def carried(text: str, lane: str) -> Any:
    """A text as a payload of the lane."""
    if lane == ARRAYS:
        return np.frombuffer(text.encode(), np.uint8)
    return text.encode() if lane == "bytes" else text


# httpcore 1.0 leaves a socket that could not be connected to the garbage collector.
FILTERS = {"http-uds": [pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]}


def contenders_and_lanes() -> list[Any]:
    """Each contender in each lane; `noop` calls nothing and so promises nothing (see test_direct)."""
    found: list[Any] = []
    for name in registry.names():
        try:
            kind = registry.load(name)
        except ContenderUnavailable as error:
            found.append(pytest.param(Direct("json"), id=name, marks=pytest.mark.skip(str(error))))
            continue
        if name != "noop":
            found += [
                pytest.param(kind(lane), id=f"{name}-{lane}", marks=FILTERS.get(name, []))
                for lane in LANES
                if lane in kind.lanes
            ]
    return found


EVERY = contenders_and_lanes()


# A life is the same in lanes json, native, pickle and arrays, which differ in what a message holds: once will do.
LIVES = [
    parameter
    for parameter in EVERY
    if parameter.values[0].lane in ("bytes", "native") or parameter.values[0].lanes == (parameter.values[0].lane,)
]

MESSAGES = [parameter for parameter in EVERY if parameter.values[0].lane not in ("bytes", ARRAYS)]
"""Lane bytes carries `echo` alone, and has no room for an error; lane arrays has methods of its own."""


# What a server does with threads and garbage does not depend on the lane, and is told in words.
WORDS = [
    parameter
    for parameter in MESSAGES
    if parameter.values[0].lane == ("native" if "native" in parameter.values[0].lanes else "json")
]


def across_processes(parameters: list[Any]) -> list[Any]:
    return [parameter for parameter in parameters if not parameter.values[0].in_process]


def kill(pid: int) -> None:
    """SIGKILL, and wait for the end: a process that is ending closes its listening socket after its connections."""
    if sys.platform != "linux":
        os.kill(pid, signal.SIGKILL)
        return
    process = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert wait([process], LIMIT_SECONDS)
    os.close(process)
