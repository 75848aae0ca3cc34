"""Where the library goes to the operating system, and where tests put something else in its place.

Everything another process can see is made, opened, listed or removed through one :class:`Door`; what a door gives out
is then used directly. So replacing it costs a call nothing. :mod:`shm_rpc_bridge.testing` has two others: one that
keeps everything in this process, one that stops at named steps.
"""

import contextlib
from typing import Callable, Iterator, List, Protocol

from . import listing, segments, semaphores
from .held import Held
from .listing import Listed
from .locks import LockFile
from .segments import Segment
from .semaphores import Semaphore


class Door(Protocol):
    """What the library asks of the operating system. Each method may be called from any thread.

    What is made or opened stands in the caller's `held` from the instant that it is open, also when the method raises.
    """

    def create_segment(self, name: str, size: int, held: Held) -> Segment:
        """A new segment of `size` zero bytes, all reserved. Raises AlreadyExistsError, or an error when full."""

    def open_segment(self, name: str, least: int, held: Held) -> Segment:
        """An existing segment, refused unless it is private, ours and of at least `least` bytes."""

    def link_segment(self, name: str, new_name: str) -> bool:
        """Give a segment a second name; False when that is taken. NotFoundError when the first one is gone."""

    def unlink_segment(self, name: str) -> bool:
        """Remove a segment's name, if it is there; processes that have it open keep it."""

    def create_semaphore(self, name: str, value: int, held: Held) -> Semaphore:
        """A new semaphore with `value` tokens. Raises AlreadyExistsError."""

    def open_semaphore(self, name: str, held: Held) -> Semaphore:
        """An existing semaphore, refused unless it is a regular file, private, ours and whole."""

    def unlink_semaphore(self, name: str) -> bool:
        """Remove a semaphore's name, if it is there; processes that have it open keep it."""

    def open_lock_file(self, name: str, held: Held) -> LockFile:
        """The segment `name` for the sake of its locks. Raises NotFoundError; refuses what is not private and ours."""

    def list_own_objects(self, prefix: str) -> List[Listed]:
        """Every segment and semaphore of this user whose name begins with `prefix`, sorted by name."""


class SystemDoor:
    """The real one: /dev/shm."""

    create_segment = staticmethod(Segment.create)
    open_segment = staticmethod(Segment.open)
    link_segment = staticmethod(segments.link_segment)
    unlink_segment = staticmethod(segments.unlink_segment)
    create_semaphore = staticmethod(semaphores.create_semaphore)
    open_semaphore = staticmethod(semaphores.open_semaphore)
    unlink_semaphore = staticmethod(semaphores.unlink_semaphore)
    open_lock_file = staticmethod(LockFile.open)
    list_own_objects = staticmethod(listing.list_own_objects)


_door: Door = SystemDoor()


@contextlib.contextmanager
def using(replacement: Callable[[Door], Door]) -> Iterator[Door]:
    """Use what `replacement` makes of the present door, in all threads of this process, until the block ends.

    It holds for what is made, opened or removed within the block; objects go on with the door they came through.
    """
    global _door
    before = _door
    _door = replacement(before)
    try:
        yield _door
    finally:
        _door = before


# What the rest of the library calls.


def create_segment(name: str, size: int, held: Held) -> Segment:
    return _door.create_segment(name, size, held)


def open_segment(name: str, least: int, held: Held) -> Segment:
    return _door.open_segment(name, least, held)


def link_segment(name: str, new_name: str) -> bool:
    return _door.link_segment(name, new_name)


def unlink_segment(name: str) -> bool:
    return _door.unlink_segment(name)


def create_semaphore(name: str, value: int, held: Held) -> Semaphore:
    return _door.create_semaphore(name, value, held)


def open_semaphore(name: str, held: Held) -> Semaphore:
    return _door.open_semaphore(name, held)


def unlink_semaphore(name: str) -> bool:
    return _door.unlink_semaphore(name)


def open_lock_file(name: str, held: Held) -> LockFile:
    return _door.open_lock_file(name, held)


def list_own_objects(prefix: str) -> List[Listed]:
    return _door.list_own_objects(prefix)


def unlink_object(listed: Listed) -> bool:
    """Remove the name that :func:`list_own_objects` found, if it is still there."""
    return unlink_semaphore(listed.name) if listed.is_semaphore else unlink_segment(listed.name)
