"""Servers whose statistics the tests read, and what they wait for in them."""

import subprocess
import sys
import threading

from shm_rpc_bridge import RPCServer

from .services import PATIENCE, register_methods
from .steps import until


def settled(server, **expected):
    """Its statistics, once they are so: a client is heard to have left a moment later."""
    for _ in until(PATIENCE):
        found = server.statistics()
        if all(getattr(found, name) == value for name, value in expected.items()):
            return found
    raise AssertionError((found, expected))


class Holding:
    """A server with a method that ends when the test says so."""

    def __init__(self, name, **options):
        self.go_on = threading.Event()
        self.server = RPCServer(name, **options)
        register_methods(self.server)
        self.server.register("hold", self.hold)

    def hold(self):
        assert self.go_on.wait(PATIENCE)

    def until_waiting(self, number):
        for _ in until(PATIENCE):
            found = self.server.statistics().waiting
            if len(found) == number:
                return found
        raise AssertionError(found)


def stat(*arguments):
    """Exit status, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "shm_rpc_bridge", "stat", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
