"""Another client of the measured server, in a process of its own: it calls a slow method, one call after the other."""

from __future__ import annotations

import threading
from multiprocessing.connection import Connection
from typing import Any

from contenders.interface import Contender
from contenders.worker import die_with_parent
from scenarios.measuring import drivers
from scenarios.measuring.loops import WrongAnswer, same

READY = "ready"


def call_slowly(contender: Contender, address: str, method: str, payload: Any, runner: Connection) -> None:
    """Call until this process is killed, or the runner dies. After the first answer it says :data:`READY`, or else,
    whenever it fails, why."""
    threading.Thread(target=die_with_parent, daemon=True).start()
    try:
        with drivers.of(contender, address) as driver:
            driver.connect()
            said = False
            while True:
                if not same(driver.call(method, payload), payload):
                    raise WrongAnswer(f"of {method!r}, which returns what it is given")
                if not said:
                    runner.send(READY)
                    said = True
    except Exception as error:  # whatever a contender raises: the cell fails with it
        runner.send(f"{type(error).__name__}: {error}")
