"""One channel: a request buffer and a response buffer, six objects in shared memory that two processes open.

One that is multiplexed has a bell besides, see :mod:`.lane`.

Their names are gone as soon as both have opened them, so that no death leaves any behind.
"""

from typing import NamedTuple, Optional, Type

from . import layout, names, posix
from .buffer import Buffer, Terms

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


def validated_number(what: str, number: int, least: int, most: int) -> None:
    """``TypeError`` or ``ValueError`` unless it is an int from `least` to `most`."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{what} must be an int, not {type(number).__name__}")
    if not least <= number <= most:
        raise ValueError(f"{what} must be {least:,} to {most:,}, not {number}")


def validated_max_memory(size: Optional[int]) -> None:
    """``TypeError`` or ``ValueError`` unless it is None or a number of bytes."""
    if size is not None:
        validated_number("max_memory", size, 1, 2**63 - 1)


class Channel(NamedTuple):
    """Two buffers. What they consist of is its owner's to let go; names that still exist, to :func:`unlink`."""

    request: Buffer
    response: Buffer

    def is_linked(self) -> bool:
        """Whether nobody has opened it yet."""
        return self.request.is_linked()

    def forget_memory(self) -> None:
        """Once what it consists of was let go."""
        self.request.forget_memory()
        self.response.forget_memory()


def create(
    channel: names.ChannelNames,
    request_size: int,
    response_size: int,
    terms: Terms,
    held: posix.Held,
    kind: Type[Buffer] = Buffer,
) -> Channel:
    """Create the six objects, the request region first; what there is of them when this raises stands in `held`."""
    room = min(request_size, terms.max_message_size)
    request = kind.create(names.request_buffer(channel), room, terms, held)
    room = min(response_size, terms.max_message_size)
    return Channel(request, kind.create(names.response_buffer(channel), room, terms, held))


def open_existing(channel: names.ChannelNames, terms: Terms, held: posix.Held, kind: Type[Buffer] = Buffer) -> Channel:
    """Open the six objects. Once that is said to who has created them, their names can go: see :func:`unlink`."""
    request = kind.open(names.request_buffer(channel), terms, held)
    return Channel(request, kind.open(names.response_buffer(channel), terms, held))


def unlink(channel: names.ChannelNames) -> None:
    """Remove what is there of a channel's names, the request region last: while it stands, something may."""
    segments, semaphores = names.segments_and_semaphores(channel)
    for name in semaphores:
        posix.unlink_semaphore(name)
    posix.unlink_segment(names.bell(channel))
    for name in reversed(segments):
        posix.unlink_segment(name)
