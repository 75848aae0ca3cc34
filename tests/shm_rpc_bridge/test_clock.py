"""The wall clock is the administrator's: deadlines hold whatever it is set to."""

import shutil
import subprocess
import sys

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError, posix
from shm_rpc_bridge.testing import in_memory

from .services import OLD_LIBC, PATIENCE, calling, register_methods, started

pytestmark = pytest.mark.fault("clock-set")

PARK = """
import time
from shm_rpc_bridge import posix
semaphore = posix.create_semaphore({name!r}, 0, [])
posix.unlink_semaphore({name!r})
if not semaphore.park(time.monotonic() + 0.01, posix.no_outcome()):
    print("in time")
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace, to see what the kernel is asked for")
def test_the_kernel_is_asked_for_the_monotonic_clock(name):
    """sem_timedwait tells it FUTEX_CLOCK_REALTIME: a clock that is set back makes such a wait as much longer."""
    command = ["strace", "-f", "-e", "trace=futex", sys.executable, "-c", PARK.format(name=name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    if "in time" not in done.stdout:
        pytest.skip("tracing is not permitted here")
    timed = [line for line in done.stderr.splitlines() if "tv_nsec" in line and "ETIMEDOUT" in line]
    assert timed
    assert not [line for line in timed if "FUTEX_CLOCK_REALTIME" in line]


class ClockIsSet:
    """A backend whose semaphores wait longer by `shift` seconds where they wait on the wall clock, as if it was set."""

    def __init__(self, backend, shift):
        self._backend = backend
        self.shift = shift
        self.waits_on_the_wall_clock = 0

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def create_semaphore(self, name, value, held):
        return self._Semaphore(self._backend.create_semaphore(name, value, held), self)

    def open_semaphore(self, name, held):
        return self._Semaphore(self._backend.open_semaphore(name, held), self)

    class _Semaphore:
        def __init__(self, semaphore, backend):
            self._semaphore = semaphore
            self._backend = backend

        def __getattr__(self, name):
            return getattr(self._semaphore, name)

        def acquire(self, timeout=None):
            if timeout:
                self._backend.waits_on_the_wall_clock += 1
                timeout = max(0.0, timeout + self._backend.shift)
            self._semaphore.acquire(timeout)


@pytest.mark.parametrize("shift", [3600.0, -3600.0], ids=["back", "forward"])
@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_a_call_ends_at_its_deadline_when_the_clock_is_set_by_an_hour(wait, shift):
    """With posix_ipc's `acquire` in place of `park` in `Waiter` the first call takes an hour."""
    with in_memory(), posix.using(lambda backend: ClockIsSet(backend, shift)) as backend:
        server = RPCServer("clock")
        register_methods(server)
        with RPCClient("clock", timeout=0.05, wait=wait) as client:
            with calling(client.call, "add", a=1, b=2) as call, pytest.raises(RPCTimeoutError):
                call.result(PATIENCE)
            with started(server), RPCClient("clock", timeout=PATIENCE, wait=wait) as patient:
                assert patient.call("add", a=1, b=2) == 3
        assert backend.waits_on_the_wall_clock == 0


SERVE_AND_CALL = (
    OLD_LIBC
    + """
import threading
from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError
server = RPCServer({name!r}, wait="block")
server.register("add", lambda a, b: a + b)
with RPCClient({name!r}, timeout=0.05, wait="block") as client:
    try:
        client.call("add", a=1, b=2)
    except RPCTimeoutError:
        print("in time")
thread = threading.Thread(target=server.start)
thread.start()
with RPCClient({name!r}, wait="block") as client:
    print(client.call("add", a=1, b=2))
server.stop()
thread.join()
"""
)


def test_with_a_libc_that_lacks_sem_clockwait_everything_else_works(name):
    command = [sys.executable, "-c", SERVE_AND_CALL.replace("{name!r}", repr(name))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == ("in time\n3\n", "")
