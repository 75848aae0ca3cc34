"""What the processes run in the tests of planted names, short memory and cleaning. Imports no pytest.

Other users' objects: made by them, or given to them, which comes to the same.
"""

import contextlib
import io
import itertools
import os
import resource
from typing import Any, Iterator, List

from shm_rpc_bridge import RPCServer, RPCTransportError, SharedMemoryTransport, names
from shm_rpc_bridge.__main__ import main

from .services import PATIENCE, register_methods

NOBODY = 65534


def plant(path: str, kind: str) -> None:
    if kind == "directory":
        os.mkdir(path, 0o700)
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "link":
        os.symlink("/etc/hostname", path)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)


@contextlib.contextmanager
def planted(paths: List[str], kind: str, owner: int = NOBODY) -> Iterator[None]:
    """Something of that kind at these paths, for the time of the block."""
    try:
        for path in paths:
            plant(path, kind)
            os.chown(path, owner, owner, follow_symlinks=False)
        yield
    finally:
        for path in paths:
            remove(path)


def objects_of(name: str) -> List[str]:
    """Paths of all that is called as of the server or transport `name`, whoever owns it."""
    marks = f"srb:{name}", f"srbt:{name}"
    return ["/dev/shm/" + found for found in os.listdir("/dev/shm") if any(mark in found for mark in marks)]


def plant_wherever_possible(name: str, started: Any, ended: Any) -> None:
    """As another user: read the names there are, and be first at every name that goes with them, until told to end."""
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    kinds = itertools.cycle(["directory", "file", "fifo", "link"])
    mine: List[str] = []
    started.set()
    while not ended.is_set():
        for path in objects_of(name):
            base, _, last = path.replace("/sem.", "/").rpartition(":")
            if last not in names.ChannelNames._fields:
                base = f"{base}:{last}:0"
            for field in names.ChannelNames._fields:
                start = "" if field in ("request", "response") else "sem."
                guess = f"{base}:{field}".replace("/dev/shm/", "/dev/shm/" + start)
                with contextlib.suppress(OSError):
                    plant(guess, next(kinds))
                    mine.append(guess)
        while len(mine) > 60:
            remove(mine.pop(0))
    for path in mine:
        remove(path)


def clean_forever(name: str, started: Any) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        while True:
            main(["clean", "--force", "--prefix", name])
            started.set()


def create_in_turns(name: str, rounds: int, gate: Any, outcomes: Any) -> None:
    """Each round create that transport when all others do, say what came of it, and close it when all have done so."""
    for _ in range(rounds):
        gate.wait(PATIENCE)
        transport = None
        try:
            transport = SharedMemoryTransport.create(name)
            outcomes.put("created")
        except RPCTransportError as error:
            outcomes.put(str(error))
        gate.wait(PATIENCE)
        if transport is not None:
            transport.close()
        gate.wait(PATIENCE)


def address_space(pid: int) -> int:
    """Bytes."""
    with open(f"/proc/{pid}/statm") as sizes:
        return int(sizes.read().split()[0]) * resource.getpagesize()


def limit_memory(pid: int, more: int) -> None:
    """Let that process have `more` bytes beyond what it has now; negative: as much as it likes."""
    soft = address_space(pid) + more if more >= 0 else resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))


def dropping_creator(name: str) -> None:
    """Create a transport and leave it to the end of the interpreter."""
    globals()["kept"] = SharedMemoryTransport.create(name)


def server_that_dies(name: str) -> None:
    register_methods(RPCServer(name))
    os._exit(0)
