"""What is left of a question where to cut: ``results/cuts-<time>/`` beside the runs of scenarios, which it is none of.

cuts.json      every figure
cuts.png, .svg the picture
report.html    all of it as a page that needs no other file
"""

from __future__ import annotations

import json
from pathlib import Path

from scenarios.cuts.document import Found
from scenarios.pages.page import FILE, Part, Picture, Sentences, render
from scenarios.plots import modules
from scenarios.records.store import replace_file
from scenarios.tables import of_cuts

KIND = "cuts"


def write(found: Found, said: list[str], folder: Path, recording: str, about: str) -> None:
    """Everything. `said`: the sentences. `about`: in one line, the run whose figures calls were given."""
    replace_file(folder / of_cuts.FILE, json.dumps(found, indent=2).encode() + b"\n")
    drawn = modules.sheet(found, about)
    png = drawn.png()
    replace_file(folder / "cuts.png", png)
    replace_file(folder / "cuts.svg", drawn.svg())
    first, *others = (of_cuts.cuts(found), of_cuts.groups(found), of_cuts.modules(found), of_cuts.stays(found))
    parts: list[Part] = [first] if first is not None else []
    parts += [Sentences(said), Picture(png, "The modules of the program, and the calls from each to the others")]
    parts += [each for each in others if each is not None]
    page = render(
        title=f"Where to cut: {recording}",
        heading="Where to cut this program",
        about=f"{recording}, {found['seconds']:.3g} s as it was recorded, {found['cpu_seconds']:.3g} s of CPU time",
        parts=parts,
        environment=about,
    )
    replace_file(folder / FILE, page.encode())
