"""A server that a test stops at its end, and what the process has open."""

import contextlib
import os

from shm_rpc_bridge import RPCClient

from .services import PATIENCE, server_process


@contextlib.contextmanager
def stopping(name, **options):
    """A server in a process of its own, stopped at the end."""
    with server_process(name, **options) as child:
        yield
        with RPCClient(name, timeout=PATIENCE) as client:
            client.call("stop")
        child.join(PATIENCE)


def descriptors():
    return len(os.listdir("/proc/self/fd"))
