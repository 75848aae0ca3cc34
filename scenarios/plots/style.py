"""How a contender looks in every picture: a colour and a marker for its family, a line for itself.

A contender belongs to a family by the first word of its name (``grpc-uds``: ``grpc``), so a new one needs no entry
here; one of no family is grey. The colours differ in lightness as much as in hue: they can be told apart in print
without colour and by colour-blind readers, which ``tests/scenarios/plots/test_style.py`` checks in numbers.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib

from contenders.interface import LANES


@dataclasses.dataclass(frozen=True)
class Family:
    """Contenders that share a colour and a marker; where there is room for one, the first of `members`
    stands for all."""

    words: tuple[str, ...]
    """First words of the names that belong to it."""
    colour: str
    marker: str
    members: tuple[str, ...]
    """The known ones in the order of legends."""


FAMILIES = (
    Family(("noop", "direct", "copy"), "#000000", "x", ("direct-codec", "copy", "direct", "noop")),
    Family(("shm",), "#0F59B0", "o", ("shm", "shm-block", "shm-spin", "shm-loan")),
    Family(("iceoryx2",), "#C93272", "P", ("iceoryx2", "iceoryx2-event")),
    Family(
        ("mp", "process", "thread", "interpreters", "callserver", "shared"),
        "#A0992C",
        "<",
        (
            *("mp-pipe", "process-pool", "mp-manager", "thread-pool", "interpreters", "interpreters-event"),
            *("callserver", "shared-memory"),
        ),
    ),
    Family(("asyncio", "http"), "#9478B9", "h", ("asyncio-uds", "asyncio-uds-tuned", "http-uds", "http-uds-stdlib")),
    Family(("zmq", "pynng"), "#00C17C", "D", ("zmq-ipc", "zmq-poll", "zmq-dealer", "zmq-push", "pynng")),
    Family(("grpc",), "#87230D", "^", ("grpc-uds", "grpc-tcp", "grpc-aio")),
    Family(("pyro5", "rpyc"), "#403229", "s", ("pyro5", "pyro5-tuned", "rpyc", "rpyc-tuned")),
)
OTHER = Family((), "#8A8A8A", "v", ())
"""The family of those that have none."""
ALWAYS = ("shm-loan", "shared-memory")
"""Drawn in colour beside the first of their families: what lane ``arrays`` is about."""
BOLD = ("shm", "mp-pipe", "asyncio-uds", "zmq-ipc", "grpc-uds")
"""What most people choose between."""
WITHOUT_IPC = ("noop", "direct")
"""A tenth of a microsecond: on one axis with the others they would cost it a decade."""
MANY = 9
"""More lines than this in one panel cannot be told apart: only some are then in colour."""
_LINES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (7, 1)), (0, (3, 1, 1, 1)), (0, (5, 3)), (0, (3, 3, 1, 3)))

INK, SOFT, QUIET = "#222222", "#555555", "#B8B8B8"
"""Colours of words, of small print and guides, and of lines that only stand behind the others."""
POINTS = 9.0
"""The smallest type, in points at the size a picture is printed."""
SETTINGS = {
    "figure.dpi": 100,
    "font.size": POINTS,
    "axes.titlesize": POINTS + 0.5,
    "axes.labelsize": POINTS,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "scenarios",
}


def family(contender: str) -> Family:
    """The family of a contender, known or not."""
    word = contender.partition("-")[0]
    return next((each for each in FAMILIES if word in each.words), OTHER)


def of(contender: str) -> dict[str, Any]:
    """Keyword arguments of a matplotlib line. All but the first of a family have hollow markers."""
    own = family(contender)
    known = contender in own.members
    place = own.members.index(contender) if known else 1 + zlib.crc32(contender.encode()) % (len(_LINES) - 1)
    hollow = {"markerfacecolor": "white"} if place else {}
    return {"color": own.colour, "marker": own.marker, "linestyle": _LINES[place]} | hollow


def representatives(contenders: Iterable[str]) -> list[str]:
    """The contenders to draw in colour and name: all, or where those are too many the first of each family and, where
    few have one, others in the order given; and :data:`ALWAYS`."""
    names = list(dict.fromkeys(map(str, contenders)))
    if len(names) <= MANY:
        return ordered(names)
    first = [next(name for name in each.members if name in names) for each in FAMILIES if set(each.members) & {*names}]
    first += [name for name in ALWAYS if name in names and name not in first]
    return ordered([*first, *(name for name in names if name not in first)][: max(len(first), len(BOLD))])


def ordered(contenders: Iterable[object]) -> list[str]:
    """Contenders as legends list them: by family, in each the known ones first, then the others by name."""

    def place(name: str) -> tuple[int, int, str]:
        own = family(name)
        members = own.members
        at = FAMILIES.index(own) if own in FAMILIES else len(FAMILIES)
        return at, members.index(name) if name in members else len(members), name

    return sorted(set(map(str, contenders)), key=place)


def lanes(found: Iterable[object]) -> list[str]:
    """Lanes in the order the project names them, then those it does not know."""
    known = [*LANES]
    return sorted(set(map(str, found)), key=lambda lane: (known.index(lane) if lane in known else len(known), lane))


@contextmanager
def applied() -> Iterator[None]:
    """The settings all pictures share."""
    with matplotlib.rc_context(SETTINGS):  # type: ignore[arg-type]  # wants a literal per setting
        yield
