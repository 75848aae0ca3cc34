"""What binds a spawned server to its parent: one end of a socket pair each.

The kernel closes the parent's end when the parent ends, however it ends; the child sees that, and ends as well. What a
child has to say while it starts goes the other way: one message, that it is ready or why it is not.

(PR_SET_PDEATHSIG would only be Linux's, would be undone by some exec, and fires when the *thread* ends that has started
the child.)
"""

import atexit
import contextlib
import os
import signal
import threading
import time

GRACE = 5.0
"""Seconds that the method which runs when the parent has gone has left before it is interrupted, and then once more
before its process ends around it."""

READY = b"ready"
FAILED = b"failed "
LONGEST = 60_000
"""Bytes of a message; of a longer reason the end is sent, where tracebacks say what it was."""


class Lifeline:
    """The child's end."""

    def __init__(self, fd: int) -> None:
        """From here on this process ends with its parent. `fd`: a descriptor it has inherited; no one inherits it."""
        os.set_inheritable(fd, False)
        self._fd = fd
        threading.Thread(target=self._end_with_parent, name="shm_rpc_bridge lifeline", daemon=True).start()

    def say_ready(self) -> None:
        self._say(READY)

    def say_failed(self, why: str) -> None:
        self._say(FAILED + why.encode(errors="replace")[-LONGEST:])

    def _say(self, message: bytes) -> None:
        with contextlib.suppress(OSError):  # the parent has gone
            os.write(self._fd, message)

    def _end_with_parent(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(self._fd, 1):
                pass
        # Signals, because they reach the main thread in whatever it does: importing, parked, in a method that sleeps.
        for _ in ("stops when its method has returned", "is interrupted in it"):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(GRACE)
        atexit._run_exitfuncs()  # the last chance: among them is the removal of the server's names
        os._exit(1)
