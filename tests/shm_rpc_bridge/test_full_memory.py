"""/dev/shm is full: an error with numbers and a remedy, and nothing half-made."""

import errno
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shm_rpc_bridge import RPCTransportError, SharedMemoryTransport, posix
from shm_rpc_bridge.testing import in_memory

from .children import live_in_too_little_memory
from .services import PATIENCE

pytestmark = pytest.mark.fault("memory-full")
ROOT = Path(__file__).parent.parent.parent
BODY = "from tests.shm_rpc_bridge.children import live_in_too_little_memory as live; live('full')"
FULL = (
    r"Shared memory is full: \S+ needs [\d,]+ bytes, /dev/shm has [\d,]+ of [\d,]+ free. Send less, run .* enlarge it"
)


def check(outcomes):
    done = [what for what, came in outcomes.items() if came == "done"]
    assert done == [
        "call before",
        "call after large request",
        "call after large result",
        "its call",
        "call when full",
        "call when quite full",
    ]
    for what in ("large request", "large result", "another client", "another server"):
        assert re.search(FULL, outcomes[what]), outcomes[what]
    assert outcomes["large request"].startswith("RPCTransportError")
    assert outcomes["large result"].startswith("RPCTransportError: the answer cannot be sent, in the server")
    assert outcomes["nothing half-made"]
    assert outcomes["nothing of the other server"]
    assert outcomes["left"] == []


def test_a_small_memory_is_an_error_for_what_does_not_fit_and_for_nothing_else(capsys):
    with in_memory(capacity=416_384):
        live_in_too_little_memory("full")
    check(json.loads(capsys.readouterr().out))


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root, to mount a small /dev/shm")
@pytest.mark.parametrize("size", ["416k", "420k"])  # a page more or less: the last one is a segment's or a semaphore's
def test_a_small_dev_shm_is_an_error_for_what_does_not_fit_and_never_a_sigbus(size):
    """With ftruncate in place of posix_fallocate the process dies of SIGBUS at the large request."""
    mount = f"mount -t tmpfs -o size={size},mode=1777 tmpfs /dev/shm && exec "
    command = ["unshare", "--mount", "sh", "-c", mount + '"$0" -c "$1"', sys.executable, BODY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    if "Operation not permitted" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("mounting is not permitted here")
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout))


class BackendOfLittleAddressSpace:
    """A backend whose segments cannot be mapped beyond a megabyte, as under ``ulimit -v``."""

    def __init__(self, backend):
        self._backend = backend

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def open_segment(self, name, least, held):
        segment = self._backend.open_segment(name, least, held)
        segment.map_with(self._map)
        return segment

    @staticmethod
    def _map(fd, size):
        if size > 1_000_000:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        return mmap.mmap(fd, size)


def test_a_message_that_cannot_be_mapped_fails_alone(name):
    """With the old mapping let go of before the new one is there, the next message met a closed one."""
    with SharedMemoryTransport.create(name) as creator:
        with posix.using(BackendOfLittleAddressSpace):
            opener = SharedMemoryTransport.open(name)
        with opener:
            with pytest.raises(RPCTransportError, match="does not fit into memory"):
                opener.send_request(bytes(2_000_000))
            opener.send_request(b"the next")
            assert creator.receive_request() == b"the next"
