"""The table of what is survived: the rows of the fault contract, the tests that prove each, what was measured.

Rows are ``tests/shm_rpc_bridge/faults.toml``. A test says with ``@pytest.mark.fault("id")`` which row it proves; the
marks are read from the source, so nothing is imported or run here. Figures are ``results/reference/reliability.csv``,
which ``make soak`` writes.
"""

from __future__ import annotations

import ast
import csv
import tomllib
from pathlib import Path
from typing import NamedTuple

TESTS = Path("tests") / "shm_rpc_bridge"
FIGURES = "reliability.csv"
"""In results/reference."""


class Row(NamedTuple):
    """One promise."""

    id: str
    family: str
    fault: str
    promise: str


def rows(project: Path) -> list[Row]:
    """The contract, in its order."""
    with (project / TESTS / "faults.toml").open("rb") as file:
        return [Row(**row) for row in tomllib.load(file)["row"]]


def proofs(project: Path) -> dict[str, dict[Path, list[str]]]:
    """For each row's id the names of its tests, by file relative to `project`."""
    found: dict[str, dict[Path, list[str]]] = {}
    for path in sorted((project / TESTS).rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        of_all = [mark for node in module.body if _is_pytestmark(node) for mark in _marks(node)]
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for fault in dict.fromkeys([*of_all, *(mark for each in node.decorator_list for mark in _marks(each))]):
                    found.setdefault(fault, {}).setdefault(path.relative_to(project), []).append(node.name)
    return found


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(to, ast.Name) and to.id == "pytestmark" for to in node.targets
    )


def _marks(node: ast.AST) -> list[str]:
    """The arguments of every ``pytest.mark.fault(...)`` in `node`."""
    return [
        str(call.args[0].value)
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "fault"
        and isinstance(call.args[0], ast.Constant)
    ]


def figures(folder: Path) -> list[dict[str, str]]:
    """What the soak has left in `folder`; nothing before it ran."""
    file = folder / FIGURES
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def section(project: Path) -> str:
    """The contract as Markdown: a table for each family of faults."""
    tests = proofs(project)
    measured = figures(project / "results" / "reference")
    parts: list[str] = []
    family = None
    for row in rows(project):
        if row.family != family:
            family = row.family
            parts += ["", f"| {family} | what is seen | tests | measured |", "|---|---|---|---|"]
        files = [f"`{_named(path)}` {len(names)}" for path, names in tests.get(row.id, {}).items()]
        values = [_figure(each) for each in measured if each["fault"] == row.id]
        parts.append(f"| {row.fault} | {row.promise} | {'<br>'.join(files)} | {'<br>'.join(values)} |")
    if measured:
        about = dict.fromkeys(f"{each['machine']} · commit {each['commit']}" for each in measured)
        days = sorted({each["when"].split()[0] for each in measured})
        when = " to ".join(dict.fromkeys((days[0], days[-1])))
        parts += ["", f"Measured by `make soak` on {'; '.join(about)} · {when}."]
    return "\n".join(parts[1:]) + "\n"


def _named(path: Path) -> str:
    """With its folder, where it is in one: several have a file of that name."""
    return path.relative_to(TESTS).with_suffix("").as_posix()


def _figure(row: dict[str, str]) -> str:
    times = f" (of {int(row['n']):,})" if int(row["n"]) > 1 and float(row["n"]) != float(row["value"]) else ""
    value = float(row["value"])
    shown = f"{value:,.0f}" if value == int(value) else f"{value:.3g}"
    return f"{row['what']}: {shown} {row['unit']}{times}"
