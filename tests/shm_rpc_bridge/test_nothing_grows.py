"""Nothing is left behind, however often."""

import os
import shutil
import subprocess
import sys

import pytest

from shm_rpc_bridge import RPCClient, RPCTransportError, cleanup

from .services import PATIENCE, serving


@pytest.mark.fault("kill-restart-cycles")
def test_restarting_100_times_leaves_nothing(name):
    for _ in range(100):
        with serving(name), RPCClient(name) as client:
            assert client.call("add", a=1, b=2) == 3
    assert cleanup.survey(name) == []


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.fault("soak")
def test_connecting_calling_and_closing_leaks_no_file_descriptor(name):
    with serving(name):
        RPCClient(name).close()
        before = open_descriptors()
        for _ in range(20):
            with RPCClient(name) as client:
                client.call("add", a=1, b=2)
        assert open_descriptors() <= before + 10  # the server closes its ends a moment later
    assert open_descriptors() < before


@pytest.mark.fault("soak")
def test_failing_to_connect_leaks_no_file_descriptor(name):
    """Without letting go of the connection this ran a suite of tests out of 20,000 descriptors."""
    with serving(name, max_channels=1), RPCClient(name) as connected:
        connected.call("add", a=1, b=2)  # the server has opened its ends by now
        before = open_descriptors()
        for _ in range(20):
            with pytest.raises(RPCTransportError, match="channels in use"):
                RPCClient(name)
        assert open_descriptors() == before


CREATE = """
from shm_rpc_bridge import posix
posix.create_semaphore({name!r}, 1, []).trywait()
posix.unlink_semaphore({name!r})
print("done")
"""


@pytest.mark.fault("killed-creating")
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace, to see what files are made")
def test_a_semaphore_never_has_a_name_but_its_own(name):
    """sem_open makes `sem.` and six random characters and links that: 300 processes killed at random left two such
    files, which nobody could ever attribute to anyone."""
    command = ["strace", "-f", "-e", "trace=openat,link,linkat,rename", sys.executable, "-c", CREATE.format(name=name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    if "done" not in done.stdout:
        pytest.skip("tracing is not permitted here")
    made = [line for line in done.stderr.splitlines() if "/dev/shm/" in line]
    assert made
    assert all(f"/dev/shm/sem.{name}" in line for line in made), made
