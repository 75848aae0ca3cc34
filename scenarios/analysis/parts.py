"""Notebook 02: what a call's time is made of, from differences between lanes and contenders.

Nothing here looks into a call. A part is the difference of two medians that were measured in one repeat, and differs
in one thing only; the median over repeats is shown. What the parts don't add up to is shown as well, as the rest.
"""

from __future__ import annotations

import math

import pandas as pd

from scenarios.advice.curves import Curves
from scenarios.analysis.cores import at_work, explained
from scenarios.analysis.notebook import OpenedRun, Picture, Prose, markdown_table, not_measured
from scenarios.common.units import micros, size, three
from scenarios.plots import latency, style
from scenarios.plots.names import Name, around
from scenarios.plots.sheet import Sheet, times

SPINNING, PARKING = "shm", "shm-block"
CODEC, REFERENCE = "direct-codec", "direct"
PARTS = {
    "wake-ups": "#D55E00",
    "hand-over": "#0072B2",
    "copies": "#56B4E9",
    "codec": "#E69F00",
    "rest": "#999999",
}
"""Each part with its colour, in the order they are stacked."""
NEEDED = f"{SPINNING} and {PARKING} in lane bytes, and {CODEC} and {REFERENCE} beside them in the lane"


def parts(opened: OpenedRun, lane: str) -> pd.DataFrame | None:
    """A call of shm-block, split: a line per payload size and repeat, µs; None where the run lacks what it takes.

    `hand-over`: shm's smallest call in lane `bytes`, two messages passed between processes that look for them.
    `wake-ups`: what shm-block takes longer than that by, both sides parked. `copies`: what larger raw bytes take longer
    than the smallest. `codec`: direct-codec less direct, the encoding and decoding of request and response. `rest`: the
    call itself less all of these: the method's dispatch, and whatever is not additive. NaN where the two that differ
    were measured in different phases of the machine: that says nothing of their difference.
    """
    if not {"bytes", lane} <= set(opened.lanes):
        return None
    raw, own = opened.curves("bytes"), opened.curves(lane)
    smallest = min(raw.sizes(SPINNING), default=0)
    lines = []
    for at in raw.sizes(SPINNING):
        found = pd.DataFrame(
            {
                "wake-ups": _difference((raw, PARKING, at), (raw, SPINNING, at)),
                "hand-over": raw.values(SPINNING, smallest),
                "copies": _difference((raw, SPINNING, at), (raw, SPINNING, smallest)),
                "codec": _difference((own, CODEC, at), (own, REFERENCE, at)),
                "call": own.values(PARKING, at),
            }
        )
        found["rest"] = found["call"] - found[[part for part in PARTS if part != "rest"]].sum(axis=1, skipna=False)
        if found.notna().any().drop("rest").all():
            lines.append(found.assign(payload_bytes=at))
    whole = pd.concat(lines) if lines else pd.DataFrame()
    return whole if len(whole) else None


def _difference(one: tuple[Curves, str, int], other: tuple[Curves, str, int]) -> pd.Series[float]:
    """By repeat, of those in which both were measured in one phase."""
    p50, phases = ([of.values(name, at, column) for of, name, at in (one, other)] for column in ("p50_us", "phase"))
    pairs = pd.concat([*p50, *phases], axis=1, keys=range(4)).dropna()
    alike = pairs[2] == pairs[3]
    found: pd.Series[float] = pairs[0][alike] - pairs[1][alike]
    return found


def _medians(found: pd.DataFrame) -> pd.DataFrame:
    """Each part's median by payload size; the rest is what is left of the median call, so that all add up to it."""
    medians = found.groupby("payload_bytes").median()
    return medians.assign(rest=medians["call"] - medians[[part for part in PARTS if part != "rest"]].sum(axis=1))


def _longer_than_the_call(line: pd.Series[float]) -> str | None:
    """The part, if any, that is no share of a call, for it alone takes longer where it was measured."""
    name = str(line[list(PARTS)].idxmax())
    return name if line[name] > line["call"] else None


@style.applied()
def stacked(opened: OpenedRun) -> Picture | Prose:
    """The parts as shares of a parked call, a panel per lane with a codec, by payload size. Words stand in place of a
    bar where a part is longer than the call."""
    lanes = [lane for lane in opened.lanes if lane != "bytes"]
    tables = {lane: found for lane in lanes if (found := parts(opened, lane)) is not None}
    if not tables:
        return not_measured(NEEDED)
    sheet = Sheet(f"What a call of {PARKING} is made of", 3.9)
    axes = sheet.panels.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for each, (lane, found) in zip(axes, tables.items(), strict=True):
        medians = _medians(found)
        longer = [_longer_than_the_call(line) for _, line in medians.iterrows()]
        places = [place for place, name in enumerate(longer) if name is None]
        shares = medians[list(PARTS)].div(medians["call"], axis=0).iloc[places] * 100
        # Upwards from 0 what is more than nothing, downwards what is less.
        upwards, downwards = (some.cumsum(axis=1) - some for some in (shares.clip(lower=0), shares.clip(upper=0)))
        base = upwards.where(shares >= 0, downwards)
        for part, colour in PARTS.items():
            hatch = "///" if part == "rest" else None
            each.bar(places, shares[part], 0.7, base[part], color=colour, label=part, hatch=hatch, edgecolor="white")
        for place, name in enumerate(longer):
            if name is not None:
                alone, call = (micros(float(medians[column].iloc[place])) for column in (name, "call"))
                words = f"not split: {name} alone {alone},\nthe call {call}"
                each.text(place, 3, words, rotation=90, ha="center", va="bottom")
        each.set_xticks(range(len(medians)), [size(at) for at in medians.index], rotation=35 * (len(tables) > 2))
        each.set_xlim(-0.6, len(medians) - 0.4)
        each.axhline(0, color="#333333", linewidth=0.8)
        each.axhline(100, color="#333333", linewidth=0.8, linestyle=":")
        each.grid(visible=False, axis="x")
        each.set_title(f"lane {lane}")
        each.set_xlabel("payload")
    axes[0].set_ylabel("share of the call [%]")
    sheet.legend(axes[0].get_legend_handles_labels()[0])
    return opened.picture(sheet)


def in_figures(opened: OpenedRun, lane: str) -> Prose:
    """The same in µs: medians over repeats, and how far the rest of a single repeat is from them."""
    found = parts(opened, lane)
    if found is None:
        return not_measured(f"{NEEDED} {lane}")
    rows = []
    for at, line in _medians(found).iterrows():
        rests = found.loc[found["payload_bytes"] == at, "rest"].dropna()
        scatter = f"{_signed(float(rests.min()))} to {_signed(float(rests.max()))}" if len(rests) else ""
        figures = [_signed(float(line[part])) for part in PARTS]
        rows.append([size(float(str(at))), *figures, _signed(float(line["call"])), scatter])
    return markdown_table([f"lane {lane}, µs", *PARTS, f"call of {PARKING}", "rest in single repeats"], rows)


def largest_part(opened: OpenedRun, lane: str) -> Prose:
    """Which part is the largest, at the smallest and at the largest payload, in a sentence."""
    found = parts(opened, lane)
    if found is None:
        return not_measured(f"{NEEDED} {lane}")
    medians = _medians(found)
    said = []
    for at in (medians.index[0], medians.index[-1]):
        line = medians.loc[at]
        where = f"at {size(float(at))}"
        if longer := _longer_than_the_call(line):
            alone, call = micros(float(line[longer])), micros(float(line["call"]))
            said.append(f"{where} the call can't be split: **{longer}** alone takes {alone}, the call {call}")
            continue
        name = str(line[list(PARTS)].idxmax())
        said.append(f"{where} the largest part is **{name}** ({float(line[name] / line['call']):.0%} of the call)")
    return Prose(f"Lane {lane}: {'; '.join(said)}.")


def what_a_codec_adds(opened: OpenedRun, lane: str) -> Prose:
    """Every contender's lane less its own lane `bytes`, beside what the codec costs without any IPC."""
    if not {"bytes", lane} <= set(opened.lanes):
        return not_measured(f"lanes bytes and {lane}")
    raw, own = opened.curves("bytes"), opened.curves(lane)
    rows = [[name, *_differences(own, name, raw, name)] for name in own.ipc]
    heads = ["added to lane bytes, µs", *(size(at) for at in own.payloads)]
    alone = [f"{CODEC} less {REFERENCE}", *_differences(own, CODEC, own, REFERENCE)]
    return markdown_table(heads, [alone, *rows])


@style.applied()
def switches(opened: OpenedRun, lane: str = "bytes") -> Picture | Prose:
    """p50 at the smallest payload against how often a call puts a process to sleep."""
    if lane not in opened.lanes:
        return not_measured(f"lane {lane}")
    curves = opened.curves(lane)
    at = curves.payloads[0]
    sheet = Sheet(f"Waking up and the time of a call, {size(at)} (lane {lane})", 4.6)
    axes = sheet.panels.subplots()
    found = []
    for name in curves.ipc:
        p50 = curves.at(name, "p50_us", at)
        slept = curves.at(name, "voluntary_switches_per_call", at)
        if p50 and slept:
            look = style.of(name)
            axes.plot([slept.value], [p50.value], **look | {"linestyle": ""}, markersize=6)
            found.append(Name(name, slept.value, p50.value, look["color"], name in style.BOLD))
    axes.set_yscale("log")
    axes.margins(x=0.12, y=0.1)
    times(axes.yaxis)
    axes.set_xlabel("voluntary context switches of a call, client and server")
    axes.set_ylabel("round trip, p50")
    around(sheet, axes, found)
    return opened.picture(sheet)


@style.applied()
def cost(opened: OpenedRun, lane: str) -> Picture | Prose:
    """CPU time of a call, both processes together, against its p50 at the smallest payload."""
    lines = opened.summary(lane)
    lines = lines[lines["payload_bytes"] == lines["payload_bytes"].min()]
    if not lines["server_cpu_us_per_call"].notna().any():
        return not_measured("the CPU time of a server")
    return opened.picture(latency.cost(lines, lane))


def cpu_and_time(opened: OpenedRun, lane: str) -> Prose:
    """The CPU time of a call, both processes together, and how many cores that keeps at work, call after call."""
    curves = opened.curves(lane)
    sizes = curves.payloads
    rows = []
    for name in curves.ipc:  # most of the others' time is the measuring loop's, and not the call's
        figures = []
        for at in (sizes[0], sizes[-1]):
            client, server = (curves.at(name, f"{side}_cpu_us_per_call", at) for side in ("client", "server"))
            cpu = client.value + (server.value if server else 0) if client else math.nan
            figures += [micros(cpu), at_work(curves, name, at, opened.cpus).words()[-1]]
        rows.append([name, *figures])
    heads = [
        f"lane {lane}",
        *(f"{word}, {size(at)}" for at in (sizes[0], sizes[-1]) for word in ("CPU", "cores at work")),
    ]
    return Prose(explained(markdown_table(heads, rows).text, opened.cpus))


def _differences(one: Curves, name: str, other: Curves, its_name: str) -> list[str]:
    """By payload size, as ratios are within repeats; else nothing."""
    every = [_difference((one, name, at), (other, its_name, at)) for at in one.payloads]
    return [_signed(float(found.median())) if len(found) else "" for found in every]


def _signed(value: float) -> str:
    return f"-{three(-value)}" if value < 0 else three(value)
