"""A client in a process of its own that is to be killed in the middle of a stream."""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection
from typing import Any

from contenders.interface import Contender


def consume_a_little(contender: Contender, address: str, payload: Any, tell: Connection) -> None:
    """Tell the first item of a stream, and keep the rest waiting for as long as this lives."""
    caller = contender.connect(address)
    stream = caller.stream("produce", payload)
    tell.send(next(stream))
    signal.pause()
