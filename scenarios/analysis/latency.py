"""Notebook 01: latency against payload size."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from scenarios.advice import crossovers
from scenarios.advice.curves import Curves
from scenarios.analysis.notebook import (
    OpenedRun,
    Picture,
    Prose,
    figure,
    in_front,
    legend_below,
    look_of,
    markdown_table,
    not_measured,
    ribbon,
)
from scenarios.common.units import factor, micros, size, three
from scenarios.plots import panels, style
from scenarios.statistics.figures import BASE, of_repeats


@style.applied()
def by_payload(opened: OpenedRun, column: str = "p50_us") -> Picture:
    """A panel per lane: a latency column against payload size, its interval as a ribbon."""
    lanes = opened.lanes
    drawn, (axes,) = figure(1, len(lanes), max(4.2 * len(lanes), 6.5), 4.6, same_y=True)
    word = column.removesuffix("_us")
    for each, lane in zip(axes, lanes, strict=True):
        curves = opened.curves(lane)
        front = in_front(curves.contenders, _smallest(curves))
        for name in curves.contenders:
            _line(each, curves, name, column, front)
        payload_axis(each, curves)
        each.set_title(f"lane {lane}")
    axes[0].set_ylabel(f"{word} [µs]")
    legend_below(drawn, axes)
    return Picture(drawn, f"{word} against payload size, a panel per lane")


@style.applied()
def smallest_call(opened: OpenedRun, lane: str) -> Picture:
    """Every contender's p50 with its interval, and its p99, at the smallest payload; the fastest on top."""
    curves = opened.curves(lane)
    at = min(each for name in curves.contenders for each in curves.sizes(name))
    found = {name: p50 for name in curves.contenders if (p50 := curves.at(name, "p50_us", at))}
    names = sorted(found, key=lambda name: -found[name].value)
    drawn, ((axes,),) = figure(1, 1, 8.5, 1.2 + 0.34 * len(names))
    for place, name in enumerate(names):
        p50, p99 = found[name], curves.at(name, "p99_us", at)
        colour = style.of(name)["color"]
        if p50.low is not None and p50.high is not None:
            axes.plot([p50.low, p50.high], [place, place], color=colour, linewidth=5, alpha=0.3)
        axes.plot([p50.value], [place], "o", color=colour)
        if p99:
            axes.plot([p99.value], [place], "|", color=colour, markersize=11, markeredgewidth=1.6)
        axes.annotate(
            micros(p50.value), (p50.value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.2)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, numticks=12))
    panels.plain_numbers(axes.xaxis)
    axes.set_xlabel(f"round trip of {size(at)} [µs]; dot p50 with its interval, bar p99")
    axes.set_title(f"lane {lane}")
    return Picture(drawn, f"p50 and p99 of every contender at {size(at)}, lane {lane}")


def fixed_and_per_byte(opened: OpenedRun, lane: str) -> Prose:
    """What a call costs whatever it carries, and what each byte adds: from the smallest and the two largest sizes."""
    curves = opened.curves(lane)
    rows = []
    for name in sorted(curves.contenders, key=lambda name: (_smallest(curves).get(name, math.inf), name)):
        sizes = curves.sizes(name)
        if len(sizes) < 3:
            continue
        fixed, below, above = (curves.at(name, "p50_us", each) for each in (sizes[0], *sizes[-2:]))
        assert fixed
        assert below
        assert above
        per_byte = (above.value - below.value) / (sizes[-1] - sizes[-2])
        # Less than a cache line's worth of time per megabyte is no cost per byte but the scatter of a fixed one.
        grows = per_byte * sizes[-1] > fixed.value
        rows.append(
            [
                name,
                micros(fixed.value),
                micros(per_byte * 100_000) if grows else "none",
                f"{1e-3 / per_byte:,.2f} GB/s" if grows else "",
                size(fixed.value / per_byte) if grows else "",
            ]
        )
    heads = ["contender", "fixed", "each further 100 KB", "that is", "both are equal at"]
    return markdown_table(heads, rows)


@style.applied()
def against(opened: OpenedRun, lane: str, base: str = BASE) -> Picture | Prose:
    """How many times as long as the base, paired within repeats, by payload size."""
    curves = opened.curves(lane)
    if base not in curves.contenders:
        return not_measured(f"{base} in lane {lane}")
    drawn, ((axes,),) = figure(1, 1, 8.5, 4.4)
    front = in_front(curves.contenders, _smallest(curves))
    for name in curves.contenders:
        if name == base or curves.in_process(name):
            continue
        look = look_of(name, front)
        found = [(at, ratio) for at in curves.sizes(name) if (ratio := curves.ratio(name, base, at))]
        x = [at for at, _ in found]
        axes.plot(x, [ratio.value for _, ratio in found], **look)
        if name in front:
            ribbon(axes, [(at, ratio.low, ratio.high) for at, ratio in found], look["color"])
    axes.axhline(1, color="#555555", linewidth=0.8)
    payload_axis(axes, curves)
    axes.set_ylabel(f"p50 as a multiple of {base}'s")
    axes.set_title(f"lane {lane}")
    legend_below(drawn, [axes])
    return Picture(drawn, f"p50 of every contender as a multiple of {base}'s, lane {lane}")


def against_in_words(opened: OpenedRun, lane: str, base: str = BASE) -> Prose:
    """The same at the smallest and the largest payload, with intervals."""
    curves = opened.curves(lane)
    sizes = curves.sizes(base)
    if not sizes:
        return not_measured(f"{base} in lane {lane}")
    rows = []
    for name in sorted(curves.contenders, key=lambda name: (_smallest(curves).get(name, math.inf), name)):
        found = [curves.ratio(name, base, at) for at in (sizes[0], sizes[-1])]
        if name != base and all(found):
            nan = math.nan
            words = [factor(each.value, each.low or nan, each.high or nan) for each in found if each]
            rows.append([name, *words])
    return markdown_table([f"against {base}", size(sizes[0]), size(sizes[-1])], rows)


def where_they_cross(opened: OpenedRun, lane: str) -> Prose:
    """The fastest contender of each range of sizes, and every crossover between two of those, with how sure it is."""
    curves = opened.curves(lane)
    ranges = crossovers.fastest_ranges(curves, lane)
    spans = [f"{each.contender} from {size(each.from_bytes)} to {size(each.to_bytes)}" for each in ranges]
    lines = [f"The lowest median among the contenders that are IPC has {'; '.join(spans)}.", ""]
    fastest = {each.contender for each in ranges}
    for each in crossovers.crossovers(curves, lane):
        if {each.smaller, each.larger} <= fastest:
            at = each.payload_bytes
            interval = f" (interval {size(at.low)} to {size(at.high)})" if at.low and at.high else ""
            sure = "" if each.clear else "; with this run's scatter the two cannot be told apart on both sides of it"
            lines.append(f"- {each.larger} overtakes {each.smaller} at {size(at.value)}{interval}{sure}.")
    return Prose("\n".join(lines))


def tails(opened: OpenedRun, lane: str) -> Prose:
    """p99 as a multiple of p50 at every size that has one, and the noise behind it."""
    curves = opened.curves(lane)
    sizes = sorted({each for name in curves.contenders for each in curves.sizes(name)})
    rows = []
    for name in sorted(curves.contenders, key=lambda name: (_smallest(curves).get(name, math.inf), name)):
        ratios = []
        for at in sizes:
            ratio = of_repeats(curves.values(name, at, "p99_us") / curves.values(name, at))
            ratios.append("" if math.isnan(ratio) else f"{three(ratio)}x")
        flagged, measured = (
            sum(each) for each in zip(*(curves.noise(name, at) for at in curves.sizes(name)), strict=True)
        )
        rows.append([name, *ratios, f"{flagged} of {measured}"])
    return markdown_table(["p99 / p50", *map(size, sizes), "disturbed"], rows)


def payload_axis(axes: Axes, curves: Curves) -> None:
    """Both axes logarithmic, the measured sizes along x in words."""
    sizes = sorted({each for name in curves.contenders for each in curves.sizes(name)})
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator([float(each) for each in sizes]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size(value)))
    axes.tick_params(axis="x", labelsize=7.5)
    axes.yaxis.set_major_locator(LogLocator(10, numticks=12))
    panels.plain_numbers(axes.yaxis)
    axes.set_xlabel("payload size")


def _line(axes: Axes, curves: Curves, name: str, column: str, front: Sequence[str]) -> None:
    look = look_of(name, front)
    found = [(at, figure) for at in curves.sizes(name) if (figure := curves.at(name, column, at))]
    axes.plot([at for at, _ in found], [each.value for _, each in found], **look)
    if name in front:
        ribbon(axes, [(at, each.low, each.high) for at, each in found], look["color"])


def _smallest(curves: Curves) -> dict[str, float]:
    """Every contender's median at its smallest payload."""
    return {
        name: p50.value
        for name in curves.contenders
        if (sizes := curves.sizes(name)) and (p50 := curves.at(name, "p50_us", sizes[0]))
    }
