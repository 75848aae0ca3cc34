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
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from scenarios.common.errors import RunError, UserError
from shm_rpc_bridge import record
from shm_rpc_bridge.record import Call, Encoded, Recording, Totals

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
    modules = {(call.process, call.number): call.function.partition(":")[0] for call in recording.calls}
    found: dict[_Key, _Sums] = defaultdict(_Sums)
    typical, busy, weights = _Typical(recording.calls), _busy_shares(recording), _weights(recording)
    for call in recording.calls:
        sent, answered = typical.of(call, "request"), typical.of(call, "response")
        size, beside = _step(max(sent.bytes, answered.bytes)), max(sent.beside, answered.beside)
        callee = modules[call.process, call.number]
        caller = call.caller if call.caller in inside else modules.get((call.process, call.parent), OUTSIDE)
        sums, weight = found[caller, callee, call.function, size, 2 * beside > size], weights[call.function]
        sums.calls += weight.calls
        sums.bytes += weight.calls * (sent.bytes + answered.bytes)
        sums.seconds += weight.seconds * call.duration_ns / 1e9
        sums.cpu_seconds += weight.seconds * call.duration_ns * busy[call.function] / 1e9
        sums.recorders_seconds += weight.calls * weight.recorders_us / 1e6
    return Program(
        recording.seconds,
        sum(each.cpu_seconds - each.writing_seconds for each in recording.processes),
        list(_passages(found)),
        _reasons(recording),
        sum(each.dropped for each in recording.totals.values()),
        {name: function.refused for name, function in recording.functions.items() if function.refused},
    )


_Key = tuple[str, str, str, int, bool]
"""The first fields of a passage."""


@dataclasses.dataclass
class _Sums:
    """Of the calls of one passage."""

    calls: float = 0.0
    bytes: float = 0.0
    seconds: float = 0.0
    """What they make themselves included."""
    cpu_seconds: float = 0.0
    recorders_seconds: float = 0.0
    """What recording them has taken, which is in their caller's time."""


class _Weight(NamedTuple):
    """What one call that was kept stands for: of a sample, or past the budget, there were others."""

    calls: float
    seconds: float
    """Times its own."""
    recorders_us: float
    """What recording one call has taken, where that is known."""


def _weights(recording: Recording) -> dict[str, _Weight]:
    kept, took = Counter[str](), Counter[str]()
    for call in recording.calls:
        kept[call.function] += 1
        took[call.function] += call.duration_ns
    return {name: _weight(recording.totals[name], calls, took[name] / 1e9) for name, calls in kept.items()}


def _weight(totals: Totals, kept: int, took_seconds: float) -> _Weight:
    times = max(1.0, totals.calls / kept)
    seconds = totals.seconds / took_seconds if times > 1 and took_seconds else times
    return _Weight(times, seconds, totals.own_us if totals.own_us > 0 else 0.0)


def _passages(found: Mapping[_Key, _Sums]) -> Iterator[Passage]:
    """A module's own time is that of its calls, less that of those which it makes; of each passage an equal share.

    A module is on a CPU for no longer than it runs, whatever shares of few calls say; nothing is below 0.
    """
    own, own_cpu = _own(found, "seconds"), _own(found, "cpu_seconds")
    calls, total = defaultdict[str, float](float), 0.0
    for key, sums in found.items():
        _, callee, function, *_ = key
        before, begun = round(calls[function]), round(total)
        calls[function] += sums.calls
        total += sums.bytes
        seconds = own[callee] * sums.seconds
        cpu_seconds = min(seconds, own_cpu[callee] * sums.cpu_seconds)
        # Rounded so that they add up.
        yield Passage(*key, round(calls[function]) - before, round(total) - begun, seconds, cpu_seconds)


def _own(found: Mapping[_Key, _Sums], name: str) -> dict[str, float]:
    """Of each module the share of its calls' time that is its own."""
    whole, inside = defaultdict[str, float](float), defaultdict[str, float](float)
    for (caller, callee, *_), sums in found.items():
        whole[callee] += getattr(sums, name)
        inside[caller] += getattr(sums, name) + sums.recorders_seconds
    return {module: max(0.0, 1 - inside[module] / each) if each else 0.0 for module, each in whole.items()}


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
            if encoded is not None and encoded.refused:
                reasons[call.function] = encoded.refused
        if call.mutated:
            reasons.setdefault(call.function, MUTATES)
    for name, function in recording.functions.items():
        if function.kind == "method" and recording.totals[name].calls:
            reasons.setdefault(name, OBJECT)
    return reasons
