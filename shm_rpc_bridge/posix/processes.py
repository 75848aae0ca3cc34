"""Which process is meant: its number, when it started, and the namespace in which that number counts."""

import os
from typing import NamedTuple


class Process(NamedTuple):
    """A process as it describes itself to others; zeros where the system does not say."""

    pid: int
    start_time: int
    """Clock ticks from boot to its start, which no later process of that number shares."""
    namespace: int
    """Inode of its PID namespace."""


def this_process() -> Process:
    pid = os.getpid()
    return Process(pid, _start_time(pid), _namespace())


def is_gone(process: Process) -> bool:
    """Whether it certainly does not run any more. False where that cannot be said: of another PID namespace."""
    if not process.start_time or process.namespace != _namespace():
        return False
    return _start_time(process.pid) != process.start_time


def described(process: Process) -> str:
    """ "process 123", and of which PID namespace if that is another one than this process's."""
    elsewhere = process.namespace and process.namespace != _namespace()
    return f"process {process.pid}" + (" of another PID namespace (a container)" if elsewhere else "")


def _start_time(pid: int) -> int:
    """0 when there is no such process, or it has ended and only waits for its parent."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # from field 3, the state, on
    except OSError:
        return 0
    ended = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1  # a zombie of more threads has only lost its first one
    return 0 if ended else int(fields[19])


def _namespace() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
