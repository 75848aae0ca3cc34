"""Notebooks 01 to 03: calls as programs make them, beside the same calls under ideal circumstances."""

from __future__ import annotations

from collections.abc import Callable

from scenarios.analysis.notebook import OpenedRun, Prose, not_measured
from scenarios.common.units import size
from scenarios.statistics.real import by_case
from scenarios.tables import columns, of_run
from scenarios.tables.columns import Field, Line
from scenarios.tables.markdown import of_frame

LANE = "native"


def latency(opened: OpenedRun) -> Prose:
    """Median / p99 in µs, a line per case."""
    return _by_case(opened, "median / p99, µs", of_run.with_p99)


def cpu(opened: OpenedRun) -> Prose:
    """CPU time per call, client + server, in µs."""
    return _by_case(opened, "CPU per call, client + server, µs", columns.CPU.field)


def answered(opened: OpenedRun) -> Prose:
    """Calls per second that one client had answered; with pauses, those it made."""
    return _by_case(opened, "calls answered per second, one client", columns.ANSWERED.field)


def _by_case(opened: OpenedRun, what: str, shown: Callable[[Line], Field]) -> Prose:
    lines = by_case(opened.cells)
    lines = lines[lines["lane"] == LANE]
    lines = lines[lines["payload_bytes"] == lines["payload_bytes"].min()]
    if lines["case"].nunique() < 2:
        return not_measured("calls with pauses, or beside other work", "make bench SCENARIO=real")
    known = [name for name in of_run.SHORT_LIST if name in set(lines["contender"])]
    title = f"**{size(float(lines['payload_bytes'].iloc[0]))}, lane {LANE}: {what}**"
    pinned = (lines["placement"] == "together").any()
    return Prose(
        "\n\n".join([title, of_frame(of_run.real(lines, known, shown)), *([f"{of_run.PINNED}."] if pinned else [])])
    )
