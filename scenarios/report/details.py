"""Every cell of a run as it stands in cells.csv, for the report."""

from __future__ import annotations

import pandas as pd

DETAILS = {
    "payload_bytes": "payload [B]",
    "contender": "contender",
    "repeat": "repeat",
    "order_index": "order",
    "calls": "calls",
    "errors": "errors",
    "skipped": "skipped",
    "offered_rps": "offered [calls/s]",
    "p50_us": "p50 [µs]",
    "p90_us": "p90",
    "p99_us": "p99",
    "p999_us": "p99.9",
    "max_us": "max",
    "mean_us": "mean",
    "client_cpu_us_per_call": "CPU client",
    "server_cpu_us_per_call": "CPU server",
    "voluntary_switches_per_call": "switches, own",
    "involuntary_switches_per_call": "switches, forced",
    "client_rss_mib": "RSS client",
    "server_rss_mib": "RSS server",
    "cold_start_ms": "cold start [ms]",
    "fairness": "fairness",
    "lateness_p50_us": "late p50 [µs]",
    "lateness_p99_us": "late p99 [µs]",
    "noise_flags": "flags",
}
"""Columns of cells.csv in a cell's details."""


def details(cells: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Every cell as it stands in cells.csv, all attempts, one row each: heads and texts. Axes that do not vary and
    columns that are empty are left out."""
    varying = [axis for axis in ("clients", "load", "attempt") if axis in cells and cells[axis].nunique() > 1]
    columns = [*varying, *(column for column in DETAILS if column in cells and (cells[column] != "").any())]
    places = {column: pd.to_numeric(cells[column].replace("", "0")) for column in ("payload_bytes", "repeat")}
    ordered = cells.assign(**places).sort_values(["payload_bytes", "contender", *varying, "repeat"])
    rows = [[_short(value) for value in row] for row in ordered[columns].astype(str).itertuples(index=False)]
    return [DETAILS.get(column, column) for column in columns], rows


def _short(text: str) -> str:
    """A number without the zeros at its end: half of a page's bytes."""
    return text.rstrip("0").rstrip(".") if "." in text and text.replace(".", "").isdigit() else text
