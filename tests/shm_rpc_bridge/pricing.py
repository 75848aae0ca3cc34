"""A module as a program has it; the tests serve it from processes of its own."""

import os
import signal
import sys
import threading
import time
from decimal import Decimal

from shm_rpc_bridge import current_call

RATES = {"EUR": 3, "USD": 4}


def quote(amount, currency="EUR"):
    return amount * RATES[currency]


def exact(amount):
    """For codec "pickle"."""
    return Decimal(amount), os.getpid()


def same(value):
    return value


def pid():
    return os.getpid()


def note(path, text):
    """Leaves a line for each time it has run."""
    with open(path, "a") as file:
        file.write(text + "\n")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def leave(status):
    sys.exit(status)


def hold(fifo):
    """Say by the FIFO that this runs, and never return."""
    enter(fifo)
    threading.Event().wait()


def note_and_hold(path, text, fifo):
    note(path, text)
    hold(fifo)


def hold_on(fifo):
    """Like :func:`hold`, and go on whatever is raised."""
    enter(fifo)
    while True:
        try:
            time.sleep(100)
        except BaseException:
            continue


def enter(fifo):
    open(fifo, "w").close()  # waits until the test has opened it, too


def look_at_call():
    call = current_call()
    return [call.method, call.client, call.remaining]


def hold_until_cancelled(fifo, patience):
    """Say by the FIFO that this runs, and return once nobody waits for it."""
    call = current_call()
    enter(fifo)
    end = time.monotonic() + patience
    while not call.is_cancelled:
        assert time.monotonic() < end
        time.sleep(0.001)


def _private():
    return "not public"
