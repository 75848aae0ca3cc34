"""``report.html``: a run as one page that answers before it shows, and needs no other file and no network.

Reads a run and writes one file into it; measures nothing. What stands where is the template's matter, what is said
:mod:`scenarios.report.answer`'s, the figures those of :mod:`scenarios.statistics.figures`.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from rich.console import Console

from scenarios.advice import words
from scenarios.advice.curves import Curves, cpus
from scenarios.common.errors import RunError
from scenarios.common.units import micros, size, unbroken
from scenarios.plots import style
from scenarios.records.store import Run, replace_file
from scenarios.report import answer, by_payload, details, percentiles, trust
from scenarios.report.percentiles import Look
from scenarios.statistics import figures
from scenarios.statistics.figures import BASE
from scenarios.tables import of_run

TEMPLATES = Path(__file__).parent / "templates"
FILE = "report.html"
FIRST = ("first", "latency_native", "latency_json", "latency_bytes", "latency_pickle", "cost")
LARGEST_BYTES = 3_000_000
"""Of all plots of a page together: it is to open at once, also from a mail."""


def write(run: Run, console: Console) -> Path:
    """Write a run's report; returns its file. Raises :class:`RunError` when it has no finished cell."""
    file = run.folder / FILE
    page = render(run).encode()
    replace_file(file, page)
    console.print(f"report ({len(page) / 1e6:.1f} MB): {file}", highlight=False)
    return file


def render(run: Run) -> str:
    """The page. Raises :class:`RunError` for a run without a finished cell."""
    rows = run.rows()
    if not rows:
        raise RunError(f"{run.folder} has no finished cell to report")
    cells = figures.frame(rows)
    lines = figures.summary(cells)
    headline = figures.headline(lines)
    plots, left_out = _plots(run.plots_folder)
    about = run.environment()
    values = {
        "run": run.about().get("run_id", run.id),
        "state": run.about().get("state"),
        "sureness": figures.sureness(lines["repeats"]),
        "warnings": trust.warnings(run, cells, lines),
        "failures": [f"{key}: {why['kind']}: {why['reason']}" for key, why in run.failures().items()],
        "lanes": _lanes(headline, figures.ratios(figures.headline(cells), BASE)),
        "load_tables": of_run.of_load(cells),
        "plots": plots,
        "plots_left_out": left_out,
        "environment": _environment(about),
        "settings": _settings(about),
        "cells": [
            (_title(cells, scenario, lane), *details.details(each))
            for scenario, lane, each in of_run.lanes(pd.DataFrame(rows))
        ],
        "css": Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        "js": Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),
    }
    values |= _answers(run, cells) | _percentiles(run, cells)
    values["contents"] = _contents(values)
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    jinja.filters |= {"unbroken": unbroken, "size": size, "look": Look.of}
    return jinja.get_template("report.html").render(values).lstrip()


def _answers(run: Run, cells: pd.DataFrame) -> dict[str, Any]:
    """The question a page opens with, and the answers to it and to every other that can be chosen."""
    headline = figures.headline(cells)
    curves = [Curves(cells, lane, cpus(run)) for lane in answer.lanes(headline)]
    curves = [each for each in curves if each.payloads]  # without one, nothing has a median
    if not curves:
        return {"answer": None, "by_payload": []}
    where = words.where(run)
    opening = answer.opening(curves[0])
    asked = [(each, question) for each in curves for question in answer.questions(each)]
    lines, sentences = by_payload.by_payload(curves)
    return {
        "answer": answer.answer(curves[0], opening, where),
        "answers": (answer.answer(each, question, where) for each, question in asked),
        "payloads": [(payload, size(payload)) for payload in sorted({q.payload_bytes for _, q in asked})],
        "rates": [(rate, f"{rate:,.0f} a second") for rate in answer.RATES],
        "handlers": [(us, micros(us) if us else "no time") for us in answer.HANDLERS_US],
        "question_lanes": [each.lane for each in curves],
        "lane_words": of_run.LANE_WORDS,
        "by_payload": lines,
        "crossings": sentences,
    }


def _lanes(headline: pd.DataFrame, ratios: pd.DataFrame) -> list[dict[str, Any]]:
    found = []
    for scenario, lane, each in of_run.lanes(headline):
        sizes = [size(at) for at in sorted(each["payload_bytes"].unique())]
        found.append(
            {
                "title": _title(headline, scenario, lane),
                "words": of_run.LANE_WORDS.get(lane, ""),
                "latency": of_run.by_payload(each),
                "everything": of_run.of_one(each, ratios),
                "sizes": sizes,
                "shown": sizes[:2][-1],
            }
        )
    return found


def _plots(folder: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """The run's SVGs as names and ``data:`` addresses, the most general first; names of those left out for their size.
    As images they can neither run anything nor clash with each other."""
    files = sorted(
        folder.glob("*.svg"), key=lambda file: (FIRST.index(file.stem) if file.stem in FIRST else 9, file.stem)
    )
    plots: list[tuple[str, str]] = []
    left_out: list[str] = []
    room = LARGEST_BYTES
    for file in files:
        address = f"data:image/svg+xml;base64,{base64.b64encode(file.read_bytes()).decode()}"
        if len(address) > room:
            left_out.append(file.stem)
            continue
        room -= len(address)
        plots.append((file.stem, address))
    return plots, left_out


def _percentiles(run: Run, cells: pd.DataFrame) -> dict[str, Any]:
    headline = figures.headline(cells)
    found = [
        (_title(cells, scenario, lane), list(percentiles.plots(run, each)))
        for scenario, lane, each in of_run.lanes(headline)
    ]
    plots = [plot for _, each in found for plot in each]
    names = style.ordered({curve.contender for plot in plots for curve in plot.curves})
    return {
        "percentile_lanes": [each for each in found if each[1]],
        "legend": [(name, Look.of(name)) for name in names],
        "sampled": all(plot.from_samples for plot in plots),
        **{edge.lower(): getattr(percentiles, edge) for edge in ("WIDTH", "HEIGHT", "LEFT", "RIGHT", "TOP", "BOTTOM")},
    }


def _title(table: pd.DataFrame, scenario: str, lane: str) -> str:
    """A lane, with its scenario where there are several."""
    return f"{scenario}, lane {lane}" if table["scenario"].nunique() > 1 else f"lane {lane}"


def _environment(about: dict[str, Any]) -> list[tuple[str, str]]:
    """environment.json but the settings, as words and texts."""
    return [(key.replace("_", " "), _text(value)) for key, value in about.items() if key not in ("settings", "resumed")]


def _text(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _settings(about: dict[str, Any]) -> list[tuple[str, list[tuple[str, list[tuple[str, str]]]]]]:
    """By contender: lanes that are set up alike, and their settings."""
    found = []
    for contender in style.ordered(about.get("settings", {})):
        alike: dict[str, tuple[list[str], dict[str, str]]] = {}
        for lane, settings in about["settings"][contender].items():
            alike.setdefault(json.dumps(settings), ([], settings))[0].append(lane)
        groups = [(f"lane {', '.join(lanes)}", list(settings.items())) for lanes, settings in alike.values()]
        found.append((contender, groups))
    return found


def _contents(values: dict[str, Any]) -> list[tuple[str, str]]:
    sections = [
        *(("by-payload", "Fastest by payload", "by_payload"), ("trust", "How far to trust this", "")),
        *(("latency", "Latency and cost", ""), ("load", "Load", "load_tables")),
        *(("percentiles", "Percentiles", "percentile_lanes"), ("plots", "Plots", "plots")),
        *(("environment", "Environment", ""), ("settings", "Settings", "settings"), ("cells", "Every cell", "")),
    ]
    return [(target, name) for target, name, needs in sections if not needs or values[needs]]
