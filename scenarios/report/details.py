"""Every cell of a run as it stands in cells.csv, for the report."""

from __future__ import annotations

import pandas as pd

from scenarios.plan.circumstances import DEFAULTS

SHOWN = (
    *("payload_bytes", "contender", "repeat", "order_index", "calls", "errors", "skipped"),
    *("offered_rps", "calls_per_s"),
    *("p50_us", "p90_us", "p99_us", "p999_us", "max_us", "mean_us"),
    *("client_cpu_us_per_call", "server_cpu_us_per_call"),
    *("voluntary_switches_per_call", "involuntary_switches_per_call", "client_rss_mib", "server_rss_mib"),
    *("cold_start_ms", "fairness", "lateness_p50_us", "lateness_p99_us", "noise_flags"),
    *("arrival_distance", "arrival_autocorrelation"),
    *("yardstick_codec_us", "yardstick_pingpong_us"),
)
"""Columns of cells.csv that are shown, under their names there."""


def details(cells: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Every cell as it stands in cells.csv, all attempts, one row each: heads and texts. Axes that do not vary and
    columns that are empty are left out."""
    axes = ("clients", "load", *DEFAULTS, "attempt")
    varying = [axis for axis in axes if axis in cells and cells[axis].nunique() > 1]
    columns = [*varying, *(column for column in SHOWN if column in cells and (cells[column] != "").any())]
    places = {column: pd.to_numeric(cells[column].replace("", "0")) for column in ("payload_bytes", "repeat")}
    ordered = cells.assign(**places).sort_values(["payload_bytes", "contender", *varying, "repeat"])
    rows = [[_short(value) for value in row] for row in ordered[columns].astype(str).itertuples(index=False)]
    return columns, rows


def _short(text: str) -> str:
    """A number without the zeros at its end: half of a page's bytes."""
    return text.rstrip("0").rstrip(".") if "." in text and text.replace(".", "").isdigit() else text
