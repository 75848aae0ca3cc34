"""ZeroMQ that never blocks: both sides ask again and again whether there is a message, and burn a core each.

After each look in vain the core is offered to whoever is ready (``sched_yield``): the message may be with one of the
two I/O threads, which wait for a core when there are only two of those.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import zmq

from contenders.interface import ARRAYS, PLAIN_LANES, Caller
from contenders.zmq_ipc import SLICE_MS, ZmqCaller, ZmqIpc
from contenders.zmq_lanes import ZMQ_LANES, Wire


class ZmqPoll(ZmqIpc):
    """As :class:`contenders.zmq_ipc.ZmqIpc`, receiving with NOBLOCK in a loop. Its I/O threads wait as ever."""

    name = "zmq-poll"
    summary = "ZeroMQ REQ/REP over ipc://, both sides polling with NOBLOCK all the time."
    lanes = (*PLAIN_LANES, ARRAYS)
    wait = "spin"

    def next_request(self, server: zmq.Socket[bytes], wire: Wire[Any], large: bool) -> Any:
        while True:
            try:
                return wire.receive(server, large, zmq.NOBLOCK)
            except zmq.Again:
                os.sched_yield()

    def connect(self, address: str) -> Caller:
        return _PollingCaller(self, address, ZMQ_LANES[self.lane])

    def settings(self) -> Mapping[str, str]:
        return {
            **super().settings(),
            "sockets": "REQ/REP, recv with NOBLOCK in a loop on both sides",
            "core offered": "after every look in vain (sched_yield)",
            "receive timeout": f"none; the connection is looked at every {SLICE_MS} ms",
        }


class _PollingCaller(ZmqCaller):
    def receive(self, wire: Wire[Any], socket: zmq.Socket[bytes], large: bool) -> Any:
        clock, look_at = time.monotonic, time.monotonic() + SLICE_MS / 1000
        while True:
            try:
                return wire.receive(socket, large, zmq.NOBLOCK)
            except zmq.Again:
                os.sched_yield()
                if clock() > look_at:
                    self.look()
                    look_at = clock() + SLICE_MS / 1000
