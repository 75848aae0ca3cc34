"""A figure as it is printed: six and a quarter inches wide, 600 pixels on a screen, no type under nine points.

Its parts are a title, the panels, a legend where lines are not named at their ends, and a strip of small print.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from scenarios.common.units import size
from scenarios.plots import style

WIDTH_INCHES = 6.25
PIXELS_PER_INCH = 192
"""Of the PNG: twice as many as the 600 pixels it is shown at."""
LINE_INCHES, LEGEND_LINE_INCHES = 0.17, 0.22
LETTERS = 92
"""Characters that fit into a line of small print."""
LETTER_INCHES, HANDLE_INCHES = 0.083, 0.62
"""A column of a legend is a line and a name wide."""
_UNBROKEN = "\N{NO-BREAK SPACE}"


class Sheet:
    """A figure in the making. `panels` is to be drawn on; then come :meth:`finish` and, for what needs to know where
    things came to stand, functions left with :meth:`afterwards`."""

    def __init__(self, title: str, height_inches: float) -> None:
        self.title = title
        self._height = height_inches
        self._notes: list[str] = []
        self._afterwards: list[Callable[[], None]] = []
        self.figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        FigureCanvasAgg(self.figure)
        # Room for the small print is made when all of it is known.
        self._grid = self.figure.add_gridspec(2, 1)
        self.panels, self._strip = (self.figure.add_subfigure(self._grid[row]) for row in range(2))
        self.panels.suptitle(title, fontsize=11.5, fontweight="bold", x=0.012, ha="left")

    def note(self, text: str) -> None:
        """A sentence of small print below the panels."""
        self._notes.append(text)

    def legend(self, handles: Sequence[Artist]) -> None:
        """Below the panels; the figure grows by its height."""
        longest = max(len(str(each.get_label())) for each in handles)
        columns = max(1, min(len(handles), int(WIDTH_INCHES / (longest * LETTER_INCHES + HANDLE_INCHES))))
        self.panels.legend(
            handles=handles, loc="outside lower center", ncols=columns, handlelength=2.8, columnspacing=1.2
        )
        self._height += math.ceil(len(handles) / columns) * LEGEND_LINE_INCHES

    def afterwards(self, step: Callable[[], None]) -> None:
        """Have something done once everything has its place."""
        self._afterwards.append(step)

    def finish(self, about: str = "") -> Sheet:
        """Add the small print (`about`: where and with what the data was taken), and let everything take its place."""
        lines = [line for text in self._notes for line in textwrap.wrap(text, LETTERS)]
        # A line ends between two facts and not within one.
        whole = about.replace(" ", _UNBROKEN).replace(f"{_UNBROKEN}·{_UNBROKEN}", " · ")
        lines += [line.strip(" ·") for line in textwrap.wrap(whole, LETTERS, break_on_hyphens=False)]
        strip = LINE_INCHES * len(lines) + 0.06
        self.figure.set_figheight(self._height + strip)
        self._grid.set_height_ratios((self._height, strip))
        small = {"fontsize": style.POINTS, "color": style.SOFT, "linespacing": 1.25}
        self._strip.text(0.012, 0.98, "\n".join(lines), va="top", **small)  # type: ignore[arg-type]
        self.figure.draw_without_rendering()
        # None, and not "none", for which matplotlib draws everything once more before it saves.
        self.figure.set_layout_engine(None)
        for step in self._afterwards:
            step()
        return self

    def png(self) -> bytes:
        """The same bytes for the same data: neither a date nor a program's version is in them."""
        return self._saved("png", {"Software": None})

    def svg(self) -> bytes:
        """As :meth:`png`."""
        return self._saved("svg", {"Date": None, "Creator": None})

    def _saved(self, kind: str, metadata: dict[str, None]) -> bytes:
        drawn = io.BytesIO()
        with style.applied():
            self.figure.savefig(drawn, format=kind, dpi=PIXELS_PER_INCH, metadata=metadata)
        return drawn.getvalue()


def handles(contenders: Iterable[str]) -> list[Line2D]:
    """A legend's entries."""
    return [Line2D([], [], label=name, **style.of(name)) for name in contenders]


def plain_numbers(axis: Axis) -> None:
    """1, 10, 1k, 10k in place of powers of ten: neighbours on an axis must not touch."""
    _log(axis, thousands)


def times(axis: Axis) -> None:
    """Microseconds, from 1 µs to 10 s."""
    _log(axis, time)


def payloads(axes: Axes, sizes: Sequence[float]) -> None:
    """Payload sizes along x, those that have room for a label: a factor of 6 apart, the last always.

    Not autoscaled: the last label is to stand at the edge.
    """
    margin = (sizes[-1] / sizes[0]) ** 0.04 if len(sizes) > 1 else 2.0
    axes.set_xscale("log")
    axes.set_xlim(sizes[0] / margin, sizes[-1] * margin)
    kept: list[float] = []
    for value in reversed(sizes):
        if not kept or kept[-1] / value >= 6:
            kept.append(value)
    ticks_at(axes.xaxis, kept[::-1], size)
    axes.set_xlabel("payload")


def ticks_at(axis: Axis, values: Sequence[float], text: Callable[[float], str]) -> None:
    """Labels at these values and nowhere else."""
    axis.set_major_locator(FixedLocator([float(each) for each in values]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))


def thousands(value: float) -> str:
    """500, 1k, 20k."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def time(us: float) -> str:
    """A tick's time in its largest unit: 1 µs, 20 ms, 3 s."""
    for unit, of_us in (("s", 1e6), ("ms", 1e3), ("µs", 1.0)):
        if us >= of_us:
            return f"{us / of_us:g} {unit}"
    return f"{us * 1000:g} ns"


def _log(axis: Axis, text: Callable[[float], str]) -> None:
    """Labels at powers of ten, and at 2 and 5 as well where there are few of those."""
    low, high = axis.get_view_interval()
    steps = (1.0,) if low <= 0 or np.log10(high / low) > 3 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(10, subs=steps, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.set_minor_formatter(NullFormatter())
