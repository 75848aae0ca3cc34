"""A client of one carrier: runs in a fresh process, and makes the calls it is asked for.

It reads the calls by itself, unpickles those of a function when that function is asked for, and holds them. CPU time is
of this process and of the server's, from the operating system's clocks around the timed part; about 1 µs per call is
the loop's own, as in ``direct``, which it is compared with. Light: this is between a contender and its number.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
import time
import traceback
from array import array
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from contenders import garbage, pickling
from contenders.interface import Caller, Contender
from contenders.process import ServerProcess
from contenders.worker import die_with_parent
from scenarios.measuring import usage
from scenarios.replay import cargo, timing
from scenarios.replay.service import ReplayService, load
from scenarios.replay.tasks import Answer, Asked, BackToBack, Compared, Failure, Kept, Rhythm, Server, Task, Timed
from scenarios.replay.timing import Call

READY = "ready"
WARM_CALLS = 10
"""Of each caller, before calls begin in their rhythm."""


def main(task: Task, runner: Connection) -> None:
    """Receive the :class:`Server` there are (None: serve in a thread of this process), connect, say :data:`READY`; then
    answer what is asked until None comes. A :class:`Failure` at any time is the last that is said."""
    threading.Thread(target=die_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    # What a server in this process leaves, should it be killed, goes with the calls.
    tempfile.tempdir = str(Path(task.file).parent)
    sys.stdout = sys.stderr  # for what a recorded program prints, as in the server
    try:
        with ExitStack() as stack:
            client = _Client(task, runner.recv(), stack)
            runner.send(READY)
            while (asked := _heard(runner)) is not None:
                runner.send(client.answer(asked))
    except EOFError:
        return  # whoever asked is gone
    except Exception as error:  # whatever a contender or a recorded program raises is recorded with it
        runner.send(Failure(type(error).__name__, str(error), traceback.format_exc()))
    runner.close()


def _heard(runner: Connection) -> Asked:
    asked: Asked = runner.recv()
    return asked


class _Client:
    def __init__(self, task: Task, servers: Sequence[Server] | None, stack: ExitStack) -> None:
        self._task, self._stack = task, stack
        self._cases = cargo.read(task.file).cases
        self._payloads: dict[int, Any] = {}
        places = {name: place for place, name in enumerate(task.apart)}
        self._place = [places.get(case.function, 0) for case in self._cases]
        """Of each call, among the servers."""
        if servers is None:
            service = ReplayService(task.file, task.handler)
            load(service)
            self._addresses = [stack.enter_context(ServerProcess(task.contender, service)).address]
            self._place = [0] * len(self._cases)
        else:
            self._addresses = [server.address for server in servers]
        callers = self._connected()
        self._calls = [calling(task.contender, caller) for caller in callers]
        self._pids = [server.pid for server in servers] if servers else [callers[0].server_pid]

    def answer(self, asked: BackToBack | Rhythm) -> Answer:
        return self._rhythm(asked) if isinstance(asked, Rhythm) else self._back_to_back(asked)

    def _connected(self) -> list[Caller]:
        """To every server."""
        return [self._stack.enter_context(self._task.contender.connect(address)) for address in self._addresses]

    def _read(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number not in self._payloads:
                args, kwargs = self._cases[number].arguments()
                self._payloads[number] = [number, list(args), kwargs]

    def _back_to_back(self, asked: BackToBack) -> Timed:
        self._read(asked.numbers)
        payloads = [self._payloads[number] for number in asked.numbers]
        results = [self._cases[number].result() for number in asked.numbers]
        call = self._calls[self._place[asked.numbers[0]]]
        compared = timing.compare(call, payloads, results, self._task.codec)
        del results
        timing.warm(call, payloads)
        room = max(1, timing.MOST_CALLS // len(payloads)) * len(payloads)
        latencies = array("q", bytes(8 * room))
        garbage.settle()
        before = self._servers_cpu_ns()
        own = time.process_time_ns()
        deadline = time.perf_counter_ns() + round(asked.seconds * 1e9)
        passes = timing.back_to_back(call, payloads, latencies, deadline)
        own = time.process_time_ns() - own
        servers = self._since(before)
        return Timed(
            latency_ns=latencies[: passes * len(payloads)].tobytes(),
            passes=passes,
            compared=compared,
            client_cpu_ns=own,
            server_cpu_ns=None if servers is None else sum(servers),
        )

    def _rhythm(self, asked: Rhythm) -> Kept:
        numbers = [number for _, number in asked.scheduled]
        self._read(numbers)
        own = asked.own or (False,) * len(numbers)
        callers: list[list[Call]] = [self._calls]
        others = [self._connected() for _ in range(asked.callers - 1)]
        callers += [[calling(self._task.contender, each) for each in connected] for connected in others]
        for calls in callers:
            for number in self._to_warm(numbers):
                timing.checked(calls[self._place[number]](self._payloads[number]), self._payloads[number])
        places = [self._place[number] for number in numbers]
        if asked.own:
            itself = self._itself(numbers)
            callers = [[*calls, itself] for calls in callers]
            places = [len(self._calls) if mine else place for mine, place in zip(own, places, strict=True)]
        rhythm = timing.Rhythm(asked.scheduled, self._payloads, places)
        garbage.settle()
        before = self._servers_cpu_ns()
        spent = time.process_time_ns()
        rhythm.run(callers)
        spent = time.process_time_ns() - spent - rhythm.waited.waiting_cpu_ns
        return Kept(
            latency_ns=rhythm.latency[: rhythm.made].tobytes(),
            late_ns=rhythm.late[: rhythm.made].tobytes(),
            number=array("q", numbers[: rhythm.made]).tobytes(),
            cpu_ns=rhythm.cpu[: rhythm.made].tobytes(),
            own=bytes(own[: rhythm.made]),
            callers=len(callers),
            client_cpu_ns=max(0, spent),
            servers_cpu_ns=self._since(before),
            compared=self._compared(rhythm),
            unmade=len(numbers) - rhythm.made,
        )

    def _compared(self, rhythm: timing.Rhythm) -> Compared:
        """What came from the servers."""
        answers = {number: each for (number, place), each in rhythm.answers.items() if place < len(self._calls)}
        return timing.compared(
            ((self._cases[number].result(), answer) for number, answer in sorted(answers.items())), self._task.codec
        )

    def _itself(self, numbers: Sequence[int]) -> Call:
        """The functions in this process, as in the program that is not split."""
        service = ReplayService(self._task.file, self._task.handler)
        load(service)
        for number in self._to_warm(numbers):
            timing.checked(service.call(self._payloads[number]), self._payloads[number])
        return service.call

    def _to_warm(self, numbers: Sequence[int]) -> list[int]:
        """Some calls to each server."""
        return [
            number
            for place in range(len(self._calls))
            for number in [each for each in numbers if self._place[each] == place][:WARM_CALLS]
        ]

    def _servers_cpu_ns(self) -> list[int] | None:
        pids = [pid for pid in self._pids if pid]
        return [usage.of_process(pid).cpu_ns for pid in pids] if pids else None

    def _since(self, before: list[int] | None) -> tuple[int, ...] | None:
        now = self._servers_cpu_ns()
        return None if before is None or now is None else tuple(y - x for x, y in zip(before, now, strict=True))


def calling(contender: Contender, caller: Caller) -> Call:
    """How a caller makes one call; in a lane of bytes with pickles of the replay's own."""
    if contender.lane != "bytes":
        return partial(caller.call, "call")
    call, encode, decode = caller.call, pickling.encode_request, pickling.decode_response

    def pickled(payload: Any) -> Any:
        return decode(call("echo", encode("call", payload)))

    return pickled
