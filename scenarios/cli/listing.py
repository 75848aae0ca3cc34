"""What there is: the scenarios that come with the project, and every contender, with a sentence each."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from contenders.interface import Contender
from contenders.registry import ContenderUnavailable
from scenarios.plan import scenario_files


def show(catalogue: Mapping[str, type[Contender]], console: Console) -> None:
    """Print them. A contender that cannot be loaded says what to do about it."""
    console.print(
        _table(
            "scenarios: python -m scenarios run NAME",
            {
                name: scenario_files.read(scenario_files.find(name), catalogue).description
                for name in scenario_files.names()
            },
        )
    )
    console.print(
        _table("contenders: --only contender=NAME[,NAME]", {name: _contender(name, catalogue) for name in catalogue})
    )


def _contender(name: str, catalogue: Mapping[str, type[Contender]]) -> str:
    try:
        kind = catalogue[name]
    except ContenderUnavailable as error:
        return f"not available: {error.remedy}"
    return f"{kind.summary or 'its author says nothing of it.'} Lanes: {', '.join(kind.lanes)}."


def _table(title: str, lines: Mapping[str, str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in lines.items():
        table.add_row(name, text)
    return table
