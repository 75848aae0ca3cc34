"""How the two ends of a transport find each other by its name, hold it, and know of each other's death.

Whoever creates it makes its objects under names that nobody can guess, locks them, and only then gives the one public
name to them, which the system gives to one creator and no second. What has that name is whole, and alive or dead.
"""

import os
from typing import Optional

from . import channel as channels
from . import layout, names, posix
from .bounded import BoundedBuffer
from .buffer import Terms, checked_identity, identity
from .exceptions import RPCTransportError


class End:
    """One process's end of a transport. It begins with nothing; what it has got hold of, :meth:`release` lets go."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_closed = False
        self.channel: Optional[channels.Channel] = None
        self.process = os.getpid()
        self._held: posix.Held = []
        self._lock_file: Optional[posix.LockFile] = None
        self._is_creator = False
        self._own_names: Optional[names.ChannelNames] = None  # of the creator
        self._peer = layout.OPENER_LOCK

    def create(self, buffer_size: int, terms: Terms) -> channels.Channel:
        """Raises RPCTransportError when a living process has the name, or /dev/shm is full."""
        for _ in range(names.ATTEMPTS):
            try:
                return self._create(buffer_size, terms)
            except posix.NotFoundError:
                # Who has got the name has removed what this one had made so far, and the next attempt says who that is;
                # or a cleaner has, to which whatever takes a second is dead.
                self._give_up_attempt()
        raise RPCTransportError(f"transport {self.name!r} {names.TAKEN_AWAY}")

    def _give_up_attempt(self) -> None:
        assert self._own_names is not None
        channels.unlink(self._own_names)
        posix.let_go(self._held)
        if self.channel is not None:
            self.channel.forget_memory()
            self.channel = None

    def _create(self, buffer_size: int, terms: Terms) -> channels.Channel:
        public, token = names.public_transport(self.name), int.from_bytes(os.urandom(8), "little")
        self._is_creator = True
        self._own_names = own = names.transport(self.name, token)
        terms = terms._replace(recheck=self._recheck, token=token)
        room = min(buffer_size, terms.max_message_size)
        request = BoundedBuffer.create(names.request_buffer(own), room, terms, self._held)
        self._lock_file = posix.open_lock_file(own.request, self._held)
        self._lock_file.try_lock(layout.CREATOR_LOCK)  # nobody else asks for it
        request.say_namespace(posix.this_process().namespace)
        response = BoundedBuffer.create(names.response_buffer(own), room, terms, self._held)
        self.channel = channels.Channel(request, response)
        while not posix.link_segment(own.request, public):
            _remove_dead(self.name, public)
        for listed in posix.list_own_objects(public + ":"):  # of those who came too late, or died on the way here
            if not listed.odd and not listed.name.startswith(names.transport_prefix(self.name, token)):
                posix.unlink_object(listed)
        return self.channel

    def open(self, terms: Terms) -> channels.Channel:
        """Raises NotFoundError when nobody alive has created it, RPCTransportError when somebody else has opened it."""
        self._peer = layout.CREATOR_LOCK
        public = names.public_transport(self.name)
        missing = f"Cannot find shared memory {public!r}:"
        try:
            lock_file = self._lock_file = posix.open_lock_file(public, self._held)
            if not lock_file.is_locked(layout.CREATOR_LOCK):
                raise posix.NotFoundError(f"{missing} who created transport {self.name!r} is dead")
            if not lock_file.try_lock(layout.OPENER_LOCK):
                raise RPCTransportError(f"transport {self.name!r} is in use: another process has opened it")
            header = lock_file.read(layout.REGION_HEADER_SIZE)
            opened = names.transport(self.name, checked_identity(public, header).token)
            if header[layout.REGION_FOUND_OFFSET]:
                raise RPCTransportError(f"transport {self.name!r} was opened by a process that died: create it anew")
            own_terms = terms._replace(recheck=self._recheck)
            self.channel = channels.open_existing(opened, own_terms, self._held, BoundedBuffer)
        except posix.NotFoundError as error:
            posix.let_go(self._held)  # for another try
            if str(error).startswith(missing):
                raise
            raise posix.NotFoundError(f"{missing} transport {self.name!r} must be created first") from None
        self.channel.request.say_found()
        channels.unlink(opened)
        posix.unlink_segment(public)
        return self.channel

    def _recheck(self) -> None:
        if self.is_closed:
            raise RPCTransportError(f"transport {self.name!r} was closed")
        assert self.channel is not None
        assert self._lock_file is not None
        # Before the opener has said that it has all it needs it is awaited, not dead. Asked before its lock is looked
        # at, which it takes first.
        is_awaited = self._is_creator and not self.channel.request.was_found()
        if not is_awaited and not self._lock_file.is_locked(self._peer):
            raise RPCTransportError(f"the peer of transport {self.name!r} has closed it or died")

    @property
    def is_inherited(self) -> bool:
        """Whether this is a forked child's copy of its parent's end."""
        return os.getpid() != self.process

    @property
    def holds_anything(self) -> bool:
        """Whether there is anything left to be released."""
        return bool(self._held)

    def remove_names(self) -> None:
        """Take away what a creator's end still has in /dev/shm. Idempotent; nothing in a forked child."""
        own, channel = self._own_names, self.channel
        if own is not None and not self.is_inherited:
            channels.unlink(own)
            if channel is not None and channel.is_linked():  # else the public name is not ours (yet, or any more)
                posix.unlink_segment(names.public_transport(self.name))
            self._own_names = None

    def release(self) -> None:
        """Let go of everything. Idempotent. No thread may be inside a buffer."""
        self.remove_names()
        channel, self.channel = self.channel, None
        posix.let_go(self._held)
        if channel is not None:
            channel.forget_memory()


def creator(header: bytes) -> posix.Process:
    """The process that has created a transport whose request region begins so, by its own word."""
    (namespace,) = layout.NAMESPACE.unpack_from(header.ljust(layout.REGION_HEADER_SIZE, b"\0"), layout.CALLER_OFFSET)
    return posix.Process(identity(header).pid, 0, namespace)


def _remove_dead(name: str, public: str) -> None:
    """Remove what a dead creator has left under the public name; raise when it, or its peer, lives."""
    held: posix.Held = []
    try:
        lock_file = posix.open_lock_file(public, held)
        header = lock_file.read(layout.REGION_HEADER_SIZE)
        found = identity(header)
        if lock_file.is_locked(layout.CREATOR_LOCK) or lock_file.is_locked(layout.OPENER_LOCK):
            by = posix.described(creator(header))
            raise RPCTransportError(f"transport {name!r} is in use: another process has created it, {by}")
        if not lock_file.try_lock(layout.REMOVER_LOCK):
            raise RPCTransportError(f"transport {name!r} is in use: another process is creating it")
        if lock_file.is_linked():
            channels.unlink(names.transport(name, found.token))
            posix.unlink_segment(public)
    except posix.NotFoundError:
        return
    finally:
        posix.let_go(held)
