"""What the library asks of the operating system, so that tests can put something else in its place."""

from typing import List, Protocol

from .bells import Bell
from .held import Held
from .listing import Listed
from .locks import LockFile
from .segments import Segment
from .semaphores import Semaphore


class Backend(Protocol):
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

    def create_bell(self, name: str, held: Held) -> Bell:
        """A new bell, of which this is the reading end. Raises AlreadyExistsError."""

    def open_bell(self, name: str, held: Held) -> Bell:
        """The writing end of an existing bell, refused unless it is private and ours. NotFoundError: nobody reads."""

    def open_lock_file(self, name: str, held: Held) -> LockFile:
        """The segment `name` for the sake of its locks. Raises NotFoundError; refuses what is not private and ours."""

    def list_own_objects(self, prefix: str) -> List[Listed]:
        """Every segment and semaphore of this user whose name begins with `prefix`, sorted by name."""


OPERATIONS = tuple(name for name in vars(Backend) if not name.startswith("_"))
