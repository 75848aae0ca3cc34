"""What was recorded, read again: the calls of a program, of all of its processes together.

    recording = read("calls.rec")
    for call in recording.calls:
        print(call.function, call.duration_ns, recording.arguments(call))

Arguments and results are pickles, and reading a pickle can run any code: they are read only where they are asked for,
and :func:`read` refuses a file that belongs to another user. Immutable; thread-safe.
"""

from __future__ import annotations

import functools
import os
import pickle
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple

from shm_rpc_bridge.record import blocks, files
from shm_rpc_bridge.record.blocks import NotARecording
from shm_rpc_bridge.record.rows import DURATION, START, Encoded, decode

__all__ = ["Call", "Function", "NotARecording", "Process", "Recording", "Totals", "busy_share", "read"]


class Function(NamedTuple):
    """One that was to be recorded."""

    name: str
    """``module:qualified.name``."""
    kind: str
    """"function", "method", "classmethod" or "staticmethod"."""
    is_async: bool
    parameters: tuple[str, ...]
    """Their names; a method's without self or cls. Empty where Python does not know them."""
    refused: str
    """Why it could not be recorded, in which case it has no calls; "" if it could."""


class Totals(NamedTuple):
    """Of one function, all its calls, those that were not kept as well."""

    calls: int
    seconds: float
    """From its calls' beginnings to their ends, added up; those it makes itself included."""
    raised: int
    dropped: int
    """Calls that were only counted: left out by sampling, the budget, a slow disk, or to time recording itself."""
    own_us: float
    """What recording has cost one call in this very run, µs, in the thread that called: of calls that were recorded
    less of calls in between that were only timed. NaN where there were fewer than 8 of either."""


class Call(NamedTuple):
    """One call that was kept."""

    function: str
    process: int
    """Its process's place in :attr:`Recording.processes`."""
    number: int
    """Rises with the calls of a process, in the order in which they began."""
    parent: int
    """The number of the call in which it was made, 0 for none that was kept."""
    caller: str
    """The module it was called from, in a recording of a package; otherwise of some calls, and "" of the others."""
    thread: int
    task: int
    """An asyncio task; 0 outside of one. Numbers of threads and tasks that have ended are given again."""
    start_ns: int
    """On the process's monotonic clock."""
    duration_ns: int
    cpu_ns: int
    """Of its thread meanwhile, of an async function in its own steps; -1 where that was not looked at: mostly."""
    raised: str
    """The type's name of the exception that came out of it; "" for a result."""
    request: Encoded | None
    """None where this call's arguments were not kept."""
    response: Encoded | None
    mutated: bool | None
    """Whether its arguments were others when it returned; None where that was not looked at."""


class Process(NamedTuple):
    """One of the recorded program's."""

    pid: int
    program: str
    python: str
    started: float
    """Seconds since 1970."""
    start_ns: int
    """The same moment on its monotonic clock."""
    seconds: float
    """From the beginning of the recording to its end, or to the last thing that was written."""
    cpu_seconds: float
    """Of all its threads meanwhile, the recorder's as well."""
    children_cpu_seconds: float
    """Of its children meanwhile, whether they have ended or not; those that were recorded say so themselves, too."""
    children: Mapping[str, float]
    """By command line, CPU seconds meanwhile of each child that lived at the end."""
    writing_seconds: float
    """CPU time of the recorder's own thread."""
    ended: bool
    """False where the process was killed, or the recording goes on."""
    torn_bytes: int
    """Behind the last whole block."""


class Recording:
    """Read by :func:`read`."""

    def __init__(self, path: Path, parts: list[_Part]) -> None:
        self.path = path
        self.settings: Mapping[str, Any] = parts[0].meta["settings"]
        """What was asked for: ``payloads``, ``sample``, ``budget_bytes``, ``redact``, ``targets``, ``package``."""
        self.processes = tuple(part.process for part in parts)
        every = [function for part in parts for function in part.functions]
        # One that a process could not record may be recorded in another, which has imported it.
        every.sort(key=lambda function: not function.refused)
        self.functions: Mapping[str, Function] = {function.name: function for function in every}
        self.calls: tuple[Call, ...] = tuple(
            sorted(
                (call for place, part in enumerate(parts) for call in part.calls(place)),
                key=lambda call: call.start_ns,
            )
        )
        """By their beginning."""
        self.totals: Mapping[str, Totals] = {
            name: _add(part.totals_of(name) for part in parts) for name in self.functions
        }
        self.objects: Mapping[str, list[dict[str, Any]]] = _objects(parts)
        """Of each method, what of the objects it was called on would have to travel, as looked at now and then:
        ``{"attributes": {name: [type, pickled bytes or -1, why not]}, "mutated": bool}``."""

    @property
    def seconds(self) -> float:
        """From the first beginning of a process's recording to the last end."""
        begin = min(each.started for each in self.processes)
        return max(each.started + each.seconds for each in self.processes) - begin

    def arguments(self, call: Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional and the keyword arguments, without self, as they were when it was called.

        Raises LookupError where they were not kept, and whatever unpickling them raises.
        """
        if call.request is None or call.request.pickled is None:
            raise LookupError(f"the arguments of call {call.number} of {call.function} were not kept")
        args, kwargs = pickle.loads(call.request.pickled)
        return args, kwargs

    def result(self, call: Call) -> Any:
        """What it returned. Raises as :meth:`arguments`, and LookupError where it raised."""
        if call.response is None or call.response.pickled is None:
            raise LookupError(f"the result of call {call.number} of {call.function} was not kept")
        return pickle.loads(call.response.pickled)


def read(path: str | os.PathLike[str], *, trust: bool = False) -> Recording:
    """The recording at `path`, and of every process that wrote beside it (``calls.rec.1234``).

    Raises :class:`NotARecording` for another file, PermissionError for one that belongs to another user unless you
    `trust` it, OSError where it cannot be read.
    """
    first = Path(path)
    others = files.beside(first)
    parts = [_Part(first, trust)] if first.exists() or not others else []
    for other in others:
        try:
            part = _Part(other, trust)
        except NotARecording:  # killed before it wrote anything, or something else of that name
            continue
        if not parts or part.meta["run"] == parts[0].meta["run"]:
            parts.append(part)
    if not parts:
        raise NotARecording(f"neither {first} nor a file beside it ({first.name}.<process>) is a recording")
    try:
        return Recording(first, parts)
    except (
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:  # blocks that are whole, and hold other things
        raise NotARecording(f"{first} was written by another version ({type(error).__name__}: {error})") from error


def busy_share(calls: Iterable[Call]) -> float:
    """The CPU time of those of them where it was looked at, as a share of what they took: at most 1, NaN for none."""
    seen = [call for call in calls if call.cpu_ns >= 0]
    took = sum(call.duration_ns for call in seen)
    return min(1.0, sum(call.cpu_ns for call in seen) / took) if took else float("nan")


class _Part:
    """One process's file. Raises :class:`NotARecording` for any other."""

    def __init__(self, path: Path, trust: bool) -> None:
        try:
            self._read(path, trust)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, NotARecording):
                raise NotARecording(f"{path}: {error}") from None
            raise NotARecording(f"{path} was written by another version ({type(error).__name__}: {error})") from error

    def _read(self, path: Path, trust: bool) -> None:
        if not trust and path.stat().st_uid not in (os.getuid(), 0):
            raise PermissionError(
                f"{path} belongs to user {path.stat().st_uid}: reading a recording's pickles can run any code; "
                "read it with trust=True (--trust) if you trust whoever wrote it"
            )
        found, torn = blocks.decode(path.read_bytes())
        if not found or found[0].fields["kind"] != "begin":
            raise NotARecording("it has no beginning: its process was killed before it wrote anything")
        self.meta = found[0].fields
        self._blocks = found
        self.functions = [
            Function(each["name"], each["kind"], each["async"], tuple(each["parameters"]), each["refused"])
            for block in found
            for each in block.fields.get("functions", ())
        ]
        self.totals: dict[str, Totals] = {}
        last, cpu, writing = 0.0, [0.0, 0.0], 0.0
        children: dict[str, float] = {}
        for block in found:
            last, cpu = block.fields.get("seconds", last), block.fields.get("cpu_seconds", cpu)
            children = block.fields.get("children", children)
            writing = block.fields.get("writing_seconds", writing)
            for name, figures in block.fields.get("totals", {}).items():
                calls, seconds, raised, dropped, own = figures
                self.totals[name] = Totals(calls, seconds, raised, dropped, float("nan") if own is None else own)
        ended = found[-1].fields["kind"] == "end"
        meta = self.meta
        if not ended:  # its last figures may be older than its last calls
            rows = (row for block in found if block.fields["kind"] == "calls" for row in block.fields["rows"])
            ends = (row[START] + row[DURATION] for row in rows)
            last = max(last, (max(ends, default=meta["start_ns"]) - meta["start_ns"]) / 1e9)
        self.process = Process(
            pid=meta["pid"],
            program=meta["program"],
            python=meta["python"],
            started=meta["started"],
            start_ns=meta["start_ns"],
            seconds=last,
            cpu_seconds=cpu[0],
            children_cpu_seconds=cpu[1],
            children=children,
            writing_seconds=writing,
            ended=ended,
            torn_bytes=torn,
        )

    def calls(self, place: int) -> Iterable[Call]:
        names = [function.name for function in self.functions]
        parts = [block for block in self._blocks if block.fields["kind"] == "calls"]
        every = [row for block in parts for row in decode(block.fields["rows"], block.blobs)]
        kept = {row.number for row in every}
        for row in every:
            parent = row.parent if row.parent in kept else 0
            yield Call(names[row.function], place, *row[1:])._replace(parent=parent)

    def totals_of(self, name: str) -> Totals | None:
        """Of a process that was killed: at least what was written of its calls, also behind its last totals."""
        found = self.totals.get(name)
        if self.process.ended:
            return found
        calls, seconds, raised = self._kept.get(name, (0, 0.0, 0))
        if found is None:
            return Totals(calls, seconds, raised, 0, float("nan"))
        return found._replace(
            calls=max(found.calls, calls + found.dropped),
            seconds=max(found.seconds, seconds),
            raised=max(found.raised, raised),
        )

    @functools.cached_property
    def _kept(self) -> dict[str, tuple[int, float, int]]:
        """Calls of each function, their seconds, and those that raised."""
        found: dict[str, tuple[int, float, int]] = {}
        for call in self.calls(0):
            calls, seconds, raised = found.get(call.function, (0, 0.0, 0))
            found[call.function] = calls + 1, seconds + call.duration_ns / 1e9, raised + bool(call.raised)
        return found

    def objects(self) -> Iterable[tuple[str, dict[str, Any]]]:
        for block in self._blocks:
            yield from block.fields.get("objects", ())


def _add(parts: Iterable[Totals | None]) -> Totals:
    there = [part for part in parts if part is not None]
    own = [(part.own_us, part.calls) for part in there if part.own_us == part.own_us]
    weight = sum(calls for _, calls in own)
    return Totals(
        sum(part.calls for part in there),
        sum(part.seconds for part in there),
        sum(part.raised for part in there),
        sum(part.dropped for part in there),
        sum(us * calls for us, calls in own) / weight if weight else float("nan"),
    )


def _objects(parts: list[_Part]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        for name, what in part.objects():
            found.setdefault(name, []).append(what)
    return found
