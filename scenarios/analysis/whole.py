"""Notebook 05: the whole program, by contender, and what each function is of it, as the page of a replay has them."""

from __future__ import annotations

from pathlib import Path

from scenarios.analysis.notebook import Picture, Prose
from scenarios.plots import splitting
from scenarios.records import environment
from scenarios.tables import of_replay
from scenarios.tables.markdown import markdown


def programs(folder: Path) -> Prose:
    """What the program takes today, and with every function split off that a contender carries."""
    replay = of_replay.read(folder, of_replay.REPLAY)
    headings, lines = of_replay.programs(replay["program"])
    if not lines:
        return Prose("*No function of this recording could be replayed.*")
    callers, workers = (replay["options"][name] for name in ("callers", "workers"))
    bound = f"\n\n*At most*: with {callers} callers in parallel and {workers} workers." if "at most" in headings else ""
    return Prose(markdown(headings, lines) + bound)


def shares(folder: Path) -> Picture | Prose:
    """The cost of splitting each function off against its share of the program's time."""
    replay = of_replay.read(folder, of_replay.REPLAY)
    drawn = splitting.sheet(replay["functions"], environment.in_one_line(replay["environment"]))
    return Prose("*No function of this recording could be replayed.*") if drawn is None else Picture(drawn)
