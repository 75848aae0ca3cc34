"""Run the notebooks on a run, by default on results/reference, and keep what they show: ``make notebooks-executed``.

The parameter cell stays as it is in the file: only while it runs does it name the run. Nothing that changes from one
execution to the next, such as the time, is kept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PARAMETERS = "parameters"
PATIENCE_S = 300


def parameter_cells(book: Any) -> list[Any]:
    """The cells a notebook takes its parameters from: there is one."""
    return [cell for cell in book.cells if PARAMETERS in cell.metadata.get("tags", [])]


def execute(path: Path, run: str, before: str = "") -> Any:
    """A copy of the notebook, executed on `run`, with code to run `before` all else; raises what a cell raises."""
    book = nbformat.read(path, as_version=4)
    (parameters,) = parameter_cells(book)
    source = parameters.source
    parameters.source = f"{before}\n{source}\nRUN = {run!r}"
    NotebookClient(
        book,
        timeout=PATIENCE_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        # Asked politely, a kernel in which warnings are errors fails to end: that was waited for, 2.5 s each.
        shutdown_kernel="immediate",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # not what it thinks of its own sockets
    ).execute()
    parameters.source = source
    book.metadata.language_info = {"name": "python"}  # without the exact version
    return book


def main() -> int:
    """Execute and rewrite; says which as it goes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=sorted(NOTEBOOKS.glob("*.ipynb")))
    parser.add_argument("--run", default=str(ROOT / "results" / "reference"), help="default: %(default)s")
    asked = parser.parse_args()
    for path in asked.notebooks:
        print(path.name, flush=True)
        nbformat.write(execute(path, asked.run), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
