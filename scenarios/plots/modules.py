"""The picture of where to cut a program: its modules around a circle, and the calls from each to the others.

Modules that are cheaper together stand side by side. An arrow goes from who calls to who is called; what the best cuts
move, and what crosses their borders, is in their colours.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from scenarios.common.units import size
from scenarios.plots import names, style
from scenarios.plots.names import Name
from scenarios.plots.sheet import Sheet

Found = Mapping[str, Any]
Point = tuple[float, float]

MOST, DRAWN, LABELLED = 14, 24, 8
"""Modules, those that compute most and have most calls; and arrows, and those of them that have numbers: what crosses
the border of a cut before the others, and most calls first."""
COLOURS = ("#0F59B0", "#C93272", "#00915C")
"""Of the cuts, in their order."""
HEIGHT_INCHES = 4.6
ACROSS, UP = 2.0, 1.3
"""Half of the panel, in radii of the circle: names stand beside it."""
BEND = 0.14
LEAST_AREA, MOST_AREA = 30.0, 250.0
"""Of a module's circle, square points."""
CLEAR = 2.5
"""Points around a name that no number stands on."""
LONG = 18
"""Letters of a name: one that is longer is broken behind a dot, an underline or a blank."""
OTHERS = "(other modules)"


def sheet(found: Found, about: str = "") -> Sheet:
    """Of a ``cuts.json``."""
    edges, shown = _edges(found)
    places = _places(_around(found, shown))
    colours = {module: colour for cut, colour in zip(found["cuts"], COLOURS, strict=False) for module in cut["modules"]}
    prefix = _prefix([module for module in shown if not module.startswith("(")])
    with style.applied():
        drawn = Sheet("What would cross between modules", HEIGHT_INCHES)
        axes = drawn.panels.subplots()
        axes.set_axis_off()
        axes.set(xticks=[], yticks=[])
        axes.set_xlim(-ACROSS, ACROSS)
        axes.set_ylim(-UP, UP)
        axes.set_aspect("equal")
        _nodes(axes, found, places, colours, prefix)
        first = sorted(edges.items(), key=lambda edge: _colour(edge[0][0], edge[0][1], colours) == style.SOFT)[:DRAWN]
        _arrows(axes, dict(first), places, colours)
        labels = [
            Name(f"{calls:,}, {size(sent)}", *_middle(places[caller], places[callee]), _colour(caller, callee, colours))
            for (caller, callee), (calls, sent) in first[:LABELLED]
        ]
        reach = math.sqrt(MOST_AREA / math.pi) + 1
        names.around(drawn, axes, labels, [(place, reach) for place in places.values()], clear=CLEAR)
        if handles := _handles(found, prefix):
            drawn.legend(handles)
        drawn.note(_words(found, edges, shown, prefix))
        return drawn.finish(about)


def _edges(found: Found) -> tuple[dict[tuple[str, str], tuple[int, int]], list[str]]:
    """Calls and bytes from each module to each other, most calls first; and the modules, (the rest) among them."""
    busy = [cut["modules"][0] for cut in found["modules"]]
    calls: Counter[str] = Counter()
    for each in found["crossings"]:
        calls[each["caller"]] += each["calls"]
        calls[each["callee"]] += each["calls"]
    often = [module for module, _ in calls.most_common() if module in busy]
    ranked = sorted(busy, key=lambda module: busy.index(module) + often.index(module))
    kept = set(busy if len(busy) <= MOST else ranked[: MOST - 1])
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for each in found["crossings"]:
        ends = [each[end] if each[end] in kept or each[end] not in busy else OTHERS for end in ("caller", "callee")]
        if ends[0] != ends[1]:
            before = sums.get((ends[0], ends[1]), (0, 0))
            sums[ends[0], ends[1]] = before[0] + each["calls"], before[1] + each["bytes"]
    edges = dict(sorted(sums.items(), key=lambda edge: -edge[1][0]))
    return edges, [*(module for module in busy if module in kept), *({end for edge in edges for end in edge} - kept)]


def _around(found: Found, shown: Sequence[str]) -> list[str]:
    """The modules in the order of the circle: groups that are cheaper together side by side."""
    blocks = {module: [module] for module in shown}
    for group in sorted(found["groups"], key=lambda each: len(each["modules"])):
        parts = list({id(blocks[module]): blocks[module] for module in group["modules"] if module in blocks}.values())
        joined = [module for part in parts for module in part]
        blocks |= dict.fromkeys(joined, joined)
    unique = {id(block): block for block in blocks.values()}
    return [module for block in unique.values() for module in block]


def _places(modules: Sequence[str]) -> dict[str, Point]:
    turns = [math.tau * (0.25 - place / len(modules)) for place in range(len(modules))]
    return {module: (math.cos(turn), math.sin(turn)) for module, turn in zip(modules, turns, strict=True)}


def _nodes(axes: Axes, found: Found, places: Mapping[str, Point], colours: Mapping[str, str], prefix: str) -> None:
    busy = {cut["modules"][0]: cut["moved_cpu_seconds"] for cut in found["modules"]}
    most = max(busy.values(), default=0.0) or 1.0
    for module, (x, y) in places.items():
        area = LEAST_AREA + (MOST_AREA - LEAST_AREA) * busy.get(module, 0.0) / most
        colour = colours.get(module, style.SOFT)
        fill = "white" if module.startswith("(") else colour
        axes.scatter([x], [y], s=area, color=fill, edgecolors=colour, zorder=3)
        across = "center" if abs(x) < 0.05 else "left" if x > 0 else "right"
        up = "center" if abs(y) < 0.9 else "bottom" if y > 0 else "top"
        away = 1.11
        axes.text(x * away, y * away, _broken(module.removeprefix(prefix)), ha=across, va=up, fontsize=style.POINTS)


def _arrows(
    axes: Axes,
    edges: Mapping[tuple[str, str], tuple[int, int]],
    places: Mapping[str, Point],
    colours: Mapping[str, str],
) -> None:
    most = max((calls for calls, _ in edges.values()), default=1)
    for (caller, callee), (calls, _) in edges.items():
        colour = _colour(caller, callee, colours)
        arrow = FancyArrowPatch(
            places[caller],
            places[callee],
            connectionstyle=f"arc3,rad={BEND}",
            arrowstyle="-|>",
            mutation_scale=9,
            shrinkA=7,
            shrinkB=9,
            linewidth=0.6 + 2.4 * math.log1p(calls) / math.log1p(most),
            color=style.QUIET if colour == style.SOFT else colour,
            zorder=1,
        )
        axes.add_patch(arrow)


def _colour(caller: str, callee: str, colours: Mapping[str, str]) -> str:
    """That of the cut whose border the calls cross."""
    one, other = colours.get(callee), colours.get(caller)
    return style.SOFT if one == other else one or other or style.SOFT


def _middle(start: Point, end: Point) -> Point:
    """Of the bent line between them."""
    (x, y), (to_x, to_y) = start, end
    return (x + to_x) / 2 + BEND / 2 * (to_y - y), (y + to_y) / 2 - BEND / 2 * (to_x - x)


def _handles(found: Found, prefix: str) -> list[Line2D]:
    look: dict[str, Any] = {"marker": "o", "linestyle": "", "markersize": 6.5}
    named = [", ".join(module.removeprefix(prefix) for module in cut["modules"]) for cut in found["cuts"]]
    return [
        Line2D([], [], color=colour, label=f"{place}. {name if len(name) <= 60 else f'{name[:57]}...'}", **look)
        for place, (name, colour) in enumerate(zip(named, COLOURS, strict=False), 1)
    ]


def _prefix(modules: Sequence[str]) -> str:
    """The package that all of them are in, with its dot."""
    packages = {module.partition(".")[0] for module in modules}
    alone = len(packages) == 1 and all("." in module for module in modules)
    return f"{packages.pop()}." if alone else ""


def _broken(name: str) -> str:
    lines = [""]
    for part in re.findall(r"[^._ ]*[._ ]?", name):
        if lines[-1] and len(lines[-1] + part) > LONG:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _words(found: Found, edges: Mapping[Any, Any], shown: Sequence[str], prefix: str) -> str:
    said = [f"Modules of {prefix[:-1]}." if prefix else ""]
    said += ["Circles: CPU time. Arrows: calls and bytes of both ways, from who calls; the wider, the more calls."]
    if found["cuts"]:
        said.append("In colour: what the cuts move, and what crosses their borders.")
    if len(edges) > DRAWN:
        said.append(f"Of {len(edges)} arrows {DRAWN} are drawn: what crosses those borders, and most calls.")
    if hidden := {cut["modules"][0] for cut in found["modules"]} - set(shown):
        said.append(f"{len(hidden)} modules stand as one, {OTHERS}.")
    return " ".join(filter(None, said))
