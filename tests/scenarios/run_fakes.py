"""A runner to be killed: ``python -m tests.scenarios.run_fakes TOML RESULTS [--resume]``, with the fakes."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from scenarios.plan import scenario_files
from scenarios.running import runner
from tests.scenarios.fakes import CATALOGUE


def main() -> int:
    path, results, *options = sys.argv[1:]
    scenario = scenario_files.read(Path(path), CATALOGUE)
    start = runner.resume if options else runner.begin
    run = start(scenario, CATALOGUE, Path(results))
    try:
        return runner.measure(run, scenario, CATALOGUE, Console())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
