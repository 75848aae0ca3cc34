"""Notebook 01: latency against payload size."""

from __future__ import annotations

import math

from scenarios.advice import crossovers, words
from scenarios.advice.curves import Curves
from scenarios.analysis.notebook import OpenedRun, Picture, Prose, markdown_table, not_measured
from scenarios.common.units import factor, least, micros, size, three
from scenarios.plots import latency as plots
from scenarios.plots import style
from scenarios.statistics.figures import BASE, of_repeats


@style.applied()
def by_payload(opened: OpenedRun, lane: str, column: str = "p50") -> Picture | Prose:
    """A percentile against payload size, its interval as a band."""
    lines = opened.summary(lane)
    if not lines[f"{column}_us"].notna().any():
        return not_measured(f"{column} in lane {lane}, which takes more calls")
    return opened.picture(plots.by_payload(lines, lane, column))


@style.applied()
def smallest_call(opened: OpenedRun, lane: str) -> Picture:
    """Every contender's p50 with its interval, and its p99, at the smallest payload; the fastest on top."""
    return opened.picture(plots.smallest(opened.summary(lane), lane))


def fixed_and_per_byte(opened: OpenedRun, lane: str) -> Prose:
    """What a call costs whatever it carries, and what each byte adds: from the smallest and the two largest sizes."""
    curves = opened.curves(lane)
    rows = []
    for name in _fastest_first(curves):
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


def against_in_words(opened: OpenedRun, lane: str, base: str = BASE) -> Prose:
    """How many times as long as the base at the smallest and the largest payload, paired within repeats."""
    curves = opened.curves(lane)
    sizes = curves.sizes(base)
    if not sizes:
        return not_measured(f"{base} in lane {lane}")
    rows = []
    for name in _fastest_first(curves):
        found = [curves.ratio(name, base, at) for at in (sizes[0], sizes[-1])]
        if name != base and all(found):
            nan = math.nan
            words = [factor(each.value, each.low or nan, each.high or nan) for each in found if each]
            rows.append([name, *words])
    return markdown_table([f"against {base}", size(sizes[0]), size(sizes[-1])], rows)


def where_they_cross(opened: OpenedRun, lane: str) -> Prose:
    """The fastest contender of each range of sizes, and every crossover between two of those, with how sure it is."""
    curves = opened.curves(lane)
    ranges = crossovers.fastest_ranges(curves)
    spans = [f"{each.contender} from {size(each.from_bytes)} to {size(each.to_bytes)}" for each in ranges]
    lines = [f"The lowest median among the contenders that are IPC has {'; '.join(spans)}.", ""]
    return Prose("\n".join([*lines, *(f"- {words.crossing(each)}" for each in crossovers.of_the_fastest(curves))]))


def tails(opened: OpenedRun, lane: str) -> Prose:
    """p99 as a multiple of p50 at every size, and the noise behind it; ≥ where slower repeats have none."""
    curves = opened.curves(lane)
    rows = []
    for name in _fastest_first(curves):
        ratios = []
        for at in curves.payloads:
            times = of_repeats(curves.values(name, at, "p99_us") / curves.values(name, at))
            ratios.append(least(times, curves.p99_of_all(name, at), lambda value: f"{three(value)}x"))
        flagged, measured = (
            sum(each) for each in zip(*(curves.noise(name, at) for at in curves.sizes(name)), strict=True)
        )
        rows.append([name, *ratios, f"{flagged} of {measured}"])
    return markdown_table(["p99 / p50", *map(size, curves.payloads), "disturbed"], rows)


def _fastest_first(curves: Curves) -> list[str]:
    """By the median at a contender's smallest payload."""
    found = {name: curves.at(name, "p50_us", min(curves.sizes(name), default=0)) for name in curves.contenders}
    return sorted(found, key=lambda name: (p50.value if (p50 := found[name]) else math.inf, name))
