"""A study as JSON types, for programs and for the run's folder: every figure that is shown, and those that are not.

NaN, which is a figure that does not exist, is null; so is a batch where no batch is enough, which is infinite.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from scenarios.replay.preparation import Prepared
from scenarios.replay.study import Line, Study
from scenarios.replay.travel import Travel

SCHEMA = 2


def of_study(study: Study) -> dict[str, Any]:
    """The whole answer."""
    prepared = study.prepared
    return {
        **of_prepared(prepared),
        "functions": [_line(study, line) for line in study.lines],
        "program": [_clean(dataclasses.asdict(each)) for each in study.programs],
        "rhythm": [_clean(dataclasses.asdict(each)) for each in study.in_rhythm],
        "failures": [
            {
                "function": function or None,
                "contender": contender,
                "reason": reason,
                "trace": study.measured.traces[function, contender],
            }
            for (function, contender), reason in study.measured.failures.items()
        ],
    }


def of_prepared(prepared: Prepared) -> dict[str, Any]:
    """What is known without measuring."""
    recording, options = prepared.recording, prepared.options
    return {
        "schema": SCHEMA,
        "recording": {
            "path": str(recording.path),
            "seconds": recording.seconds,
            "processes": [_clean(each._asdict()) for each in recording.processes],
            "settings": dict(recording.settings),
        },
        "options": _clean(dataclasses.asdict(options) | {"recording": str(options.recording)}),
        "left_out": list(prepared.left_out),
        "uncalled_functions": list(prepared.uncalled),
        "travel": [_travel(prepared, name) for name in prepared.functions],
    }


def _line(study: Study, line: Line) -> dict[str, Any]:
    now = line.today
    name = now.function
    return {
        "function": name,
        "kind": now.kind,
        "calls": now.calls,
        "seconds": _number(now.seconds),
        "share": _number(now.share),
        "mean_us": _number(now.mean_us),
        "p50_us": _number(now.p50_us),
        "calls_per_s": _number(now.per_s),
        "cpu_seconds": _number(now.cpu_seconds),
        "raised": now.raised,
        "dropped": now.dropped,
        "recorder_us": _number(now.recorder_us),
        "verdict": dataclasses.asdict(line.verdict),
        "direct": _clean(dataclasses.asdict(study.direct[name])) if name in study.direct else None,
        "direct_to_recorded": _number(line.reproduced),
        "contenders": [_clean(dataclasses.asdict(each)) for each in line.splits],
        "not_carried": {
            contender: choice.why_not
            for (function, contender), choice in study.prepared.choices.items()
            if function == name and choice.carrier is None
        },
    }


def _travel(prepared: Prepared, name: str) -> dict[str, Any]:
    found: Travel = prepared.travels[name]
    fields = dataclasses.asdict(found)
    del fields["sizes"]  # of every call
    fields["left_out"] = dict(found.left_out)
    fields["not_replayed"] = prepared.not_run.get(name) or None
    return dict(_clean(fields))


def _clean(value: Any) -> Any:
    """With what JSON cannot say put right."""
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(each) for each in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
