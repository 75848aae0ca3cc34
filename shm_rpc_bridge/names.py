"""How objects in shared memory are called. Pure.

Everything begins with ``srb:`` (``srbt:`` for a transport on its own) and the user's name, in which no colon is
allowed, so no two owners' objects can be confused. A server's objects carry its generation, so nothing of a dead
server is met by the next one; a channel's carry its token, so nobody can be there first::

    srb:calc                                control segment
    srb:calc:5f3a...                        the same until it is complete
    srb:calc:5f3a...:doorbell               semaphore
    srb:calc:5f3a...:7:9d02...:request      region of slot 7, and likewise ...:response
    srb:calc:5f3a...:7:9d02...:request_empty    semaphore, and likewise request_full, response_empty, response_full
    srb:calc:5f3a...:7:9d03...:bell         of a multiplexed channel: FIFO
    srbt:pipe                               request region of a transport that is used on its own
    srbt:pipe:9d02...:request ...           the same until it is opened, and the other five
"""

import re
from typing import NamedTuple, Tuple

PREFIX = "srb:"
BELL = ":bell"
TRANSPORT_PREFIX = "srbt:"
ATTEMPTS = 3
"""To get a name with objects that somebody else removes before they are complete."""
TAKEN_AWAY = (
    "cannot be made: what it consists of was removed from shared memory before it was complete, "
    f"{ATTEMPTS} times. What removes it?"
)
_VALID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", re.ASCII)


class ChannelNames(NamedTuple):
    """The six objects of one channel."""

    request: str
    response: str
    request_empty: str
    request_full: str
    response_empty: str
    response_full: str


class BufferNames(NamedTuple):
    """The three of one direction."""

    region: str
    empty: str
    full: str


def request_buffer(channel: ChannelNames) -> BufferNames:
    return BufferNames(channel.request, channel.request_empty, channel.request_full)


def response_buffer(channel: ChannelNames) -> BufferNames:
    return BufferNames(channel.response, channel.response_empty, channel.response_full)


def validated(name: str) -> str:
    """`name`, or ``ValueError`` saying what a name may be; ``TypeError`` when it is not a string."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    if not _VALID.fullmatch(name):
        shown = repr(name) if len(name) <= 60 else f"{name[:60]!r}... ({len(name)} characters)"
        raise ValueError(
            f"{shown} cannot name shared memory: use 1 to 100 of the characters A-Z a-z 0-9 _ - . "
            "and begin with a letter, digit or _"
        )
    return name


def control(name: str) -> str:
    return PREFIX + name


def generation_prefix(name: str, generation: int) -> str:
    """What all objects of one life of a server begin with, its control segment aside."""
    return f"{PREFIX}{name}:{generation:012x}"


def doorbell(name: str, generation: int) -> str:
    return generation_prefix(name, generation) + ":doorbell"


def slot(name: str, generation: int, number: int, token: int) -> ChannelNames:
    return _channel(f"{generation_prefix(name, generation)}:{number}:{token:016x}")


def bell(channel: ChannelNames) -> str:
    """The FIFO of a multiplexed channel."""
    return channel.request[: -len(":request")] + BELL


def public_transport(name: str) -> str:
    return TRANSPORT_PREFIX + name


def transport_prefix(name: str, token: int) -> str:
    """What all objects of one transport begin with, its public name aside."""
    return f"{TRANSPORT_PREFIX}{name}:{token:016x}"


def transport(name: str, token: int) -> ChannelNames:
    return _channel(transport_prefix(name, token))


def segments_and_semaphores(names: ChannelNames) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """The two regions, and the four semaphores."""
    return names[:2], names[2:]


def _channel(base: str) -> ChannelNames:
    return ChannelNames(*(f"{base}:{field}" for field in ChannelNames._fields))
