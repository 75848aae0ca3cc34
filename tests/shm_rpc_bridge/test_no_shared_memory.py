"""Where /dev/shm is missing or read-only, an error says so, with the remedy."""

import os
import shutil
import subprocess
import sys

import pytest

from .services import PATIENCE
from .test_full_memory import ROOT

TRY_ALL = """
import sys
from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, SharedMemoryTransport
for make in (RPCServer, RPCClient, SharedMemoryTransport.create, SharedMemoryTransport.open):
    try:
        make("nowhere")
    except RPCTransportError as error:
        print(error)
"""


needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root, to hide /dev/shm or mount it read-only"
)


def run_with_mount(mount, *arguments):
    command = ["unshare", "--mount", "sh", "-c", mount + ' && exec "$@"', "sh", sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    if "Operation not permitted" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("mounting is not permitted here")
    return done


@needs_root
@pytest.mark.fault("shm-missing")
def test_a_missing_dev_shm_is_an_error_with_the_remedy():
    """It was `start the server first`, or that an object does not exist which was just to be made."""
    done = run_with_mount("mount -t tmpfs tmpfs /dev", "-c", TRY_ALL)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert len(told) == 4
    for line in told:
        assert "there is no /dev/shm; mount -t tmpfs tmpfs /dev/shm" in line


@needs_root
@pytest.mark.fault("shm-missing")
def test_a_read_only_dev_shm_is_an_error_that_says_so():
    done = run_with_mount("mount -t tmpfs -o ro tmpfs /dev/shm", "-c", TRY_ALL)
    assert done.returncode == 0, done.stderr
    server, client, creator, opener = done.stdout.splitlines()
    for line in (server, creator):
        assert "/dev/shm is mounted read-only" in line
    assert "start the server" in client
    assert "must be created first" in opener


@needs_root
@pytest.mark.fault("shm-missing")
@pytest.mark.parametrize("command", ["ls", "clean"])
def test_looking_at_a_missing_dev_shm_is_no_traceback(command):
    done = run_with_mount("mount -t tmpfs tmpfs /dev", "-m", "shm_rpc_bridge", command)
    assert "Traceback" not in done.stderr
