"""The process of a spawned server as its parent has it: started, started again when it dies, ended."""

import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections import deque
from time import monotonic
from typing import Deque, List, Optional

from . import cleanup, lifeline
from .exceptions import RPCTransportError
from .living import living
from .posix.descriptors import above_standard_streams

logger = logging.getLogger("shm_rpc_bridge")

_SLICE = 0.1
"""Seconds between looks at whether a starting child still lives, and is still wanted."""

_PAUSE = 0.1
"""Seconds before the second attempt to start a server that could not be started; twice, thrice that before others."""

_BOOT = (
    "import json, os, sys; sys.path[:] = json.loads(os.environ.pop('SHM_RPC_BRIDGE_PATH')); "
    "from shm_rpc_bridge.cli import main; sys.exit(main())"
)
"""What the child runs: ``-m shm_rpc_bridge`` would not find what this process finds by changes to its path."""


class Keeper:
    """Used by several threads. In a forked child it is a copy that starts and ends nothing."""

    def __init__(self, name: str, arguments: List[str], ready_within: float, restarts: int, within: float) -> None:
        """`arguments`: of ``serve``. `ready_within`, `within`: seconds. Starts nothing yet."""
        self.name = name
        self.pid = 0
        self._arguments = arguments
        self._path = json.dumps(_import_path())
        self._ready_within = ready_within
        self._restarts = restarts
        self._within = within
        self._deaths: Deque[float] = deque()
        self._is_closing = False
        self._is_inherited = False
        self._why_gone = ""
        self._line: Optional[socket.socket] = None
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._thread: Optional[threading.Thread] = None
        # Readable, because at its end, in forked children as well, once there is nobody any more who starts a server.
        with _forking, above_standard_streams():
            self._watched, self._held = socket.socketpair()
            _keepers.add(self)
        for end in (self._watched, self._held):
            weakref.finalize(self, end.close)

    def start(self) -> None:
        """Returns when the server is ready. Raises RPCTransportError, with what it has said, when it is not."""
        why = self._start_child()
        if why:
            raise RPCTransportError(f"server {self.name!r} could not be started: {why}")
        thread = threading.Thread(target=self._keep, name=f"keeper of {self.name}", daemon=True)
        thread.start()
        self._thread = thread

    def why_gone(self) -> str:
        """Why no server of this name will come; "" while there is one, or is about to be."""
        if self._why_gone:
            return self._why_gone
        if self._is_closing:
            return f"server {self.name!r} was ended by its owner, who has closed it"
        if self._is_inherited and _is_readable(self._watched, 0):
            return f"server {self.name!r} is not started again: its owner has closed it, has ended or has given up"
        return ""

    def let_go(self) -> None:
        """Let the server end, without waiting for that. Idempotent; nothing in a forked child, which has no line."""
        self._is_closing = True
        self._held.close()
        line = self._line
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)  # for all that have it: a child forked by C code may, too

    def close(self) -> None:
        """End the server and leave nothing of it. Idempotent; nothing in a forked child."""
        if self._is_inherited:
            return
        self.let_go()
        # It ends by itself, by stages; the last of them is this one.
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2 * lifeline.GRACE + 2)
            while self._thread.is_alive():
                self._kill()
                self._thread.join(_SLICE)
        self._kill()
        self._watched.close()
        self._clean()

    def _kill(self) -> None:
        child, line = self._child, self._line
        if child is not None:
            child.kill()
            child.wait()
        if line is not None:
            line.close()

    @staticmethod
    def _wait_for(child: "subprocess.Popen[bytes]", seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)

    def _keep(self) -> None:
        """The thread: wait for the child's death, start the next, until closed or it dies too often."""
        why, has_failed = "", False
        while True:
            child = self._child
            if not has_failed and child is not None:
                why = f"process {child.pid} {_ending(child.wait())}"
            self._kill()
            if self._is_closing:
                return
            if self._is_too_often():
                self._give_up(why)
                return
            logger.warning("server %r: %s; starting it again", self.name, why)
            if has_failed:
                _is_readable(self._watched, _PAUSE * len(self._deaths))  # or until closed
            why = self._start_child()
            has_failed = bool(why)

    def _is_too_often(self) -> bool:
        """Count a death; whether it was one too many."""
        now = monotonic()
        self._deaths.append(now)
        while now - self._deaths[0] > self._within:
            self._deaths.popleft()
        return len(self._deaths) > self._restarts

    def _give_up(self, why: str) -> None:
        times = len(self._deaths)
        self._why_gone = (
            f"server {self.name!r} is not started again: it has ended {times} time{'s' * (times != 1)} within "
            f"{self._within:g} s, the last time so: {why}"
        )
        logger.error("%s", self._why_gone)
        self._held.close()
        self._clean()

    def _start_child(self) -> str:
        """Start a process and wait until it is ready: "", or why it is not, and then there is none."""
        try:
            with _forking, above_standard_streams():
                self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                if self._is_closing:  # asked when let_go() can see the line
                    return "it was closed meanwhile"
                self._child = child = self._run(theirs.fileno())
        except OSError as error:
            return f"no process can be started: {error}"
        self.pid = child.pid
        why = self._why_not_ready(child, self._line)
        if why:
            self._kill()
        return why

    def _run(self, lifeline_fd: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [_python(), "-c", _BOOT, "serve", *self._arguments, "--lifeline", str(lifeline_fd)],
            stdin=subprocess.DEVNULL,
            pass_fds=[lifeline_fd],
            env={**os.environ, "SHM_RPC_BRIDGE_PATH": self._path},
            start_new_session=True,  # a terminal's Ctrl-C is for the parent, which may have calls to finish
        )

    def _why_not_ready(self, child: "subprocess.Popen[bytes]", line: socket.socket) -> str:
        deadline = monotonic() + self._ready_within
        while True:
            has_ended = child.poll() is not None  # asked before, so that nothing it has said is missed
            if _is_readable(line, 0 if has_ended else _SLICE):
                said = line.recv(lifeline.LONGEST + 100)
                if said == lifeline.READY:
                    return ""
                self._wait_for(child, lifeline.GRACE)
                what = said[len(lifeline.FAILED) :].decode(errors="replace")
                return f"process {child.pid} {_ending(child.poll())}" + (f": {what}" if what else _SEE_STDERR)
            if has_ended:
                return f"process {child.pid} {_ending(child.poll())}{_SEE_STDERR}"
            if self._is_closing:
                return "it was closed meanwhile"
            if monotonic() > deadline:
                return (
                    f"process {child.pid} was not ready within {self._ready_within:g} s and was killed: importing the "
                    "module takes longer than that, or hangs; ready_within= gives it more time"
                )

    def _clean(self) -> None:
        """Remove what a server that was killed has left."""
        for owner in cleanup.survey(self.name):
            if owner.name == self.name:
                cleanup.remove(owner)

    def leave_to_parent(self) -> None:
        """In a forked child: close what tells of the parent's end."""
        self._is_inherited = True
        self._held.close()
        if self._line is not None:
            self._line.close()


def _import_path() -> List[str]:
    """``sys.path`` for another process: what is relative to the current directory, as "" is, no longer is."""
    entries = [entry for entry in sys.path if isinstance(entry, str)]  # Python looks at no others
    return [os.path.abspath(entry) if os.path.exists(entry or ".") else entry for entry in entries]


def _python() -> str:
    """The interpreter: ``sys.executable``, or where that is another program what multiprocessing was told to run."""
    from multiprocessing.spawn import get_executable

    return os.fsdecode(get_executable() or "python3")


def _is_readable(end: socket.socket, seconds: float) -> bool:
    """Waits for at most that long. (``select.select`` takes no descriptor above 1,023.)"""
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return bool(poll.poll(seconds * 1e3))


_SEE_STDERR = " before it was ready; what it has said is on stderr"


def _ending(status: Optional[int]) -> str:
    if status is None:
        return "hangs after a failure"
    if status >= 0:
        return f"has ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


_forking = threading.RLock()
"""Held while a descriptor is made whose copies in forked children must be closed there, and by whoever forks."""
_keepers: "weakref.WeakSet[Keeper]" = weakref.WeakSet()


def _leave_to_parent() -> None:
    _forking.release()
    for keeper in living(_keepers):
        keeper.leave_to_parent()


os.register_at_fork(before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_leave_to_parent)
