"""Processes that fork, or begin in an odd state. Imports no pytest, as `children`."""

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import select
import signal
import sys
import threading
from typing import Any, Callable, Dict, List, Optional

from shm_rpc_bridge import RPCClient, RPCServer, SharedMemoryTransport, posix, signals

from .services import PATIENCE, register_methods
from .steps import until

SHORT_PATIENCE = PATIENCE / 3
"""Of whoever is itself waited for."""

OWN_STATUS = 3
"""With which a server process ends by its own decision, after `start()` has returned."""
CHILDS_STATUS = 7
"""The same of a child that a method has forked."""
INTERRUPTED = 42

fork = multiprocessing.get_context("fork")


def connected_to(name: str) -> RPCClient:
    """A patient client of a server that may still have to start."""
    return RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE)


def forking_server(name: str, in_thread: bool) -> None:
    """Its methods fork. It ends with OWN_STATUS if `start()` has left the handlers of this process as they were."""
    parent, before = os.getpid(), handlers()
    status: List[int] = []

    def serve() -> None:
        server.start()
        if os.getpid() != parent:
            os._exit(CHILDS_STATUS)
        status.append(OWN_STATUS if handlers() == before else OWN_STATUS + 1)

    server = RPCServer(name)
    register_methods(server)
    methods = (status_of_a_process_that_gets, status_of_a_child_ended_at_once, results_of_a_pool, status_of_a_fork)
    for method in methods:
        server.register_function(method)
    if in_thread:
        thread = threading.Thread(target=serve)
        thread.start()
        thread.join()
    else:
        serve()
    os._exit(status[0])


def forking_server_beside_a_loop(name: str) -> None:
    """The same for a server that the thread of an event loop has awaited."""
    server = RPCServer(name)
    register_methods(server)
    server.register_function(status_of_a_fork)
    asyncio.run(server.serve())
    os._exit(OWN_STATUS)


def handlers() -> Any:
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)


def status_of_a_process_that_gets(number: int) -> Optional[int]:
    """How a child ends that gets that signal while it waits; None if it does not."""
    ours, childs = fork.Pipe()
    child = fork.Process(target=say_and_wait, args=(childs,))
    child.start()
    assert ours.poll(SHORT_PATIENCE)
    os.kill(child.pid, number)
    child.join(SHORT_PATIENCE)
    status = child.exitcode
    child.kill()
    child.join()
    return status


def say_and_wait(pipe: Any) -> None:
    try:
        pipe.send("here")
        for _ in until(PATIENCE):  # in one long wait a signal that comes just before it would be seen after it
            pass
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def status_of_a_child_ended_at_once() -> Optional[int]:
    """How a child ends that gets SIGTERM before it has its parent's handlers back."""
    parent, restore = os.getpid(), signals.restore

    def end_and_restore(handlers: Any) -> None:
        signals.restore = restore
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
        restore(handlers)

    signals.restore = end_and_restore
    pid = os.fork()
    if not pid:
        os._exit(0)
    signals.restore = restore
    return status_of(pid)


def results_of_a_pool() -> List[int]:
    with fork.Pool(2) as pool:
        results = pool.map(abs, [-1, -2, -3])
    pool.join()
    return results


def status_of_a_fork() -> Any:
    pid = os.fork()
    return status_of(pid) if pid else "the child's answer, for nobody"


def status_of(pid: int) -> Optional[int]:
    """The exit status of a child; None if it does not end."""
    for _ in until(SHORT_PATIENCE):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def connect_and_close(name: str, number: int) -> None:
    with RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("add", a=1, b=2) == 3


def take_a_name(name: str, number: int) -> None:
    RPCServer(f"{name}-{number}").close()


def create_a_transport(name: str, number: int) -> None:
    SharedMemoryTransport.create(f"{name}-{number}").close()


def open_and_close_a_semaphore(name: str, number: int) -> None:
    """What hangs if it does, and no more: as often as possible."""
    held: posix.Held = []
    try:
        posix.create_semaphore(f"srb:{name}:{number}", 0, held)
        for _ in range(100):
            posix.let_go(held)
            posix.open_semaphore(f"srb:{name}:{number}", held)
    finally:
        posix.let_go(held)
        posix.unlink_semaphore(f"srb:{name}:{number}")


def fork_meanwhile(name: str, live: Callable[[str, int], None], forks: int, outcome: Any) -> None:
    """Fork while threads `live` over and over. Sends how many children hung, which locks others held, what failed."""
    stop, hung, locks, failures = threading.Event(), 0, [], []  # type: ignore[var-annotated]
    sys.setswitchinterval(1e-5)
    kept = RPCClient(name, timeout=PATIENCE)  # which every child lets go

    def go_on(number: int) -> None:
        try:
            while not stop.is_set():
                live(name, number)
        except Exception as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=go_on, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(forks):
        from_child, to_parent = os.pipe()
        from_parent, to_child = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(to_child)
            os.write(to_parent, b".")
            os.read(from_parent, 1)  # until its parent has closed that, or died
            os._exit(0)
        if select.select([from_child], [], [], SHORT_PATIENCE)[0]:
            locks += locks_of(pid)
        else:
            os.kill(pid, signal.SIGKILL)
        for fd in (from_child, to_parent, from_parent, to_child):
            os.close(fd)
        hung += status_of(pid) != 0
        if hung or locks:
            break
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    kept.close()
    outcome.send((hung, locks, failures))


def locks_of(pid: int) -> List[str]:
    """The locks on files that the descriptors of a process hold."""
    held = []
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{fd}") as info:
            held += [f"{os.readlink(f'/proc/{pid}/fd/{fd}')}: {line}" for line in info if line.startswith("lock:")]
    return held


def unseen_forking_server(name: str, entered: Any) -> None:
    """A method forks as a C library does: Python runs nothing in the child, which keeps all descriptors and waits."""
    libc = ctypes.PyDLL(None)

    def fork_unseen() -> int:
        pid: int = libc.fork()
        while pid == 0:
            signal.pause()
        return pid

    server = RPCServer(name)
    server.register_function(fork_unseen)
    server.register("hang", lambda: entered.set() or threading.Event().wait())
    server.start()


def call_and_close(client: RPCClient) -> None:
    """With a client that another process has handed over."""
    with client:
        os._exit(0 if client.call("add", a=1, b=2) == 3 else 1)


def daemon_server(name: str, other: str) -> None:
    """Serves as a daemon of the old kind does, and has a transport and a client of the server `other` besides."""
    for fd in (0, 1, 2):
        os.close(fd)
    with RPCServer(name) as server, SharedMemoryTransport.create(name) as transport, RPCClient(other) as client:
        register_methods(server)

        def standard_streams() -> List[str]:
            """What writing to them comes to."""
            return [outcome_of(os.write, 1, b"x" * 200), outcome_of(os.write, 2, b"x" * 200), outcome_of(say_loudly)]

        def call_other(data: str) -> bool:
            return bool(client.call("echo", data=data) == data)

        def exchange() -> bool:
            transport.send_response(transport.receive_request(PATIENCE), PATIENCE)
            return True

        for method in (shared_memory_descriptors, standard_streams, call_other, exchange):
            server.register_function(method)
        server.start()
    os._exit(0)


def say_loudly() -> None:
    print("x" * 200, flush=True)


def outcome_of(function: Callable[..., Any], *arguments: Any) -> str:
    try:
        function(*arguments)
    except OSError as error:
        return type(error).__name__
    return "written"


def shared_memory_descriptors() -> Dict[str, str]:
    """The descriptors of this process that are in /dev/shm, and what they are."""
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself
            if os.readlink(f"/proc/self/fd/{fd}").startswith("/dev/shm/"):
                found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found


def ignoring_server(name: str, ignored: int) -> None:
    """Ends with OWN_STATUS if that signal is still ignored after `start()`."""
    signal.signal(ignored, signal.SIG_IGN)
    server = RPCServer(name)
    server.register("is_ignored", lambda: signal.getsignal(ignored) is signal.SIG_IGN)
    server.start()
    os._exit(OWN_STATUS if signal.getsignal(ignored) is signal.SIG_IGN else OWN_STATUS + 1)
