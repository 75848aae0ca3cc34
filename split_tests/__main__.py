"""python -m split_tests [PACKAGE ...] [--recorded]: run the suites in every way, and write the table.

Without names all packages of `packages.toml`, half an hour; with names the others keep their rows. `--recorded` runs
nothing and counts the last runs anew. Exit status 1: a floor is not reached. 2: a suite could not be run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from . import environment, running, table
from .catalogue import CatalogueError, Package, package, packages
from .causes import PASSED

CSV = environment.ROOT / "results" / "reference" / "split_tests.csv"
PAGE = environment.ROOT / "docs" / "library" / "split-tests.md"
WAYS = ("plain", "observed", *table.WAYS)

# Tests that pass with pickle, as pytest's last line counts them: more than the table does, see table.Row.
FLOORS = {"python-slugify": 137, "jsonpatch": 358}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m split_tests", description=__doc__)
    parser.add_argument("package", nargs="*", help="as packages.toml names it")
    parser.add_argument("--recorded", action="store_true", help="count the last runs anew")
    options = parser.parse_args()
    try:
        chosen = [package(name) for name in options.package] or packages()
        if not options.recorded:
            environment.prepare(packages())
        rows = [row for each in chosen for row in table.rows_of(each, _outcomes(each, options.recorded))]
    except (CatalogueError, environment.NotAvailable, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        print(f"split-tests: {error}", file=sys.stderr)
        return 2
    named = {each.name for each in chosen}
    others = [row for row in (table.read_csv(CSV) if CSV.exists() else []) if row.package not in named]
    order = [each.name for each in packages()]
    rows = sorted((row for row in [*rows, *others] if row.package in order), key=lambda row: order.index(row.package))
    table.write_csv(rows, CSV)
    table.write_markdown(rows, PAGE)
    print(table.markdown(rows))
    below = table.below_floor(rows, FLOORS)
    print(*below, sep="\n", file=sys.stderr)
    return 1 if below else 0


def _outcomes(each: Package, recorded: bool) -> dict[str, running.Outcomes]:
    outcomes = {}
    for over in WAYS:
        if recorded:
            outcomes[over] = running.recorded(each, over)
            continue
        began = time.monotonic()
        outcomes[over] = running.run(each, over)
        passed = sum(entry["outcome"] == PASSED for entry in outcomes[over].values())
        print(f"{each.name} {over}: {passed} passed, {time.monotonic() - began:.0f} s", flush=True)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
