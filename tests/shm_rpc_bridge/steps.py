"""Every step of a server's, a client's and a transport's life, found by living it once in memory."""

import threading
import time
from typing import Any, Callable, Dict, Iterator, List

from shm_rpc_bridge import RPCClient, RPCServer, SharedMemoryTransport
from shm_rpc_bridge.testing import Step, in_memory, watched

from .services import PATIENCE, calling, register_methods, started


def until(patience: float) -> Iterator[None]:
    """For polling what another process does: again and again, for at most `patience` seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        yield
        time.sleep(0.002)


def entered(fifo: str) -> str:
    """Wait until another process, at its end of that FIFO, says that it has come there; returns what it says."""
    with open(fifo) as opened:
        return opened.read()


def wait_until_stopped(child: Any) -> None:
    """Until that process has stopped (SIGSTOP)."""
    for _ in until(PATIENCE):
        with open(f"/proc/{child.pid}/stat") as status:
            if status.read().rpartition(")")[2].split()[0] == "T":
                return
    raise AssertionError("it has not stopped")


def steps_by_thread(live: Callable[[], None]) -> List[List[Step]]:
    """The distinct steps of each thread that `live` uses, the calling one first, in the order they first came."""
    seen: Dict[int, Dict[Step, None]] = {threading.get_ident(): {}}

    def hook(step: Step) -> None:
        seen.setdefault(threading.get_ident(), {})[step] = None

    with in_memory(), watched(hook):
        live()
    return [list(steps) for steps in seen.values()]


def call_once() -> None:
    server = RPCServer("steps", wait="block")
    register_methods(server)
    with started(server), RPCClient("steps", wait="block") as client:
        client.call("echo", data="text")


def exchange_once() -> None:
    opened = threading.Event()

    def create() -> None:
        with SharedMemoryTransport.create("steps", wait="block") as creator:
            created.set()
            creator.send_response(creator.receive_request())
            assert opened.wait(PATIENCE)

    created = threading.Event()
    with calling(create):
        assert created.wait(PATIENCE)
        with SharedMemoryTransport.open("steps", wait="block") as opener:
            opener.send_request(b"x" * 100)
            opener.receive_response()
        opened.set()


def _of_a_client(steps: List[Step]) -> List[Step]:
    """Those from connecting on: before it the same thread has made the server."""
    return steps[steps.index(Step("open control", "before")) :]


_main, _serving = steps_by_thread(call_once)
CLIENT_STEPS = _of_a_client(_main)
SERVER_STEPS = _main[: -len(CLIENT_STEPS)] + _serving
WRITING_STEPS = [step for step in CLIENT_STEPS if step.action == "write request"]
OPENER_STEPS, CREATOR_STEPS = steps_by_thread(exchange_once)
