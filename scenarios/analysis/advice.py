"""Notebook 04: the decision model's answer, and how it changes with the handler and the rate."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, PercentFormatter

from scenarios.advice import model, words
from scenarios.advice.model import SHARE, Question
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
)
from scenarios.common.units import micros, size
from scenarios.plots import panels, style

HANDLERS_US = np.geomspace(1, 1e5, 61)
"""1 µs, a dictionary looked up, to 100 ms, a query to a database across the street."""


def answer(opened: OpenedRun, question: Question) -> Prose:
    """The table and the two sentences of ``python -m scenarios advise``."""
    curves = opened.curves(question.lane)
    rows = model.advise(curves, question.payload_bytes, question.rate, question.handler_us, question.lane)
    said = words.sentences(curves, question, rows, words.where(opened.run))
    lines = []
    for row in rows:
        if not row.measured or row.p50_us is None:
            lines.append([row.contender, "not measured", *[""] * 6])
            continue
        lines.append(
            [
                row.contender if row.figures_of == row.contender else f"{row.contender} (parked, as {row.figures_of})",
                micros(row.p50_us.value),
                words.interval(row.p50_us),
                words.p99(row),
                "none" if row.in_process else words.percent(row.ipc_share),
                words.cores(row),
                f"{row.most_calls_per_s.value:,.0f}/s" if row.most_calls_per_s else "",
                str(row.clients),
            ]
        )
    heads = [
        "contender",
        "p50",
        "interval",
        "p99",
        "IPC share",
        "cores, client + server",
        "one client gives",
        "clients",
    ]
    return Prose("\n\n".join([said[0], markdown_table(heads, lines).text, said[1]]))


@style.applied()
def share_by_handler(opened: OpenedRun, question: Question) -> Picture | Prose:
    """The share of a call that is IPC, against the handler's time; everything else as in the question."""
    curves = opened.curves(question.lane)
    shares: dict[str, list[float]] = {}
    for handler_us in HANDLERS_US:
        for row in model.advise(curves, question.payload_bytes, question.rate, float(handler_us), question.lane):
            if row.ipc_share is not None and not row.in_process:
                shares.setdefault(row.contender, []).append(row.ipc_share.value)
    if not shares:
        return not_measured(f"payloads around {size(question.payload_bytes)} in lane {question.lane}")
    front = in_front(shares, {name: values[0] for name, values in shares.items()})
    drawn, ((axes,),) = figure(1, 1, 8.5, 4.2)
    for name, values in shares.items():
        axes.plot(HANDLERS_US, values, markevery=10, **look_of(name, front))
    axes.axhline(SHARE, color="#333333", linewidth=0.9, linestyle=":")
    axes.annotate(f"{SHARE:.0%}", (HANDLERS_US[0], SHARE), (2, 3), textcoords="offset points", fontsize=8.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:g} µs" if value < 1e3 else f"{value / 1e3:g} ms")
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("time of the handler")
    axes.set_ylabel("share of a call that is IPC")
    axes.set_title(f"lane {question.lane}, {size(question.payload_bytes)}")
    legend_below(drawn, [axes])
    return Picture(drawn, f"share of IPC in a call of {size(question.payload_bytes)} against the handler's time")


@style.applied()
def break_even(opened: OpenedRun, question: Question) -> Picture | Prose:
    """From which handler time on IPC stays under 5% of a call, with its interval."""
    limits = model.break_even(opened.curves(question.lane), question.payload_bytes, question.lane)
    known = [(each.contender, each.handler_us) for each in limits if each.handler_us][::-1]
    if not known:
        return not_measured(f"payloads around {size(question.payload_bytes)} in lane {question.lane}")
    drawn, ((axes,),) = figure(1, 1, 8.5, 1.2 + 0.38 * len(known))
    for place, (name, handler) in enumerate(known):
        colour = style.of(name)["color"]
        if handler.low is not None and handler.high is not None:
            axes.plot([handler.low, handler.high], [place, place], color=colour, linewidth=5, alpha=0.3)
        axes.plot([handler.value], [place], "o", color=colour)
        where = (handler.value, place)
        axes.annotate(micros(handler.value), where, (0, 6), textcoords="offset points", ha="center", fontsize=8)
    axes.axvline(max(question.handler_us, 1e-3), color="#333333", linewidth=0.9, linestyle=":")
    axes.set_yticks(range(len(known)), [name for name, _ in known])
    axes.set_ylim(-0.6, len(known) - 0.2)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    panels.plain_numbers(axes.xaxis)
    axes.set_xlabel(
        f"IPC is under {SHARE:.0%} of a call from a handler of ... on [µs]; dotted: the handler asked about"
    )
    axes.set_title(f"lane {question.lane}, {size(question.payload_bytes)}")
    return Picture(drawn, f"handler time from which IPC is under {SHARE:.0%} of a call")


@style.applied()
def cores_at_the_rate(opened: OpenedRun, question: Question) -> Picture | Prose:
    """The cores the calls burn at the asked rate, client and server, the handler not among them."""
    curves = opened.curves(question.lane)
    rows = model.advise(curves, question.payload_bytes, question.rate, question.handler_us, question.lane)
    rows = [row for row in rows if row.client_cores is not None and not row.in_process]
    if not rows:
        return not_measured(f"payloads around {size(question.payload_bytes)} in lane {question.lane}")
    rows.sort(key=lambda row: -(row.cores or 0.0))
    drawn, ((axes,),) = figure(1, 1, 8.5, 1.2 + 0.36 * len(rows))
    client, server = ([getattr(row, f"{side}_cores") or 0.0 for row in rows] for side in ("client", "server"))
    places = range(len(rows))
    axes.barh(places, client, 0.6, color="#0072B2", label="client")
    axes.barh(places, server, 0.6, client, color="#E69F00", label="server")
    for place, row in enumerate(rows):
        clients = f"  {row.cores:.2g}, {row.clients} clients" if row.clients != 1 else f"  {row.cores:.2g}"
        axes.annotate(clients, (row.cores or 0.0, place), va="center", fontsize=8.5)
    axes.set_yticks(places, [row.contender for row in rows])
    axes.margins(x=0.22)
    axes.set_xlabel(f"cores at {question.rate:,.10g} calls/s")
    axes.set_title(f"lane {question.lane}, {size(question.payload_bytes)}, handler {micros(question.handler_us)}")
    drawn.legend(loc="outside lower center", ncols=2)
    return Picture(drawn, f"cores burned at {question.rate:,.10g} calls/s")
