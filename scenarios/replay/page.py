"""``report.html`` of a replay: the tables, sentences and the picture of the terminal, as one page."""

from __future__ import annotations

from scenarios.pages.page import Part, Picture, Sentences
from scenarios.pages.page import render as rendered
from scenarios.replay import sentences, tables
from scenarios.replay.study import Study


def render(study: Study, picture: bytes | None, environment: str) -> str:
    """The page. `picture`: a PNG. `environment`: in one line, what it was measured with."""
    recording = study.prepared.recording
    program = recording.processes[0].program
    parts: list[Part] = [tables.of_verdicts(study)]
    if picture:
        parts.append(Picture(picture, "Cost of splitting a function off against its share of the program's time"))
    parts.append(Sentences(list(sentences.of_study(study))))
    others = [tables.of_program(study), tables.of_contenders(study)]
    others += [tables.of_rhythm(study), tables.of_functions_in_rhythm(study)]
    parts += [each for each in others if each is not None]
    parts += [tables.of_travel(study.prepared), Sentences(list(sentences.of_travel(study.prepared)))]
    return rendered(
        title=f"Replayed: {program}",
        heading="What it would cost to split this program",
        about=f"{program}, {recording.seconds:.3g} s as it was recorded",
        parts=parts,
        environment=environment,
    )
