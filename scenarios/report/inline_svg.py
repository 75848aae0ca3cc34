"""A run's plots, made fit to stand together in one page.

matplotlib writes each SVG as a document of its own: its ids repeat from file to file, and its style sheet would be
the whole page's. Here every id gets a prefix, and what only a document needs goes.
"""

from __future__ import annotations

import dataclasses
import html
import re
from pathlib import Path

from markupsafe import Markup, escape

LARGEST_BYTES = 3_500_000
"""Of all plots of a page together: it is to open at once, also from a mail."""
FIRST = ("first", "latency", "cost")
"""What the names of the most general begin with."""
ACTIVE = re.compile(r"<script|<foreignObject|\son\w+\s*=|javascript:", re.IGNORECASE)
"""What could run. matplotlib writes none of it; a file that has some is not matplotlib's."""


@dataclasses.dataclass(frozen=True)
class InlinePlot:
    """A plot as part of a page."""

    name: str
    title: str
    svg: Markup


def inlined(folder: Path) -> tuple[list[InlinePlot], list[str]]:
    """The SVGs in `folder`, the most general first, and the names of those left out for their size."""
    names = sorted(
        (path.stem for path in folder.glob("*.svg")),
        key=lambda name: (next((i for i, each in enumerate(FIRST) if name.startswith(each)), len(FIRST)), name),
    )
    plots: list[InlinePlot] = []
    left_out: list[str] = []
    room = LARGEST_BYTES
    for name in names:
        svg = fit((folder / f"{name}.svg").read_text(encoding="utf-8"), name)
        if len(svg) > room or ACTIVE.search(svg):
            left_out.append(name)
            continue
        room -= len(svg)
        plots.append(InlinePlot(name, _title(svg) or name, Markup(svg)))
    return plots, left_out


def fit(svg: str, name: str) -> str:
    """One of matplotlib's SVGs as an element of a page, its ids made unique with `name`."""
    svg = svg[svg.index("<svg") :]
    for unneeded in (r"<metadata>.*?</metadata>", r"<style\b.*?</style>", r"<!--.*?-->"):
        svg = re.sub(unneeded, "", svg, flags=re.DOTALL)
    prefix = re.sub(r"\W", "-", name)
    svg = re.sub(r'(?<=\sid=")', f"{prefix}-", svg)
    svg = re.sub(r'(?<=href="#)|(?<=url\(#)', f"{prefix}-", svg)
    # The same list of fonts with every word of it: the page says it once.
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    svg = re.sub(r">\s+<", "><", svg)
    svg = re.sub(r"\s*\n\s*", " ", svg)
    # The file's own width and height are in points; on the page its box decides.
    head, rest = svg.split(">", 1)
    width = re.search(r'\swidth="([\d.]+)pt"', head)
    head = re.sub(r'\s(?:width|height)="[^"]*"', "", head)
    natural = f' style="width:{float(width[1]) * 4 / 3:.0f}px"' if width else ""
    return f'{head} role="img" aria-label="{escape(_title(svg) or name)}"{natural}>{rest}'


def _title(svg: str) -> str:
    """The figure's title: the first of the texts in the largest type."""
    texts = re.findall(r'<text[^>]*style="(?:font-weight: \d+; )?font(?:-size)?: ([\d.]+)px[^>]*>([^<]+)</text>', svg)
    return html.unescape(max(texts, key=lambda found: float(found[0]))[1]) if texts else ""
