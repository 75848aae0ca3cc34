"""What a server has counted, as it stands in its control segment, where anybody of its user can read it. Pure.

The server writes its figures there twice a second, while it looks after its channels: nothing of it is on a call's way.
A client whose call takes longer than a tenth of a second notes that itself, so that what runs is seen even where the
server is stuck in it. See :mod:`.layout` for where each byte is.
"""

import json
import re
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from . import layout

BUCKETS = 32
"""Of a histogram: the first counts calls of less than 128 ns, each further one those of up to twice as long."""
_FIRST_BITS = 7
OTHERS = "(others)"
"""Where calls of unknown methods, of objects' methods, and of methods for which there is no room are counted."""

# What a client notes of a call that it waits for.
NOT_WAITING, UNTAKEN, TAKEN, AWAITED = 0, 1, 2, 3


class Waiting(NamedTuple):
    """A call of which a client has no answer after a tenth of a second; or several, of an event loop."""

    process: int
    """The client's."""
    seconds: float
    """For which it has waited."""
    method: str
    """Its beginning; "" where that is not known."""
    is_taken: bool
    """Whether the server has taken the request: then it runs, or is the next to run. Of an event loop's: True."""
    calls: int
    """How many have no answer: 1, or more of an event loop."""


class MethodStatistics(NamedTuple):
    """Calls of one method, as the server has timed them: from the request in its hand to the response encoded."""

    calls: int
    failed: int
    seconds: float
    """All calls together."""
    longest: float
    """Seconds."""
    bytes_received: int
    bytes_sent: int
    histogram: Tuple[int, ...]
    """Calls by duration: less than 128 ns, less than 256 ns, and so on; the last holds all that are longer."""

    def at_most(self, share: float) -> float:
        """Seconds that this share of the calls took at most: the upper end of a bucket; 0.0 without calls."""
        wanted, seen = share * sum(self.histogram), 0
        for bucket, count in enumerate(self.histogram):
            seen += count
            if count and seen >= wanted:
                return min(float(1 << (bucket + _FIRST_BITS)) / 1e9, self.longest)
        return 0.0


class Statistics(NamedTuple):
    """Of one server since it has its name."""

    seconds: float
    """For which it has had it."""
    age: float
    """Seconds since the server has written these figures: half a second, or longer while it is in a method."""
    answered: int
    """Calls; a batch counts as one."""
    failed: int
    """Answers that are no results, of batches each."""
    slept: int
    """Waits for a request that ended asleep: woken by the system, after looking in vain."""
    channels: int
    """Open now."""
    opened: int
    """All that were, those of clients that came back included."""
    refused: int
    """Of them, closed by the server: their clients were damaged, or took no answers."""
    memory: int
    """Bytes that the buffers of those that are open have in shared memory."""
    timeouts: int
    """Calls that their clients have given up, ..."""
    late: int
    """... and of these, the ones that the server had taken by then: their answers were nobody's."""
    waiting: List[Waiting]
    """What runs or waits right now, the longest first."""
    methods: Dict[str, MethodStatistics]
    """By name, if the server was made with ``statistics=True``."""


class Totals(NamedTuple):
    """As they are written, times in ns of CLOCK_MONOTONIC."""

    written: int
    began: int
    answered: int
    failed: int
    slept: int
    opened: int
    refused: int
    timeouts: int
    late: int


_MOST = 2**64 - 1

Figures = List[int]
"""Of one method: calls, failed, ns, longest ns, bytes received, bytes sent, and the buckets."""
LONGEST = 3


def no_figures() -> Figures:
    return [0] * (6 + BUCKETS)


def bucket_of(ns: int) -> int:
    """The place of a duration in the histogram."""
    return min(BUCKETS - 1, (ns >> _FIRST_BITS).bit_length())


def added(figures: Iterable[Figures]) -> Figures:
    """The figures of several functions, added up."""
    total = no_figures()
    for each in figures:
        longest = max(total[LONGEST], each[LONGEST])
        total = [one + other for one, other in zip(total, each)]
        total[LONGEST] = longest
    return total


def merged(them: Iterable[Dict[str, Figures]]) -> Dict[str, Figures]:
    """The figures of each method, of several as of one."""
    found: Dict[str, Figures] = {}
    for each in them:
        for method, figures in each.items():
            found[method] = added([found[method], figures]) if method in found else list(figures)
    return found


def write_totals(memory: Any, max_channels: int, totals: Totals) -> None:
    written = (each & _MOST for each in totals)  # of numbers that clients have written, too
    layout.TOTALS.pack_into(memory, layout.totals_offset(max_channels), *written)


def write_methods(memory: Any, max_channels: int, room: int, methods: Dict[str, Figures]) -> None:
    """As many as there is `room` for, in the order of their names; the rest together."""
    if len(methods) > room:
        names = sorted(name for name in methods if name != OTHERS)
        rest = [methods[name] for name in methods if name not in names[: room - 1]]
        methods = {**{name: methods[name] for name in names[: room - 1]}, OTHERS: added(rest)}
    for number, name in enumerate(sorted(methods)):
        calls, failed, ns, longest, received, sent, *buckets = methods[name]
        record = _shortened(name), calls, failed, ns, longest, received, sent, *(each & 0xFFFFFFFF for each in buckets)
        layout.METHOD.pack_into(memory, layout.method_offset(max_channels, number), *record)


def _shortened(name: str) -> bytes:
    return name.encode(errors="replace")[: layout.METHOD_NAME_SIZE]


def read(memory: Any, max_channels: int, room: int, codec: str, now: int) -> Statistics:
    """Read a control segment at `now`, ns of CLOCK_MONOTONIC. Never raises for its content, damaged or not."""
    totals = Totals(*layout.TOTALS.unpack_from(memory, layout.totals_offset(max_channels)))
    states = memory[layout.CONTROL_HEADER_SIZE : layout.CONTROL_HEADER_SIZE + max_channels]
    return Statistics(
        _seconds(now - totals.began),
        _seconds(now - totals.written),
        totals.answered,
        totals.failed,
        totals.slept,
        sum(state == layout.SLOT_SERVED for state in states),
        totals.opened,
        totals.refused,
        memory_in_use(memory, max_channels),
        totals.timeouts,
        totals.late,
        _waiting(memory, max_channels, codec, now),
        _methods(memory, max_channels, room),
    )


def memory_in_use(memory: Any, max_channels: int) -> int:
    """Bytes that the regions of all channels have together."""
    first, end = (layout.memory_offset(max_channels, slot) for slot in (0, max_channels))
    return sum(size for (size,) in layout.MEMORY.iter_unpack(memory[first:end]))


def read_figures(memory: Any, max_channels: int, room: int) -> Tuple[int, Dict[str, Figures]]:
    """Of what stands there what can be added to others' figures: failed answers, and each method's."""
    totals = Totals(*layout.TOTALS.unpack_from(memory, layout.totals_offset(max_channels)))
    return totals.failed, {name: list(figures) for name, *figures in _records(memory, max_channels, room)}


def _seconds(ns: int) -> float:
    return max(0, ns) / 1e9


def _methods(memory: Any, max_channels: int, room: int) -> Dict[str, MethodStatistics]:
    found = {}
    for name, calls, failed, ns, longest, received, sent, *buckets in _records(memory, max_channels, room):
        found[name] = MethodStatistics(calls, failed, ns / 1e9, longest / 1e9, received, sent, tuple(buckets))
    return found


def _records(memory: Any, max_channels: int, room: int) -> Iterator[List[Any]]:
    """The name and the figures of each method that was called."""
    for number in range(room):
        name, *figures = layout.METHOD.unpack_from(memory, layout.method_offset(max_channels, number))
        if figures[0]:
            yield [printable(name.rstrip(b"\0").decode(errors="replace")), *figures]


def _waiting(memory: Any, max_channels: int, codec: str, now: int) -> List[Waiting]:
    found = []
    for slot in range(max_channels):
        offset = layout.wait_offset(max_channels, slot)
        since, process, _, _, state, size, beginning = layout.WAIT.unpack_from(memory, offset)
        if state not in (UNTAKEN, TAKEN, AWAITED):
            continue
        beginning = beginning[:size]
        if state == AWAITED:
            count = int(beginning) if beginning.isdigit() else 1
            found.append(Waiting(process, _seconds(now - since), "", True, count))
        else:
            method = printable(method_in(codec, beginning))
            found.append(Waiting(process, _seconds(now - since), method, state == TAKEN, 1))
    return sorted(found, key=lambda each: -each.seconds)


def printable(text: str) -> str:
    """With "?" for what a terminal might take for more than text."""
    return "".join(each if each.isprintable() else "?" for each in text)


def method_in(codec: str, beginning: bytes) -> str:
    """The method that a request with this beginning calls, or what of its name is there; "" where that is not known."""
    if codec in ("json", "json+types"):
        match = re.match(rb'\["((?:[^"\\]|\\.)*)("?)', beginning)
        if match is None:
            return ""
        try:
            return str(json.loads(b'"' + match[1] + b'"')) + ("" if match[2] else "...")
        except ValueError:
            return ""
    sized = _SIZED.get(codec)
    found = sized(beginning) if sized is not None else None
    if found is None:
        return ""
    size, start = found
    text = beginning[start : start + size].decode(errors="replace")
    return text if start + size <= len(beginning) else f"{text}..."


def _in_msgpack(beginning: bytes) -> Optional[Tuple[int, int]]:
    """Size and start of the first element, a text, of an array."""
    if len(beginning) < 3 or beginning[0] & 0xF0 != 0x90:
        return None
    kind = beginning[1]
    if kind & 0xE0 == 0xA0:
        return kind & 0x1F, 2
    if kind == 0xD9:
        return beginning[2], 3
    return None


def _in_pickle(beginning: bytes) -> Optional[Tuple[int, int]]:
    """Likewise of a pickle of protocol 5, whose frame begins with a text, or with the mark of a long tuple before."""
    if beginning[:3] != b"\x80\x05\x95":
        return None
    start = 12 if beginning[11:12] == b"(" else 11
    if beginning[start : start + 1] != b"\x8c" or len(beginning) < start + 2:
        return None
    return beginning[start + 1], start + 2


_SIZED: Dict[str, Callable[[bytes], Optional[Tuple[int, int]]]] = {"msgpack": _in_msgpack, "pickle": _in_pickle}
