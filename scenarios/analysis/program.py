"""Notebook 05: a program of one's own, as a replay of its calls has found it."""

from __future__ import annotations

from pathlib import Path

from scenarios.analysis.notebook import OpenedRun, Picture, Prose
from scenarios.common.units import micros
from scenarios.plots import style
from scenarios.plots.sheet import Sheet, handles, times
from scenarios.records import environment
from scenarios.tables import of_replay
from scenarios.tables.markdown import markdown
from scenarios.tables.of_replay import Found

EXAMPLE = "monolith"
"""In a reference run: the replay of ``examples/monolith``."""


def found(opened: OpenedRun, folder: str | None) -> Path:
    """The folder of a replay; that of the example unless another is named."""
    return opened.run.folder / EXAMPLE if folder is None else Path(folder)


def verdicts(folder: Path) -> Prose:
    """What each function is to the program, and whether it is worth moving."""
    replay = _replay(folder)
    said = [
        f"- `{each['function']}`: {each['verdict']['word']}: {each['verdict']['why']}" for each in replay["functions"]
    ]
    recorded = f"Recorded: {replay['recording']['seconds']:.3g} s of the program."
    return Prose("\n\n".join([recorded, markdown(of_replay.VERDICTS, of_replay.verdicts(replay)), "\n".join(said)]))


@style.applied()
def costs(folder: Path) -> Picture | Prose:
    """What a call of each function costs behind each contender that was replayed, beside what it takes today."""
    replay = _replay(folder)
    lines = of_replay.costs(replay)
    if not lines:
        return Prose("*No function of this recording could be replayed.*")
    today = {each["function"]: each["mean_us"] for each in replay["functions"]}
    sheet = Sheet("What a call costs more in another process", 1.1 + 0.5 * len(lines))
    axes = sheet.panels.subplots()
    names = list(lines)[::-1]
    for place, name in enumerate(names):
        for contender, cost in lines[name].items():
            if cost["value"] and cost["value"] > 0:
                axes.plot([cost["value"]], [place], **style.of(contender) | {"linestyle": ""})
        axes.plot([today[name]] * 2, [place - 0.3, place + 0.3], color=style.SOFT, linewidth=1.5)
        where = (today[name], place + 0.3)
        axes.annotate(f"takes {micros(today[name])}", where, (0, 2), textcoords="offset points", ha="center")
    axes.set_yticks(range(len(names)), [name.partition(":")[2] for name in names])
    axes.set_ylim(-0.6, len(names) - 0.3)
    axes.set_xscale("log")
    times(axes.xaxis)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("cost of the median call; the line: what the function takes today")
    marks = handles(style.ordered({contender for each in lines.values() for contender in each}))
    for mark in marks:
        mark.set_linestyle("")
    sheet.legend(marks)
    return Picture(sheet.finish(environment.in_one_line(replay["environment"])))


def proof(folder: Path) -> Prose:
    """What was predicted of the split program, and what came of it."""
    if not (folder / of_replay.PROOF).is_file():
        return Prose("*There is no `proof.json`: `python -m scenarios proof` writes one of the split program.*")
    answer = of_replay.read(folder, of_replay.PROOF)
    return Prose("\n\n".join([markdown(of_replay.CLAIMS, of_replay.claims(answer)), of_replay.held(answer)]))


def _replay(folder: Path) -> Found:
    return of_replay.read(folder, of_replay.REPLAY)
