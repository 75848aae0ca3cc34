"""How a contender looks in every picture: one colour, one marker, one line, the same in all runs.

Colours are those of Okabe and Ito (Color Universal Design, 2008), told apart by colour-blind readers; markers
and lines differ as well, so that a picture printed in grey still can be read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib

_BLACK, _ORANGE, _SKY, _GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
_YELLOW, _BLUE, _RED, _PINK = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
_GREY = "#777777"

_STYLES: dict[str, tuple[str, str, Any]] = {
    "noop": (_GREY, ".", ":"),
    "direct": (_BLACK, "+", (0, (1, 1))),
    "direct-codec": (_BLACK, "x", "--"),
    "shm": (_BLUE, "o", "-"),
    "shm-block": (_SKY, "s", "--"),
    "grpc-uds": (_RED, "^", "-"),
    "grpc-tcp": (_ORANGE, "v", "--"),
    "zmq-ipc": (_GREEN, "D", "-."),
}
_COLOURS = (_PINK, _GREEN, _ORANGE, _BLUE, _RED, _SKY)
_MARKERS = ("P", "X", "h", "*", "p", "8", "<", ">", "d")
_LINES: tuple[Any, ...] = ("-.", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 3)))

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
