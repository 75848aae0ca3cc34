"""From a recording to passages: how often one module calls another, with how many bytes, and how long it stays there.

The time of a call is its own: what the recorded calls inside it took belongs to the modules they went into. CPU time is
known of some calls of each function, and taken to be the same share of the others, but no more than their own time. Of
a call that comes by way of others, as a task comes by the event loop and a callback by a library, the caller is the
module of the recorded call it is made in.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scenarios.common.errors import RunError, UserError
from shm_rpc_bridge import record
from shm_rpc_bridge.record import Call, Encoded, Recording

OUTSIDE = "(the rest of the program)"
"""Stands for whatever is not of the package that was recorded."""
OBJECT = "called on an object, which would have to live on both sides or be a handle"
MUTATES = "changes its arguments, which the caller would not see"


@dataclasses.dataclass(frozen=True)
class Passage:
    """All calls of one module to one function of another whose messages are about as large."""

    caller: str
    callee: str
    """Modules."""
    function: str
    """``module:qualified.name``."""
    message_bytes: int
    """The larger of request and response of each."""
    is_beside: bool
    """Whether most of that is arrays or bytes, which travel beside the message."""
    calls: int
    total_bytes: int
    """Of both directions of all."""
    own_seconds: float
    """In the callee itself, without the recorded calls it makes."""
    own_cpu_seconds: float
    """Of these, on a CPU."""


@dataclasses.dataclass(frozen=True)
class Program:
    """What is known of a recorded program."""

    seconds: float
    cpu_seconds: float
    """Of all its processes, and in them of everything: what is recorded and what is not."""
    passages: Sequence[Passage]
    reasons: Mapping[str, str]
    """Of functions that cannot simply be called from another process: why."""
    left_out: int
    """Calls that were made and not kept: the others of their functions stand for them."""
    refused: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Functions that could not be recorded, as generators: why. Nothing is known of their calls."""

    @property
    def modules(self) -> list[str]:
        """Of the package, by the CPU time spent in them."""
        own: dict[str, float] = defaultdict(float)
        for passage in self.passages:
            own[passage.callee] += passage.own_cpu_seconds
        return sorted(own, key=lambda module: -own[module])


def read(path: str, *, trust: bool = False) -> Program:
    """What is known of the program of a file. Raises :class:`RunError`, and what :func:`of_recording` raises."""
    try:
        recording = record.read(path, trust=trust)
    except (record.NotARecording, PermissionError) as error:
        raise RunError(str(error)) from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    program = of_recording(recording)
    if not program.passages:
        raise RunError(f"{path} has no call from one module of {recording.settings['package']} into another")
    return program


def of_recording(recording: Recording) -> Program:
    """Raises :class:`UserError` for a recording of single functions: nothing of it says who calls whom."""
    package = recording.settings["package"]
    if not package:
        raise UserError(
            f"{recording.path} is a recording of functions: where to cut is asked of one that was made with "
            "--package NAME instead of --target"
        )
    inside = {name.partition(":")[0] for name in recording.functions}
    # What recording a call has cost is in its caller's time, where that is known.
    recorders_ns = {
        name: round(1000 * each.own_us) if each.own_us > 0 else 0 for name, each in recording.totals.items()
    }
    busy, weight = _busy_shares(recording), _weights(recording)
    children: dict[tuple[int, int], float] = defaultdict(float)
    busy_children: dict[tuple[int, int], float] = defaultdict(float)
    for call in recording.calls:
        if call.parent:
            name = call.function
            children[call.process, call.parent] += weight[name] * (call.duration_ns + recorders_ns[name])
            of_call = call.duration_ns * busy[name] + recorders_ns[name]
            busy_children[call.process, call.parent] += weight[name] * of_call
    modules = {(call.process, call.number): call.function.partition(":")[0] for call in recording.calls}
    found: dict[tuple[str, str, str, int, bool], list[float]] = {}
    typical = _Typical(recording.calls)
    for call in recording.calls:
        sent, answered = typical.of(call, "request"), typical.of(call, "response")
        size, beside = _step(max(sent.bytes, answered.bytes)), max(sent.beside, answered.beside)
        callee = modules[call.process, call.number]
        caller = call.caller if call.caller in inside else modules.get((call.process, call.parent), OUTSIDE)
        key = caller, callee, call.function, size, 2 * beside > size
        sums = found.setdefault(key, [0, 0, 0.0, 0.0])
        place, times = (call.process, call.number), weight[call.function]
        sums[0] += times
        sums[1] += times * (sent.bytes + answered.bytes)
        sums[2] += times * (call.duration_ns - children[place]) / 1e9
        sums[3] += times * (call.duration_ns * busy[call.function] - busy_children[place]) / 1e9
    return Program(
        recording.seconds,
        sum(each.cpu_seconds for each in recording.processes),
        [_passage(key, *sums) for key, sums in found.items()],
        _reasons(recording),
        sum(each.dropped for each in recording.totals.values()),
        {name: function.refused for name, function in recording.functions.items() if function.refused},
    )


def _weights(recording: Recording) -> dict[str, float]:
    """How many calls of each function one that was kept stands for: with a sample, or past the budget, some."""
    kept = Counter(call.function for call in recording.calls)
    return {name: max(1.0, recording.totals[name].calls / count) for name, count in kept.items()}


def _passage(key: tuple[str, str, str, int, bool], calls: float, total: float, own: float, cpu: float) -> Passage:
    """A module is on a CPU for no longer than it runs, whatever shares of few calls say; nothing is below 0."""
    own = max(0.0, own)
    return Passage(*key, round(calls), round(total), own, min(own, max(0.0, cpu)))


def _busy_shares(recording: Recording) -> dict[str, float]:
    """Of each function; all of its time where that was not looked at."""
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in recording.calls:
        calls[call.function].append(call)
    shares = {name: record.busy_share(each) for name, each in calls.items()}
    return {name: 1.0 if math.isnan(share) else share for name, share in shares.items()}


class _Size(NamedTuple):
    """Of what goes one way: all, and of that bytes and arrays."""

    bytes: int
    beside: int


class _Typical:
    """Sizes of the calls of each function: of one that was not looked at, the mean of the others, which adds up."""

    def __init__(self, calls: Sequence[Call]) -> None:
        known: dict[tuple[str, str], list[_Size]] = defaultdict(list)
        for call in calls:
            for side in ("request", "response"):
                if (size := _size(getattr(call, side))) is not None:
                    known[call.function, side].append(size)
        self._usual = {
            key: _Size(*(round(statistics.fmean(each)) for each in zip(*sizes, strict=True)))
            for key, sizes in known.items()
        }

    def of(self, call: Call, side: str) -> _Size:
        return _size(getattr(call, side)) or self._usual.get((call.function, side), _Size(0, 0))


def _size(encoded: Encoded | None) -> _Size | None:
    """None where that was not looked at."""
    if encoded is None:
        return _Size(0, 0)
    if encoded.json_bytes >= 0:
        return _Size(encoded.json_bytes + encoded.beside_bytes, encoded.beside_bytes)
    if encoded.json_bytes == -1 and encoded.pickle_bytes < 0:
        return None
    return _Size(max(encoded.pickle_bytes, encoded.beside_bytes, 0), encoded.beside_bytes)


def _step(size: int) -> int:
    """Two digits of it: messages of about one size cost the same."""
    step: int = 10 ** max(0, len(str(size)) - 2)
    return -(-size // step) * step


def _reasons(recording: Recording) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for call in recording.calls:
        for encoded in (call.request, call.response):
            if encoded is not None and record.NOT_PICKLED in encoded.shape:
                reasons[call.function] = encoded.shape[encoded.shape.index(record.NOT_PICKLED) :]
        if call.mutated:
            reasons.setdefault(call.function, MUTATES)
    for name, function in recording.functions.items():
        if function.kind == "method" and recording.totals[name].calls:
            reasons.setdefault(name, OBJECT)
    return reasons
