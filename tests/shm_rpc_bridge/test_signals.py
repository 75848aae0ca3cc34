"""Signals belong to the application: its handlers run, what they raise is raised, calls stay right."""

import ctypes
import mmap
import os
import signal
import subprocess
import sys
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCServer, RPCTimeoutError, SharedMemoryTransport, cleanup, posix

from .children import signalled_server
from .forks import OWN_STATUS, ignoring_server
from .services import OLD_LIBC, PATIENCE, calling, process, server_process, serving


@pytest.fixture
def handler():
    """Install a handler for SIGALRM for the time of a test."""
    before = []

    def install(function):
        before.append(signal.signal(signal.SIGALRM, function))

    yield install
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before[0])


class FromHandler(Exception):
    pass


def raise_from_handler(number, frame):
    raise FromHandler


@pytest.mark.fault("handler-raises")
@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_what_a_handler_raises_during_a_call_is_not_lost_and_the_client_stays_usable(name, handler, wait):
    release = threading.Event()
    with serving(name) as server, RPCClient(name, timeout=PATIENCE, wait=wait) as client:
        server.register("hold", lambda: release.wait(PATIENCE))
        handler(raise_from_handler)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(FromHandler):
            client.call("hold")
        release.set()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == blocked
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.fault("handler-raises")
def test_what_a_handler_raises_in_a_parked_server_ends_it(name, handler):
    handler(raise_from_handler)
    with RPCServer(name) as server:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(FromHandler):
            server.start()


@pytest.mark.fault("handler-raises")
def test_a_message_is_not_lost_to_a_handler_that_raises(name, handler):
    handler(raise_from_handler)
    with SharedMemoryTransport.create(name) as server, SharedMemoryTransport.open(name) as client:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(FromHandler):
            server.receive_request()
        client.send_request(b"after the signal")
        assert server.receive_request(PATIENCE) == b"after the signal"


RAISE_AS_A_MESSAGE_COMES = """
import signal, threading
from shm_rpc_bridge import SharedMemoryTransport

def handle(number, frame):
    raise OverflowError

def send(number):
    entered.wait()
    # Met by this thread, the signal waits for the main one to run its handler, which it does once it is woken up.
    signal.pthread_kill(threading.get_ident(), signal.SIGALRM)
    client.send_request(b"%d" % number)

signal.signal(signal.SIGALRM, handle)
with SharedMemoryTransport.create({name!r}, wait="block") as server, SharedMemoryTransport.open({name!r}) as client:
    for number in range(20):
        entered = threading.Event()
        sender = threading.Thread(target=send, args=(number,))
        sender.start()
        try:
            entered.set()
            server.receive_request(timeout=5)
            print("not raised")
        except OverflowError:
            pass
        sender.join()
        assert server.receive_request(timeout=5) == b"%d" % number
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
    print("all there")
"""


@pytest.mark.fault("handler-raises")
@pytest.mark.parametrize("libc", ["", OLD_LIBC], ids=["libc", "old libc"])
def test_a_message_that_comes_as_a_handler_raises_is_not_lost(name, libc):
    """It was, each time, where another thread met the signal; and the signal was held back for ever."""
    command = [sys.executable, "-c", libc + RAISE_AS_A_MESSAGE_COMES.replace("{name!r}", repr(name))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == "all there\n"


RAISE_WHILE_PARKED = """
import signal
from shm_rpc_bridge import SharedMemoryTransport

def handle(number, frame):
    raise OverflowError

signal.signal(signal.SIGALRM, handle)
with SharedMemoryTransport.create({name!r}, wait="block") as transport:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        transport.receive_request(timeout=2)
    except OverflowError:
        print("raised")
"""


@pytest.mark.fault("handler-raises")
@pytest.mark.parametrize("libc", ["", OLD_LIBC], ids=["libc", "old libc"])
def test_what_a_handler_raises_is_not_lost_whatever_the_libc(name, libc):
    """posix_ipc clears what a handler raises inside `acquire`: with it, and without holding signals back, the wait
    went on to its end. sem_clockwait is called without it."""
    command = [sys.executable, "-c", libc + RAISE_WHILE_PARKED.replace("{name!r}", repr(name))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == "raised\n"


@pytest.mark.fault("handler-raises")
def test_keyboard_interrupt_ends_a_waiting_call(name):
    release = threading.Event()
    with serving(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register("interrupt", lambda: os.kill(os.getpid(), signal.SIGINT) or release.wait(PATIENCE))
        with pytest.raises(KeyboardInterrupt):
            client.call("interrupt")
        release.set()
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.fault("signal-storm")
def test_in_a_storm_of_signals_answers_are_right(name, handler):
    count = []
    with server_process(name) as child, RPCClient(name, timeout=PATIENCE) as client:
        handler(lambda number, frame: count.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        assert [client.call("add", a=n, b=1) for n in range(2000)] == list(range(1, 2001))
        signal.setitimer(signal.ITIMER_REAL, 0)
        client.call("stop")
        child.join(PATIENCE)
    assert count


def test_start_in_a_thread_leaves_the_signal_handlers_alone(name):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with serving(name), RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.fault("stop-signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_start_in_the_main_thread_stops_at_a_signal_and_restores_the_handlers(name, number):
    """Without `signals.install` KeyboardInterrupt went through everything; without `restore` the next did nothing."""
    before = signal.getsignal(number)
    server = RPCServer(name)
    server.register("interrupt", lambda: os.kill(os.getpid(), number))
    answers = []

    def call():
        with RPCClient(name) as client:
            answers.append(client.call("interrupt"))

    thread = threading.Thread(target=call)
    thread.start()
    server.start()
    thread.join(PATIENCE)
    assert answers == [None]
    assert signal.getsignal(number) is before


@pytest.mark.fault("stop-signals")
def test_a_second_signal_meets_the_applications_own_handler(name):
    """Without `restore` in the first one's handler a method that hangs could not be interrupted any more."""
    server = RPCServer(name)

    def hang():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return "not interrupted"

    server.register("hang", hang)
    with RPCClient(name, timeout=PATIENCE) as client, calling(client.call, "hang") as call:
        with pytest.raises(KeyboardInterrupt):
            server.start()
        with pytest.raises(RPCMethodError, match="KeyboardInterrupt"):
            call.result(PATIENCE)


@pytest.mark.fault("stop-signals")
@pytest.mark.parametrize("wait", ["block", "spin"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_parked_or_spinning_server_stops_cleanly_at_a_signal(name, number, wait):
    with server_process(name, wait=wait) as child:
        with RPCClient(name) as client:
            assert client.call("add", a=1, b=2) == 3  # answering, it has installed its handlers
        os.kill(child.pid, number)
        child.join(PATIENCE)
        assert child.exitcode == 0
    assert cleanup.survey(name) == []


@pytest.mark.fault("stop-signals")
@pytest.mark.parametrize("wait", ["block", "spin"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_inside_a_method_lets_it_answer_and_the_application_decides_how_it_exits(name, number, wait):
    with process(signalled_server, name, wait) as child, RPCClient(name, wait_for_server=PATIENCE) as client:
        assert client.call("signal", number=number) is None
        child.join(PATIENCE)
        assert child.exitcode == 3
    assert cleanup.survey(name) == []


@pytest.mark.fault("signal-storm")
@pytest.mark.parametrize("does", [lambda: None, lambda: ctypes.set_errno(0)], ids=["nothing", "sets errno"])
def test_in_a_storm_of_signals_deadlines_are_kept(name, handler, does):
    """With the wait begun anew after each signal it never ended; with a signal taken for an error it ended at once."""
    release = threading.Event()
    with serving(name) as server, RPCClient(name, timeout=0.1) as client:
        server.register("hold", lambda: release.wait(PATIENCE))
        handler(lambda number, frame: does())
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        with pytest.raises(RPCTimeoutError):
            client.call("hold")
        signal.setitimer(signal.ITIMER_REAL, 0)
        release.set()


class RaisingMap(mmap.mmap):
    """Raises as a signal's handler would, once, when a message is copied."""

    is_due = False

    def __getitem__(self, where):
        self._raise_once(where)
        return super().__getitem__(where)

    def __setitem__(self, where, what):
        self._raise_once(where)
        super().__setitem__(where, what)

    def _raise_once(self, where):
        if RaisingMap.is_due and isinstance(where, slice):
            RaisingMap.is_due = False
            raise FromHandler


class BackendOfRaisingMaps:
    def __init__(self, backend):
        self._backend = backend

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def open_segment(self, name, least, held):
        segment = self._backend.open_segment(name, least, held)
        segment.map_with(RaisingMap)
        return segment


@pytest.mark.fault("handler-raises")
def test_what_a_handler_raises_while_a_message_is_copied_costs_no_message(name):
    """It took the message along, or the room for the next one: from then on the transport stood still."""
    with SharedMemoryTransport.create(name) as creator:
        with posix.using(BackendOfRaisingMaps):
            opener = SharedMemoryTransport.open(name)
        with opener:
            for number in range(3):
                RaisingMap.is_due = True
                with pytest.raises(FromHandler):
                    opener.send_request(b"%d" % number, timeout=PATIENCE)
                opener.send_request(b"%d" % number, timeout=PATIENCE)
                creator.send_response(creator.receive_request(PATIENCE), timeout=PATIENCE)
                RaisingMap.is_due = True
                with pytest.raises(FromHandler):
                    opener.receive_response(PATIENCE)
                assert opener.receive_response(PATIENCE) == b"%d" % number


@pytest.mark.fault("signal-ignored")
@pytest.mark.parametrize(("ignored", "stops"), [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)])
def test_a_signal_that_is_ignored_before_start_stays_so_and_the_other_stops_the_server(name, ignored, stops):
    """Ctrl-C at the terminal stopped the server that a shell had started in the background."""
    with process(ignoring_server, name, ignored) as child, RPCClient(name, wait_for_server=PATIENCE) as client:
        assert client.call("is_ignored")
        os.kill(child.pid, ignored)
        assert client.call("is_ignored")
        os.kill(child.pid, stops)
        child.join(PATIENCE)
        assert child.exitcode == OWN_STATUS
