"""For tests of what is built on this library, and of the library itself: the operating system's place taken.

Shipped, and no part of a call: everything here replaces the library's backend, its way to the operating system, for
a while.

- :func:`in_memory`: servers, clients and transports of this process alone, without /dev/shm::

      with in_memory(), RPCServer("calc") as server: ...

- :func:`watched`: a hook is called before and after every step that another process can see, and in the middle of
  writing a message. It can raise, wait, stop or kill the process there, or leave the step out::

      with watched(at("release request_full", kill_self)):
          client.call("add", a=1, b=2)                    # dies when the request is written and not yet posted

- :func:`leftovers`: what of a name is in shared memory.
"""

from .leftovers import leftovers
from .memory import MemoryBackend, in_memory
from .steps import AFTER, BEFORE, DURING, Hook, Pause, Step, at, drop, kill_self, stop_self, watched

__all__ = [
    "AFTER",
    "BEFORE",
    "DURING",
    "Hook",
    "MemoryBackend",
    "Pause",
    "Step",
    "at",
    "drop",
    "in_memory",
    "kill_self",
    "leftovers",
    "stop_self",
    "watched",
]
