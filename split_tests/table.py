"""The counts of all runs as rows of a CSV, and as tables of Markdown. Pure but for the two files."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from . import causes
from .catalogue import Package

Outcomes = Mapping[str, Mapping[str, Any]]

WAYS = {"json": "json", "msgpack": "msgpack", "pickle": "pickle", "pipe": "pickle over a Pipe"}
BEGIN, END = "<!-- split-tests: begin -->", "<!-- split-tests: end -->"


class Row(NamedTuple):
    """How many of a package's tests came to what, in one way."""

    package: str
    version: str
    kind: str
    over: str
    """"plain", or a key of :data:`WAYS`."""
    outcome: str
    """"passed", "passed by pytest" (which counts a test as passed of which only subtests have failed), or a cause."""
    tests: int
    """Of those that pass plain."""


def rows_of(package: Package, by_way: Mapping[str, Outcomes]) -> list[Row]:
    """`by_way`: the outcomes of the ways "plain", "observed" and those of :data:`WAYS`."""
    about = package.name, package.version, package.kind
    passing = [test for test, entry in by_way["plain"].items() if entry["outcome"] == causes.PASSED]
    rows = [Row(*about, "plain", causes.PASSED, len(passing))]
    for over in WAYS:
        counts = Counter(_counted(test, over, by_way) for test in passing)
        split = by_way[over]
        by_pytest = sum(
            split.get(test, {}).get("outcome") in (causes.PASSED, causes.SUBTESTS_FAILED) for test in passing
        )
        rows.append(Row(*about, over, causes.PASSED, counts[causes.PASSED]))
        rows.append(Row(*about, over, "passed by pytest", by_pytest))
        rows += [Row(*about, over, cause, counts[cause]) for cause in causes.ALL if counts[cause]]
    return rows


def _counted(test: str, over: str, by_way: Mapping[str, Outcomes]) -> str:
    entry = by_way[over].get(test)
    if entry is None:
        return causes.NOT_MADE
    if entry["outcome"] == causes.PASSED:
        return causes.PASSED
    flags = frozenset(by_way["observed"].get(test, {}).get("flags", ()))
    is_own = over in ("json", "msgpack")
    with_pickle = is_own and by_way["pickle"].get(test, {}).get("outcome") == causes.PASSED
    return causes.cause(entry.get("error", {"chain": []}), flags, passes_with_pickle=with_pickle)


def write_csv(rows: Iterable[Row], file: Path) -> None:
    with file.open("w", newline="") as output:
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)


def read_csv(file: Path) -> list[Row]:
    with file.open(newline="") as source:
        header, *lines = csv.reader(source)
    if tuple(header) != Row._fields:
        raise ValueError(f"{file} has the columns {header}, not {list(Row._fields)}")
    return [Row._make([*texts, int(tests)]) for *texts, tests in lines]


def below_floor(rows: Iterable[Row], floors: Mapping[str, int]) -> list[str]:
    """What the table must not show, as sentences: fewer with pickle than over a Pipe, or than a package's floor.

    `floors`: tests that must pass with pickle, as pytest counts.
    """
    counts = {(row.package, row.over, row.outcome): row.tests for row in rows}
    found = []
    for package in dict.fromkeys(package for package, _, _ in counts):
        ours, pipe = (counts.get((package, over, causes.PASSED), 0) for over in ("pickle", "pipe"))
        if ours < pipe:
            found.append(f"{package}: {ours} tests pass with pickle, {pipe} over a Pipe")
    for package, floor in floors.items():
        passed = counts.get((package, "pickle", "passed by pytest"), 0)
        if passed < floor:
            found.append(f"{package}: {passed} tests pass with pickle, fewer than {floor}")
    return found


def markdown(rows: list[Row]) -> str:
    counts = {(row.package, row.over, row.outcome): row.tests for row in rows}
    packages = {row.package: row for row in rows}
    lines = _head(["package", "kind", "passed plain", *WAYS.values()])
    for name, row in packages.items():
        passed = [counts.get((name, over, causes.PASSED), 0) for over in ("plain", *WAYS)]
        lines.append(_line([f"{name} {row.version}", row.kind, *map(_shown, passed)]))
    lines += ["", "Why the others fail, in tests of all packages:", "", *_head(["cause", *WAYS.values()])]
    for cause in causes.ALL:
        sums = [sum(counts.get((name, over, cause), 0) for name in packages) for over in WAYS]
        if any(sums):
            lines.append(_line([cause, *map(_shown, sums)]))
    lines += ["", "With pickle, by package:", ""]
    for name in packages:
        found = [
            f"{cause} {counts[name, 'pickle', cause]}" for cause in causes.ALL if (name, "pickle", cause) in counts
        ]
        lines.append(f"- {name}: {', '.join(found) or 'all pass'}")
    return "\n".join(lines)


def write_markdown(rows: list[Row], file: Path) -> None:
    """Between the markers of a file. Raises ValueError when it has none."""
    text = file.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no {BEGIN} followed by {END}: the table goes between them")
    file.write_text(f"{before}{BEGIN}\n\n{markdown(rows)}\n\n{END}{after}")


def _head(titles: list[str]) -> list[str]:
    return [_line(titles), _line(["---"] * len(titles))]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(count: int) -> str:
    return f"{count:,}"
