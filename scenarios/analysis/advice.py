"""Notebook 04: the decision model's answer, and how it changes with the handler and the rate."""

from __future__ import annotations

import dataclasses

import numpy as np
from matplotlib.ticker import PercentFormatter

from scenarios.advice import model, negligible, words
from scenarios.advice.negligible import SHARE
from scenarios.advice.question import Question
from scenarios.analysis.notebook import OpenedRun, Picture, Prose, not_measured
from scenarios.common.units import micros, size
from scenarios.plots import style
from scenarios.plots.sheet import Sheet, handles, times
from scenarios.tables.markdown import markdown

HANDLERS_US = np.geomspace(1, 1e5, 61)
"""1 µs, a dictionary looked up, to 100 ms, a query to a database across the street."""


def answer(opened: OpenedRun, question: Question) -> Prose:
    """The table and the two sentences of ``python -m scenarios advise``."""
    curves = opened.curves(question.lane)
    rows = model.answer(curves, question)
    said = words.sentences(curves, question, rows, words.where(opened.run))
    lines = [
        [
            row.contender + (f" (parked, as {row.figures_of})" if row.figures_of != row.contender else ""),
            *words.fields(row),
        ]
        for row in rows
    ]
    about = [words.ABOUT_SAYS] if any(row.is_estimated for row in rows) else []
    return Prose("\n\n".join([said[0], markdown(["contender", *words.HEADINGS], lines), *about, said[1]]))


@style.applied()
def share_by_handler(opened: OpenedRun, question: Question) -> Picture | Prose:
    """The share of a call that is IPC, against the handler's time; everything else as in the question."""
    curves = opened.curves(question.lane)
    shares: dict[str, dict[float, float]] = {}
    for handler_us in map(float, HANDLERS_US):
        for row in model.answer(curves, dataclasses.replace(question, handler_us=handler_us)):
            if row.ipc_share is not None and not row.in_process:
                shares.setdefault(row.contender, {})[handler_us] = row.ipc_share.value
    if not shares:
        return not_measured(f"payloads around {size(question.payload_bytes)} in lane {question.lane}")
    front = style.representatives(sorted(shares, key=lambda name: (max(shares[name].values()), name)))
    sheet = Sheet(f"Share of a call that is IPC, {size(question.payload_bytes)} (lane {question.lane})", 3.4)
    axes = sheet.panels.subplots()
    for name, values in shares.items():
        look = style.of(name) if name in front else {"color": style.QUIET, "linewidth": 0.8, "zorder": 1}
        axes.plot([*values], [*values.values()], markevery=10, label=name, **look)
    axes.axhline(SHARE, color=style.SOFT, linewidth=0.9, linestyle=":")
    axes.annotate(f"{SHARE:.0%}", (HANDLERS_US[0], SHARE), (2, 3), textcoords="offset points")
    axes.set_xscale("log")
    times(axes.xaxis)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("time of the handler")
    axes.set_ylabel("share of the call that is IPC")
    sheet.legend(handles(front))
    if len(shares) > len(front):
        sheet.note(f"Grey: {len(shares) - len(front)} others.")
    return opened.picture(sheet)


@style.applied()
def break_even(opened: OpenedRun, question: Question) -> Picture | Prose:
    """From which handler time on IPC stays under 5% of a call, with its interval."""
    limits = negligible.break_even(opened.curves(question.lane), question.payload_bytes)
    known = [(each.contender, each.handler_us) for each in limits if each.handler_us][::-1]
    if not known:
        return not_measured(f"payloads around {size(question.payload_bytes)} in lane {question.lane}")
    what = f"{size(question.payload_bytes)} (lane {question.lane})"
    sheet = Sheet(f"Handler from which IPC is under {SHARE:.0%}, {what}", 0.95 + 0.27 * len(known))
    axes = sheet.panels.subplots()
    for place, (name, handler) in enumerate(known):
        colour = style.family(name).colour
        high = handler.value if handler.high is None else handler.high
        if handler.low is not None:
            axes.plot([handler.low, high], [place, place], color=colour, linewidth=5, alpha=0.3)
        axes.plot([handler.value], [place], "o", color=colour)
        where = (max(high, handler.value), place)
        figure = axes.annotate(micros(handler.value), where, (7, 0), textcoords="offset points", va="center")
        figure.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    axes.axvline(max(question.handler_us, 1e-3), color=style.SOFT, linewidth=1.2, linestyle=":")
    axes.set_yticks(range(len(known)), [name for name, _ in known])
    axes.set_ylim(-0.6, len(known) - 0.4)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.12)
    times(axes.xaxis)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("time of the handler (dotted: the one asked about)")
    return opened.picture(sheet)


@style.applied()
def cores_at_the_rate(opened: OpenedRun, question: Question) -> Picture | Prose:
    """The cores the calls burn at the asked rate, client and server, the handler not among them."""
    curves = opened.curves(question.lane)
    rows = model.answer(curves, question)
    rows = [row for row in rows if row.client_cores is not None and not row.in_process]
    if not rows:
        return not_measured(f"payloads around {size(question.payload_bytes)} in lane {question.lane}")
    rows.sort(key=lambda row: -(row.cores or 0.0))
    handler = f"handler {micros(question.handler_us)}"
    what = f"{size(question.payload_bytes)}, {handler} (lane {question.lane})"
    sheet = Sheet(f"Cores burned at {question.rate:,.10g} calls/s, {what}", 0.95 + 0.25 * len(rows))
    axes = sheet.panels.subplots()
    client, server = ([getattr(row, f"{side}_cores") or 0.0 for row in rows] for side in ("client", "server"))
    places = range(len(rows))
    axes.barh(places, client, 0.6, color=style.family("shm").colour, label="client")
    axes.barh(places, server, 0.6, client, color=style.family("mp").colour, label="server")
    for place, row in enumerate(rows):
        clients = "" if row.gives else f", {words.served(row)}"
        axes.annotate(f"  {row.cores:.2g}{clients}", (row.cores or 0.0, place), va="center")
    axes.set_yticks(places, [row.contender for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.margins(x=0.22)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("cores")
    sheet.legend(axes.get_legend_handles_labels()[0])
    return opened.picture(sheet)
