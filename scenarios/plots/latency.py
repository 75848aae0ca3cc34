"""Pictures of one client that calls back to back: the first picture, latency by payload, and what latency costs.

Each takes lines of :func:`scenarios.statistics.figures.summary`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scenarios.common.units import micros, size
from scenarios.plots import names, style
from scenarios.plots.names import Name
from scenarios.plots.sheet import Sheet, payloads, time, times
from scenarios.statistics import figures

WELL_KNOWN = {
    "shm": "shared memory (shm)",
    "mp-pipe": "multiprocessing Pipe (mp-pipe)",
    "asyncio-uds": "asyncio, Unix socket (asyncio-uds)",
    "zmq-ipc": "ZeroMQ (zmq-ipc)",
    "process-pool": "ProcessPoolExecutor (process-pool)",
    "http-uds": "HTTP, uvicorn (http-uds)",
    "grpc-uds": "gRPC (grpc-uds)",
}
"""What the first picture shows, in words: what people come from."""
DIRECT = "direct"


def first(lines: pd.DataFrame, lane: str) -> Sheet:
    """The round trip of well-known ways at the smallest payload, and the direct call as a line."""
    known = lines[lines["contender"].isin(WELL_KNOWN)]
    chosen = known if len(known) else lines[~lines["contender"].isin(style.WITHOUT_IPC)].nsmallest(7, "p50_us")
    at = size(lines["payload_bytes"].iloc[0])
    sheet = dots(chosen, f"A call to another process and back, {at} (lane {lane})", WELL_KNOWN)
    direct = lines.loc[lines["contender"] == DIRECT, "p50_us"]
    if len(direct):
        axes = sheet.panels.axes[0]
        axes.axvline(direct.iloc[0], color=style.INK, linewidth=1.4)
        label = f"the direct call,\nin one process:\n{micros(direct.iloc[0])}"
        where = ("data", "axes fraction")
        axes.annotate(label, (direct.iloc[0], 0.5), (5, 0), where, "offset points", va="center")
        _along_x(axes, float(direct.iloc[0]), float(chosen["p50_high"].fillna(chosen["p50_us"]).max()))
        times(axes.xaxis)
    return sheet


def smallest(lines: pd.DataFrame, lane: str) -> Sheet:
    """Every contender's median and p99 at the smallest payload."""
    lines = lines[lines["payload_bytes"] == lines["payload_bytes"].min()]
    shown, quiet = _with_ipc(lines)
    sheet = dots(shown, f"Latency of {size(lines['payload_bytes'].iloc[0])} (lane {lane})", p99=True)
    sheet.note(_quiet(quiet, "p50", "Far to the left"))
    return sheet


def dots(lines: pd.DataFrame, title: str, words: Mapping[str, str] | None = None, *, p99: bool = False) -> Sheet:
    """Contenders downwards, the fastest on top: a dot for the median, a bar for its interval, the figure beside it."""
    lines = lines.sort_values(["p50_us", "contender"], ascending=False)
    contenders = lines["contender"].to_list()
    sheet = Sheet(title, 0.95 + 0.27 * len(contenders))
    axes = sheet.panels.subplots()
    for place, line in enumerate(_each(lines)):
        colour = style.family(line.contender).colour
        farthest = np.nanmax([line.p50_us, line.p50_high, line.p99_us if p99 else np.nan])
        axes.plot([line.p50_low, line.p50_high], [place, place], color=colour, linewidth=5, alpha=0.35)
        axes.plot([line.p50_us], [place], "o", color=colour, markersize=6.5)
        if p99:
            axes.plot([line.p99_us], [place], "|", color=colour, markersize=9, markeredgewidth=1.6)
        beside = axes.annotate(micros(line.p50_us), (farthest, place), (7, 0), textcoords="offset points", va="center")
        beside.set_fontweight("bold" if line.contender in style.BOLD else "normal")
    axes.set_xscale("log")
    axes.set_yticks(range(len(contenders)), [(words or {}).get(name, name) for name in contenders])
    axes.set_ylim(-0.6, len(contenders) - 0.4)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    right = ["p50_us", "p50_high", *(["p99_us"] if p99 else [])]
    _along_x(axes, float(np.nanmin(lines[["p50_us", "p50_low"]])), float(np.nanmax(lines[right])))
    sheet.note(f"Dot: median. {_interval(lines)}{' Tick: p99.' if p99 else ''} The axis is logarithmic.")
    return sheet


def by_payload(lines: pd.DataFrame, lane: str, column: str = "p50") -> Sheet:
    """A percentile of one scenario and lane against payload, named at the lines' ends."""
    shown, quiet = _with_ipc(lines.dropna(subset=[f"{column}_us"]))
    smallest = shown[shown["payload_bytes"] == shown["payload_bytes"].min()]
    named = style.representatives(smallest.sort_values("p50_us")["contender"])
    what = "Latency" if column == "p50" else column
    sheet = Sheet(f"{what} against payload (lane {lane})", 4.4)
    axes = sheet.panels.subplots()
    ends = []
    for contender in style.ordered(shown["contender"]):
        mine = shown[shown["contender"] == contender].sort_values("payload_bytes")
        x, y, low, high = (
            mine[each].to_numpy(float) for each in ("payload_bytes", f"{column}_us", f"{column}_low", f"{column}_high")
        )
        if contender not in named:
            axes.plot(x, y, color=style.QUIET, linewidth=0.8, zorder=1)
            continue
        bold = contender in style.BOLD
        look = style.of(contender)
        axes.plot(x, y, **look, linewidth=2.4 if bold else 1.2, zorder=3 if bold else 2, label=contender)
        axes.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)
        ends.append(Name(contender, float(x[-1]), float(y[-1]), look["color"], bold))
    payloads(axes, sorted(shown["payload_bytes"].unique()))
    axes.set_yscale("log")
    times(axes.yaxis)
    axes.set_ylabel(f"round trip, {column}")
    names.at_ends(sheet, axes, ends)
    behind = shown["contender"].nunique() - len(ends)
    sheet.note(f"Both axes are logarithmic. {_interval(lines, 'Band')}")
    sheet.note(f"{f'Grey: {behind} others. ' if behind else ''}{_quiet(quiet, column, 'Far below')}")
    return sheet


def cost(lines: pd.DataFrame, lane: str) -> Sheet:
    """CPU time of both processes against the median at one payload: what a call takes, and what it burns."""
    # Of a call within one process the measuring loop is the larger part.
    lines = lines[lines["server_cpu_us_per_call"].notna()]
    named = style.representatives(lines.sort_values("p50_us")["contender"])
    sheet = Sheet(f"What a call costs beside its time, {size(lines['payload_bytes'].iloc[0])} (lane {lane})", 4.9)
    axes = sheet.panels.subplots()
    axes.set(xscale="log", yscale="log", xlabel="round trip, p50", ylabel="CPU time of a call, client and server")
    ends = np.array([lines["p50_us"].min() / 1.5, lines["p50_us"].max() * 1.5])
    axes.set_xlim(*ends)
    axes.set_ylim(lines["cpu_us"].min() / 1.5, lines["cpu_us"].max() * 1.5)
    times(axes.xaxis)
    times(axes.yaxis)
    at = _free(lines["p50_us"], *axes.get_ylim())
    for cores, words, side in ((1, "one core at work", "top"), (2, "two cores at work", "bottom")):
        axes.plot(ends, ends * cores, color=style.QUIET, linewidth=0.9, linestyle="--", zorder=1)
        turned = {"rotation": np.degrees(np.arctan(cores)), "rotation_mode": "anchor", "transform_rotates_text": True}
        axes.text(at, at * cores, words, ha="center", va=side, color=style.SOFT, **turned)
    points = []
    for line in sorted(_each(lines), key=lambda line: (line.contender not in named, -line.cpu_us)):
        look = style.of(line.contender) | {"linestyle": ""}
        axes.plot([line.p50_us], [line.cpu_us], **look, markersize=6)
        bold = line.contender in style.BOLD
        points.append(Name(line.contender, line.p50_us, line.cpu_us, look["color"], bold))
    names.around(sheet, axes, points)
    sheet.note("Medians, calls back to back. Left is faster, lower is cheaper; dashed: cores at work.")
    return sheet


def _free(medians: pd.Series[float], low: float, high: float) -> float:
    """Where there is most room beside the points for a word on the lines of one core and of two, within the limits."""
    along = np.sort(medians.to_numpy(float))
    gaps = [(after / before, float(np.sqrt(before * after))) for before, after in itertools.pairwise(along)]
    within = [gap for gap in gaps if 1.6 * low <= gap[1] <= high / 3.2]
    return max(within or gaps or [(1.0, float(along[0]))])[1]


def _with_ipc(lines: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The lines to show, and those of no IPC to be left out beside any that are."""
    without = lines["contender"].isin(style.WITHOUT_IPC)
    return (lines, lines[:0]) if without.all() else (lines[~without], lines[without])


def _quiet(lines: pd.DataFrame, column: str, where: str) -> str:
    """What was left out, with its figures; empty for nothing."""
    medians = lines.groupby("contender")[f"{column}_us"].median()
    figures = ", ".join(f"{name} {time(float(f'{value:.2g}'))}" for name, value in medians.items())
    return f"{where}: {figures}." if figures else ""


def _along_x(axes: Axes, low: float, high: float) -> None:
    """So that the figure beside the last dot has room."""
    axes.set_xlim(low / 1.3, high * (high / low) ** 0.17)
    times(axes.xaxis)


def _each(lines: pd.DataFrame) -> Iterator[Any]:
    """The lines, their columns as attributes."""
    return lines.itertuples()


def _interval(lines: pd.DataFrame, what: str = "Bar") -> str:
    sure = figures.sureness(lines["repeats"])
    return f"{what}: its interval, {sure}." if sure else "Too few repeats for an interval."
