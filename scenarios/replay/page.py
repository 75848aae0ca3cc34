"""``report.html`` of a replay: the tables, sentences and the picture of the terminal, as one page.

It needs no other file and no network.
"""

from __future__ import annotations

import base64
from pathlib import Path

import jinja2

from scenarios.replay import sentences, tables
from scenarios.replay.study import Study

TEMPLATES = Path(__file__).parent / "templates"
FILE = "report.html"


def render(study: Study, picture: bytes | None, environment: str) -> str:
    """The page. `picture`: a PNG. `environment`: in one line, what it was measured with."""
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    recording = study.prepared.recording
    rhythm = [tables.of_rhythm(study), tables.of_functions_in_rhythm(study)]
    others = [tables.of_program(study), tables.of_contenders(study), *rhythm]
    return (
        jinja.get_template("replay.html")
        .render(
            program=recording.processes[0].program,
            seconds=recording.seconds,
            verdicts=tables.of_verdicts(study),
            sentences=list(sentences.of_study(study)),
            tables=[*(each for each in others if each is not None), tables.of_travel(study.prepared)],
            travel=list(sentences.of_travel(study.prepared)),
            picture=base64.b64encode(picture).decode() if picture else "",
            environment=environment,
        )
        .lstrip()
    )
