"""One life of a server under its name: a control segment, a doorbell, and the random generation that both carry."""

import os
from typing import Optional

from . import names, posix
from .control import Control
from .exceptions import RPCTransportError
from .header import Offer, remove_dead


class Life:
    """Begun, and ended, by the process that serves. It begins with nothing; what it has got hold of when it is
    interrupted, in /dev/shm or open, :meth:`end` gives up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.generation = _new_generation()
        self._process = os.getpid()
        self._held: posix.Held = []
        self._control: Optional[Control] = None

    def begin(self, offer: Offer) -> None:
        """Make both and take the name. Raises RPCTransportError when a living server has it, or /dev/shm is full."""
        for _ in range(names.ATTEMPTS):
            try:
                self._control = control = Control.create(self.name, self.generation, offer, self._held)
                self.doorbell = posix.create_semaphore(names.doorbell(self.name, self.generation), 0, self._held)
                control.publish()
                return
            except posix.NotFoundError:
                # Who has the name by now has removed what came too late; or a cleaner has, to which whatever takes a
                # second is dead.
                remove_dead(self.name, names.control(self.name))  # says who it is, if it lives
                self.end()
                self._control = None
                self.generation = _new_generation()
        raise RPCTransportError(f"server {self.name!r} {names.TAKEN_AWAY}")

    @property
    def control(self) -> Control:
        """Of a life that has begun."""
        assert self._control is not None
        return self._control

    @property
    def has_begun(self) -> bool:
        return self._control is not None

    @property
    def is_inherited(self) -> bool:
        """Whether this is a forked child's copy: what is in /dev/shm is its parent's."""
        return os.getpid() != self._process

    def remove_names(self) -> None:
        """Tell the clients and leave nothing in /dev/shm; what is open stays so. Idempotent; nothing in a child."""
        if self.is_inherited:
            return
        posix.unlink_semaphore(names.doorbell(self.name, self.generation))
        if self._control is not None:
            self._control.withdraw_name()
        else:
            posix.unlink_segment(names.generation_prefix(self.name, self.generation))

    def end(self) -> None:
        """Remove the names and let go of everything. Idempotent. No thread may be waiting for the doorbell."""
        if not self._held:
            return
        self.remove_names()
        posix.let_go(self._held)
        if self._control is not None:
            self._control.forget_memory()


def _new_generation() -> int:
    return int.from_bytes(os.urandom(6), "big")
