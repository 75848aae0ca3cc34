"""asyncio's streams, tuned: uvloop, and streams that take in a large message without stopping on the way."""

from __future__ import annotations

from asyncio import AbstractEventLoop

import uvloop

from contenders.asyncio_uds import AsyncioUds


class AsyncioUdsTuned(AsyncioUds):
    """As :class:`contenders.asyncio_uds.AsyncioUds`, in another event loop and with larger streams."""

    name = "asyncio-uds-tuned"
    summary = "asyncio streams with a length prefix over a Unix domain socket, on uvloop and with larger buffers."
    # With asyncio's 64 KiB a stream would stop and go on again some thirty times for a message of 2 MB.
    stream_limit_bytes = 4 * 1024 * 1024
    loop_name = "uvloop"

    def new_event_loop(self) -> AbstractEventLoop:
        return uvloop.new_event_loop()
