"""The notebooks run without a warning, show what is committed in them, and hold prose and calls only."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

from scenarios.records.store import Run

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REFERENCE = ROOT / "results" / "reference"
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
WARNINGS_ARE_ERRORS = 'import warnings\nwarnings.simplefilter("error")'
# Most of its time would go into drawing, which tests/scenarios/plots does of the same pictures.
WITHOUT_DRAWING = """
from scenarios.plots.sheet import Sheet
Sheet.finish = lambda sheet, about: sheet
Sheet.png = lambda sheet: b""
"""


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("execute_notebooks", ROOT / "util" / "execute_notebooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()


def _book(path: Path) -> Any:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book


def _code(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def _words(book: Any) -> list[str]:
    """What the cells show, without the pictures."""
    return [
        str(output.get("data", {}).get("text/markdown", output.get("data", {}).get("text/plain", output)))
        for cell in _code(book)
        for output in cell.outputs
    ]


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_five() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_latency_by_payload",
        "02_where_the_time_goes",
        "03_load_and_concurrency",
        "04_which_ipc_for_me",
        "05_a_program_of_your_own",
    ]


@every_notebook
def test_it_runs_on_the_reference_without_a_warning_and_shows_what_is_committed(path: Path) -> None:
    fresh = TOOL.execute(path, str(REFERENCE), before=WARNINGS_ARE_ERRORS + WITHOUT_DRAWING)
    assert _words(fresh) == _words(_book(path)), "make notebooks-executed brings them up to date"


@every_notebook
def test_it_is_committed_executed_on_the_reference_without_an_error(path: Path) -> None:
    book = _book(path)
    cells = _code(book)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data"}
    assert f"**Run `{Run(REFERENCE).about()['run_id']}`**" in _words(book)[0]


@every_notebook
def test_nothing_of_the_machine_it_was_executed_on_is_in_the_file(path: Path) -> None:
    text = path.read_text()
    assert str(ROOT) not in text
    assert " object at 0x" not in text


@every_notebook
def test_it_takes_its_run_from_the_one_parameter_cell_and_the_file_names_none(path: Path) -> None:
    book = _book(path)
    (parameters,) = TOOL.parameter_cells(book)
    assert parameters is _code(book)[0]
    assert "\nRUN = None" in parameters.source
    assert all("RUN =" not in cell.source for cell in _code(book)[1:])


@every_notebook
def test_it_defines_nothing(path: Path) -> None:
    for cell in _code(_book(path)):
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, DEFINITIONS)]


@every_notebook
def test_it_imports_nothing_but_the_harness_and_what_shows_it(path: Path) -> None:
    trees = [ast.parse(cell.source) for cell in _code(_book(path))]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    assert not [node for node in nodes if isinstance(node, ast.Import)]
    modules = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} == {"IPython", "scenarios"}


@every_notebook
def test_there_is_prose_between_what_it_shows(path: Path) -> None:
    kinds = [cell.cell_type for cell in _book(path).cells]
    assert kinds[0] == "markdown"
    assert not [place for place in range(3, len(kinds)) if kinds[place - 2 : place + 1] == ["code"] * 3]


@every_notebook
def test_its_links_lead_to_files(path: Path) -> None:
    text = "".join(cell.source for cell in _book(path).cells if cell.cell_type == "markdown")
    for target in [part.split(")")[0] for part in text.split("](")[1:]]:
        assert (path.parent / target).exists(), target
