"""Hooks at every step that another process can see.

A step is an action, such as ``release request_full``, and when: before it, after it, or in the middle of copying a
message. Actions are named for what they are done to (the last part of an object's name, see
:mod:`shm_rpc_bridge.names`)::

    create, open, unlink, map    request, response, control; all but map also: request_full ..., doorbell, bell
    ring                         bell
    acquire, release             request_empty, request_full, response_empty, response_full, doorbell
    write                        request, response: the message, of which DURING is the middle
    lock, unlock                 server, slot; of a transport: creator, opener; of what a dead one has left: remover
    open, close                  locks: once they are closed, their owner counts as dead
    link, unlink                 control; of a transport: name. The public name, where others look; of the control
                                 segment unlink is also that of the name it had before
    say closed                   the control segment's state
    say found                    in a transport's request region, by its opener
    say reader waits, say writer waits    in a region of a multiplexed channel: asked for, and answered by ringing
    claim, announce, leave       a slot's state, by the client
    serve, free                  a slot's state, by the server

``acquire`` is a token taken, at once or after waiting for it; where there is none it is no step.
"""

import contextlib
import mmap
import os
import signal
import threading
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, cast

from .. import layout, names, posix

BEFORE, DURING, AFTER = "before", "during", "after"


class Step(NamedTuple):
    """One moment of one action, for example ``Step("release request_full", BEFORE)``."""

    action: str
    when: str

    def __str__(self) -> str:
        return f"{self.when} {self.action}"


Hook = Callable[[Step], Optional[bool]]
"""Called in the thread that does the step. True before a ``release``, a ``ring``, an ``unlink`` or a write of a state
leaves it out; an exception comes out of the library's call."""


@contextlib.contextmanager
def watched(hook: Hook) -> Iterator[None]:
    """Call `hook` at every step of what is made or opened in this block, in any thread of this process."""
    with posix.using(lambda backend: _WatchedBackend(backend, hook)):
        yield


def at(action: str, do: Callable[[], object], when: str = BEFORE) -> Hook:
    """A hook that calls `do` when `action` is first met, once."""
    awaited = [Step(action, when)]

    def hook(step: Step) -> None:
        if awaited == [step]:
            awaited.clear()
            do()

    return hook


def drop(action: str, times: int = 1) -> Hook:
    """A hook that leaves out the first `times` of `action`: a lost wake-up, a state that was never written."""
    left = [None] * times

    def hook(step: Step) -> bool:
        return step == Step(action, BEFORE) and bool(left) and left.pop() is None

    return hook


def kill_self() -> None:
    """Die as by ``kill -9``."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop_self() -> None:
    """Stop as by ``kill -STOP``, until SIGCONT comes."""
    os.kill(os.getpid(), signal.SIGSTOP)


class Pause:
    """To be given to :func:`at`: holds the thread that comes there until another lets it go on."""

    def __init__(self, patience: float = 30.0) -> None:
        """`patience`: seconds after which either side takes the other for hung."""
        self._patience = patience
        self._reached = threading.Event()
        self._resumed = threading.Event()

    def __call__(self) -> None:
        self._reached.set()
        if not self._resumed.wait(self._patience):
            raise TimeoutError("nobody has let this step go on")

    def wait_until_reached(self) -> None:
        if not self._reached.wait(self._patience):
            raise TimeoutError("nobody has come to this step")

    def resume(self) -> None:
        self._resumed.set()


_SLOT_STATES = {
    layout.SLOT_CLAIMED: "claim slot",
    layout.SLOT_READY: "announce slot",
    layout.SLOT_SERVED: "serve slot",
    layout.SLOT_LEFT: "leave slot",
    layout.SLOT_FREE: "free slot",
}
_CONTROL_STATES = {layout.CLOSED: "say closed"}
_REGION_BYTES = {
    layout.REGION_FOUND_OFFSET: "say found",
    layout.READER_WAITING_OFFSET: "say reader waits",
    layout.WRITER_WAITING_OFFSET: "say writer waits",
}


class _Watch:
    """One object's name in steps, and the hook to tell."""

    def __init__(self, hook: Hook, name: str) -> None:
        self._hook = hook
        parts = name.split(":")
        if parts[0] + ":" == names.TRANSPORT_PREFIX:
            self.object = parts[3] if len(parts) > 3 else "name"
        else:
            self.object = parts[-1] if len(parts) > 3 else "control"

    def tell(self, action: str, when: str) -> bool:
        return bool(self._hook(Step(action, when)))

    def around(self, verb: str, do: Callable[[], Any], droppable: bool = False) -> Any:
        action = f"{verb} {self.object}"
        if self.tell(action, BEFORE) and droppable:
            return None
        done = do()
        self.tell(action, AFTER)
        return done


class _WatchedBackend:
    def __init__(self, backend: posix.Backend, hook: Hook) -> None:
        self._backend = backend
        self._hook = hook

    def create_segment(self, name: str, size: int, held: posix.Held) -> posix.Segment:
        return self._segment(name, "create", lambda: self._backend.create_segment(name, size, held))

    def open_segment(self, name: str, least: int, held: posix.Held) -> posix.Segment:
        return self._segment(name, "open", lambda: self._backend.open_segment(name, least, held))

    def _segment(self, name: str, verb: str, make: Callable[[], posix.Segment]) -> posix.Segment:
        watch = _Watch(self._hook, name)
        segment: posix.Segment = watch.around(verb, make)
        segment.map_with(lambda fd, size: cast(mmap.mmap, watch.around("map", lambda: _WatchedMap.of(fd, size, watch))))
        return segment

    def link_segment(self, name: str, new_name: str) -> bool:
        return bool(_Watch(self._hook, new_name).around("link", lambda: self._backend.link_segment(name, new_name)))

    def unlink_segment(self, name: str) -> bool:
        return bool(
            _Watch(self._hook, name).around("unlink", lambda: self._backend.unlink_segment(name), droppable=True)
        )

    def create_semaphore(self, name: str, value: int, held: posix.Held) -> posix.Semaphore:
        watch = _Watch(self._hook, name)
        return _WatchedSemaphore(
            watch.around("create", lambda: self._backend.create_semaphore(name, value, held)), watch
        )

    def open_semaphore(self, name: str, held: posix.Held) -> posix.Semaphore:
        watch = _Watch(self._hook, name)
        return _WatchedSemaphore(watch.around("open", lambda: self._backend.open_semaphore(name, held)), watch)

    def unlink_semaphore(self, name: str) -> bool:
        watch = _Watch(self._hook, name)
        return bool(watch.around("unlink", lambda: self._backend.unlink_semaphore(name), droppable=True))

    def create_bell(self, name: str, held: posix.Held) -> posix.Bell:
        watch = _Watch(self._hook, name)
        return _WatchedBell(watch.around("create", lambda: self._backend.create_bell(name, held)), watch)

    def open_bell(self, name: str, held: posix.Held) -> posix.Bell:
        watch = _Watch(self._hook, name)
        return _WatchedBell(watch.around("open", lambda: self._backend.open_bell(name, held)), watch)

    def open_lock_file(self, name: str, held: posix.Held) -> posix.LockFile:
        watch = _Watch(self._hook, name)
        watch.tell("open locks", BEFORE)
        locks = _WatchedLocks(self._backend.open_lock_file(name, held), watch)
        held[-1] = locks  # so that its closing is a step, too
        watch.tell("open locks", AFTER)
        return cast(posix.LockFile, locks)

    def list_own_objects(self, prefix: str) -> List[posix.Listed]:
        return self._backend.list_own_objects(prefix)


class _WatchedSemaphore:
    def __init__(self, semaphore: posix.Semaphore, watch: _Watch) -> None:
        self._semaphore = semaphore
        self._watch = watch

    @property
    def value(self) -> int:
        return self._semaphore.value

    def trywait(self) -> int:
        missing = self._semaphore.trywait()
        if not missing:
            self._watch.tell(f"acquire {self._watch.object}", AFTER)
        return missing

    def park(self, until: float, outcome: posix.Outcome) -> bool:
        taken = self._semaphore.park(until, outcome)
        if taken:
            self._watch.tell(f"acquire {self._watch.object}", AFTER)
        return taken

    def release(self) -> None:
        self._watch.around("release", self._semaphore.release, droppable=True)

    def close(self) -> None:
        self._semaphore.close()


class _WatchedBell(posix.Bell):
    """Shares the descriptor with the one that is watched, which its owner closes."""

    __slots__ = ("_watch",)

    def __init__(self, bell: posix.Bell, watch: _Watch) -> None:
        super().__init__(bell._fds)
        self._watch = watch

    def ring(self) -> None:
        self._watch.around("ring", super().ring, droppable=True)


class _WatchedMap(mmap.mmap):
    """Only what is assigned to is watched; what is packed into it is the headers beside."""

    _watch: _Watch

    @classmethod
    def of(cls, fd: int, size: int, watch: _Watch) -> "_WatchedMap":
        made = cls(fd, size)
        made._watch = watch
        return made

    def __setitem__(self, key: Any, value: Any) -> None:
        watch = self._watch
        if isinstance(key, slice):
            action, (start, stop, _) = f"write {watch.object}", key.indices(len(self))
            middle = (stop - start) // 2
            watch.tell(action, BEFORE)
            super().__setitem__(slice(start, start + middle), value[:middle])
            watch.tell(action, DURING)
            super().__setitem__(slice(start + middle, stop), value[middle:])
            watch.tell(action, AFTER)
            return
        if watch.object != "control":
            action = _REGION_BYTES[key]
        elif key >= layout.CONTROL_HEADER_SIZE:
            action = _SLOT_STATES.get(value, f"write {watch.object}")
        else:
            action = _CONTROL_STATES.get(value, f"write {watch.object}")
        if not watch.tell(action, BEFORE):
            super().__setitem__(key, value)
            watch.tell(action, AFTER)


class _WatchedLocks:
    """A :class:`~shm_rpc_bridge.posix.LockFile` whose locking is watched; the rest is its own."""

    def __init__(self, locks: posix.LockFile, watch: _Watch) -> None:
        self._locks = locks
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._locks, name)

    def try_lock(self, offset: int) -> bool:
        locked = self._locks.try_lock(offset)
        if locked:
            self._watch.tell(f"lock {self._locked(offset)}", AFTER)
        return locked

    def unlock(self, offset: int) -> None:
        self._watch.tell(f"unlock {self._locked(offset)}", BEFORE)
        self._locks.unlock(offset)
        self._watch.tell(f"unlock {self._locked(offset)}", AFTER)

    def close(self) -> None:
        if not self._locks.is_closed:
            self._watch.tell("close locks", BEFORE)
            self._locks.close()
            self._watch.tell("close locks", AFTER)

    def _locked(self, offset: int) -> str:
        if offset == layout.REMOVER_LOCK:
            return "remover"
        if self._watch.object == "control":
            return "server" if offset == layout.SERVER_LOCK else "slot"
        return "creator" if offset == layout.CREATOR_LOCK else "opener"
