"""How a contender looks in every picture: one colour, one marker, one line, the same in all runs.

Contenders come in families (shared memory, gRPC, ZeroMQ and its kin, ...): a line style each, and for their members
markers that nobody else has, so that a picture printed in grey still can be read. Colours are those of Okabe and Ito
(Color Universal Design, 2008), told apart by colour-blind readers, and shades of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib

_BLACK, _ORANGE, _SKY, _GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
_BLUE, _RED, _PINK, _GREY = "#0072B2", "#D55E00", "#CC79A7", "#777777"
# Darker and lighter kin of those, for families of more than two.
_NAVY, _MAROON, _PLUM, _FOREST, _LIME, _TEAL = "#08306B", "#7F2704", "#7A3B69", "#00523B", "#74C476", "#5AA9A0"
_BRICK, _INDIGO, _INK, _ASH = "#F4845F", "#8073AC", "#222222", "#BBBBBB"
_OLIVE, _KHAKI, _VIOLET, _LILAC, _SLATE, _SILVER = "#7F6A00", "#BFA730", "#54278F", "#9E9AC8", "#444444", "#999999"
_CYAN, _SAND = "#0BB4C9", "#A58B5B"

# A line per family, a marker and a shade per member.
_DIRECT, _SHM, _GRPC, _ZMQ = (0, (1, 1)), "-", "--", "-."
_ICEORYX, _MULTIPROCESSING, _ASYNCIO, _OBJECTS = (0, (7, 1)), (0, (3, 1, 1, 1)), ":", (0, (4, 1, 1, 1, 1, 1))

_STYLES: dict[str, tuple[str, str, Any]] = {
    "noop": (_GREY, ".", _DIRECT),
    "direct": (_BLACK, "+", _DIRECT),
    "direct-codec": (_BLACK, "x", _DIRECT),
    "shm": (_BLUE, "o", _SHM),
    "shm-block": (_SKY, "s", _SHM),
    "shm-spin": (_NAVY, "*", _SHM),
    "shm-msgpack": (_CYAN, "$m$", _SHM),
    "iceoryx2": (_PINK, "P", _ICEORYX),
    "iceoryx2-event": (_PLUM, "X", _ICEORYX),
    "grpc-uds": (_RED, "^", _GRPC),
    "grpc-uds-tuned": (_BRICK, "$T$", _GRPC),
    "grpc-tcp": (_ORANGE, "v", _GRPC),
    "grpc-aio": (_MAROON, "2", _GRPC),
    "zmq-ipc": (_GREEN, "D", _ZMQ),
    "zmq-poll": (_FOREST, "d", _ZMQ),
    "zmq-dealer": (_LIME, "p", _ZMQ),
    "pynng": (_TEAL, "h", _ZMQ),
    "mp-pipe": (_OLIVE, "<", _MULTIPROCESSING),
    "mp-manager": (_SAND, "$M$", _MULTIPROCESSING),
    "process-pool": (_KHAKI, ">", _MULTIPROCESSING),
    "asyncio-uds": (_VIOLET, "8", _ASYNCIO),
    "asyncio-uds-tuned": (_INDIGO, "$t$", _ASYNCIO),
    "http-uds": (_LILAC, "1", _ASYNCIO),
    "pyro5": (_SLATE, "3", _OBJECTS),
    "pyro5-tuned": (_INK, "$p$", _OBJECTS),
    "rpyc": (_SILVER, "4", _OBJECTS),
    "rpyc-tuned": (_ASH, "$r$", _OBJECTS),
}
# For those of other packages: a line no family has.
_COLOURS = (_PINK, _GREEN, _ORANGE, _BLUE, _RED, _SKY)
_MARKERS = ("H", "|", "$o$", "$x$", "$*$", "$+$")
_LINES: tuple[Any, ...] = ((0, (5, 3)), (0, (3, 3, 1, 3)), (0, (1, 3)))

ORDER = tuple(_STYLES)

SETTINGS = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#d8d8d8",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "scenarios",
}


def of(contender: str) -> dict[str, Any]:
    """Keyword arguments of a matplotlib line. A name not known here gets a look that depends on it alone."""
    number = zlib.crc32(contender.encode())
    colour, marker, line = _STYLES.get(
        contender,
        (
            _COLOURS[number % len(_COLOURS)],
            _MARKERS[number // 7 % len(_MARKERS)],
            _LINES[number // 77 % len(_LINES)],
        ),
    )
    return {"color": colour, "marker": marker, "linestyle": line}


def ordered(contenders: object) -> list[str]:
    """Contenders as legends list them: the known ones first, in their order, then the others by name."""
    names = sorted(set(map(str, contenders)))  # type: ignore[call-overload]
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


@contextmanager
def applied() -> Iterator[None]:
    """The settings all pictures share."""
    with matplotlib.rc_context(SETTINGS):  # type: ignore[arg-type]  # wants a literal per setting
        yield
