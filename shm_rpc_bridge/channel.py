"""One channel: a request buffer and a response buffer, six objects in shared memory that two processes open.

Their names are gone as soon as both have opened them, so that no death leaves any behind.
"""

from typing import Callable

from . import layout, names, posix
from .buffer import Buffer, create_buffer, open_buffer

DEFAULT_BUFFER_SIZE = 64 * 1024
"""Bytes. A channel starts with two of these: 128 KiB, so that 500 clients fit into the 64 MB that a container has by
default; larger messages make a buffer grow once and stay so."""

DEFAULT_MAX_MESSAGE_SIZE = 256 * 1024 * 1024
"""Bytes. Far beyond what is sensible as one JSON message (decoding it takes about a second), small enough that a
mistake fails with a message and not with an exhausted machine: a call holds it twice in shared memory."""


def validated_sizes(buffer_size: int, max_message_size: int) -> None:
    """``TypeError`` or ``ValueError`` unless 1 <= buffer_size and 1 <= max_message_size <= 4 GiB - 1."""
    for what, size, most in (
        ("buffer_size", buffer_size, layout.LARGEST_MESSAGE),
        ("max_message_size", max_message_size, layout.LARGEST_MESSAGE),
    ):
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"{what} must be an int number of bytes, not {type(size).__name__}")
        if not 1 <= size <= most:
            raise ValueError(f"{what} must be 1 to {most:,} bytes, not {size:,}")


class Channel:
    """Two buffers. Whoever creates or opens it closes it; names that still exist are removed by :func:`unlink`."""

    __slots__ = ("request", "response")

    def __init__(self, request: Buffer, response: Buffer) -> None:
        self.request = request
        self.response = response

    @classmethod
    def create(
        cls,
        channel: names.ChannelNames,
        request_size: int,
        response_size: int,
        max_message_size: int,
        wait: str,
        recheck: Callable[[], None],
    ) -> "Channel":
        """Create the six objects; on error none remains. The request region comes last: who finds it finds all."""
        rest = max_message_size, wait, recheck
        room = min(response_size, max_message_size)
        response = create_buffer(channel.response, channel.response_empty, channel.response_full, room, *rest)
        try:
            room = min(request_size, max_message_size)
            request = create_buffer(channel.request, channel.request_empty, channel.request_full, room, *rest)
        except BaseException:
            response.close()
            unlink(channel)
            raise
        return cls(request, response)

    @classmethod
    def open(
        cls, channel: names.ChannelNames, max_message_size: int, wait: str, recheck: Callable[[], None]
    ) -> "Channel":
        """Open the six objects and remove their names: from here on only the two peers have them."""
        rest = max_message_size, wait, recheck
        request = open_buffer(channel.request, channel.request_empty, channel.request_full, *rest)
        try:
            response = open_buffer(channel.response, channel.response_empty, channel.response_full, *rest)
        except BaseException:
            request.close()
            raise
        unlink(channel)
        return cls(request, response)

    def is_linked(self) -> bool:
        """Whether nobody has opened it yet."""
        return self.request.is_linked()

    def close(self) -> None:
        """Release both buffers. Idempotent. No thread may be inside one of them."""
        self.request.close()
        self.response.close()


def unlink(channel: names.ChannelNames) -> None:
    """Remove what is there of a channel's six names, the request region last: while it stands, something may."""
    segments, semaphores = names.segments_and_semaphores(channel)
    for name in semaphores:
        posix.unlink_semaphore(name)
    for name in reversed(segments):
        posix.unlink_segment(name)
