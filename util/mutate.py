#!/usr/bin/env python3
"""Change the code in one place at a time and see whether a test fails: cosmic-ray's mutations, and lost statements.

    python util/mutate.py [MODULE.py ...] [--jobs N]

Which tests answer for which module, and the survivors that are known with the reason, are in tests/mutants.toml.
Exit code 1 when a mutant survives that is not explained there, or one that is explained is killed or gone.
The tests run in copies of the checkout, never in it. Hours for everything, minutes for a module.
"""

import argparse
import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import Keyword, Name

ROOT = Path(__file__).resolve().parent.parent
LISTED = ROOT / "tests" / "mutants.toml"

# Of 213 operators those that change what a line means. Left out: a comparison by identity for one by value, an
# arithmetic operator for all ten others, what reads annotations (`|`), and changes of variables that need a name.
OPERATORS = re.compile(
    r"core/(AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceBreakWithContinue"
    r"|ReplaceContinueWithBreak|NumberReplacer|RemoveDecorator|ZeroIterationForLoop"
    r"|ReplaceUnaryOperator_(Delete_Not|Delete_USub|USub_UAdd)"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Mul|Pow_Mul|LShift_RShift|RShift_LShift"
    r"|BitAnd_BitOr)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt|Is_IsNot"
    r"|IsNot_Is))"
)


class RemoveStatement(Operator):
    """A statement that is only a call, an assignment to an attribute or a `raise` becomes `pass`."""

    def mutation_positions(self, node):
        if node.type != "simple_stmt":
            return
        statement = node.children[0]
        code = statement.get_code(include_prefix=False)
        is_call = statement.type in ("atom_expr", "power") and code.endswith(")") and not code.startswith("logger.")
        is_assignment = statement.type == "expr_stmt" and statement.children[0].type in ("atom_expr", "power")
        if is_call or is_assignment or statement.type == "raise_stmt":
            yield statement.start_pos, statement.end_pos

    def mutate(self, node, index):
        statement = node.children[0]
        node.children[0] = Keyword("pass", statement.start_pos, statement.get_first_leaf().prefix)
        return node

    @classmethod
    def examples(cls):
        return (
            Example("wake(1)\n", "pass\n"),
            Example("self.a = 1\n", "pass\n"),
            Example("raise OSError\n", "pass\n"),
        )


class CatchNothing(Operator):
    """`except ():`; cosmic-ray's own operator for this fails at classes with a module before them."""

    def mutation_positions(self, node):
        if node.type == "except_clause":
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node, index):
        node.children[1] = Name("()", node.children[1].start_pos, " ")
        return node

    @classmethod
    def examples(cls):
        return (Example("try: f()\nexcept OSError: pass\n", "try: f()\nexcept (): pass\n"),)


class Mutant(NamedTuple):
    module: str
    """Its path from the root."""
    line: str
    """What the changed lines were, without indentation, and what they became."""
    becomes: str
    source: str
    """Of the whole module, mutated."""


def mutants_of(module: str) -> Iterator[Mutant]:
    """Each once, though two operators may make the same of a line."""
    source = (ROOT / module).read_text()
    seen = {source}
    operators = [get_operator(name)() for name in operator_names() if OPERATORS.fullmatch(name)]
    for operator in [RemoveStatement(), CatchNothing(), *operators]:
        places = sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(get_ast(source)))
        for place in range(places):
            mutated = mutate_code(source, operator, place)
            if mutated not in seen:
                seen.add(mutated)
                yield Mutant(module, *changed_lines(source, mutated), mutated)


def changed_lines(before: str, after: str) -> tuple[str, str]:
    changes = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    removed, added = (" ".join(line[2:].strip() for line in changes if line.startswith(sign)) for sign in "-+")
    return removed, added


class Checkout:
    """A copy of what is under version control, in which one mutant at a time is tested."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout
        for name in filter(None, tracked.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    def is_killed(self, mutant: Mutant, tests: list[str], limit_seconds: float) -> bool:
        changed = self.folder / mutant.module
        original = changed.read_bytes()
        try:
            self._write(changed, mutant.source.encode())
            return self.test(tests, limit_seconds)[0] != 0
        finally:
            self._write(changed, original)

    @staticmethod
    def _write(module: Path, source: bytes) -> None:
        """Also forget its bytecode, which Python takes for current when size and second are the same."""
        module.write_bytes(source)
        for compiled in module.parent.glob(f"__pycache__/{module.stem}.*"):
            compiled.unlink()

    def test(self, tests: list[str], limit_seconds: float) -> tuple[int, str]:
        """The exit code and what was printed. What hangs is ended with all that it has started."""
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(self.folder)}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "pytest_timeout", "-p", "no:cacheprovider", *tests]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                printed, _ = process.communicate(timeout=limit_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return 1, "timeout"
        return process.returncode, printed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE.py", help="default: all in tests/mutants.toml")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    options = parser.parse_args()
    listed = tomllib.loads(LISTED.read_text())
    modules = options.modules or list(listed["tests"])
    unknown = [module for module in modules if module not in listed["tests"]]
    if unknown:
        parser.error(f"{LISTED.relative_to(ROOT)} names no tests for {', '.join(unknown)}")
    is_as_explained = True
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        free: Queue[Checkout] = Queue()
        for number in range(options.jobs):
            free.put(Checkout(Path(folder, str(number))))
        for module in modules:
            survivors = survivors_of(module, listed["tests"][module], free, options.jobs)
            found = Counter((mutant.line, mutant.becomes) for mutant in survivors)
            explained = Counter((one["line"], one["becomes"]) for one in listed["survivor"] if one["module"] == module)
            for line, becomes in sorted((found - explained).elements()):
                print(f"\nsurvived:\n  - {line}\n  + {becomes}", flush=True)
            for line, becomes in sorted((explained - found).elements()):
                print(f"\nexplained, but killed or gone:\n  - {line}\n  + {becomes}", flush=True)
            is_as_explained = is_as_explained and found == explained
    return 0 if is_as_explained else 1


def survivors_of(module: str, tests: list[str], free: "Queue[Checkout]", jobs: int) -> list[Mutant]:
    checkout = free.get()
    began = time.monotonic()
    code, printed = checkout.test(tests, 600)
    free.put(checkout)
    if code:
        sys.exit(f"the tests of {module} fail without a mutant:\n{printed}")
    limit_seconds = 10 + 5 * (time.monotonic() - began)

    def survives(mutant: Mutant) -> bool:
        checkout = free.get()
        try:
            return not checkout.is_killed(mutant, tests, limit_seconds)
        finally:
            free.put(checkout)

    mutants = list(mutants_of(module))
    with ThreadPoolExecutor(jobs) as pool:
        survivors = [mutant for mutant, left in zip(mutants, pool.map(survives, mutants), strict=True) if left]
    print(f"{module}: {len(mutants) - len(survivors)} of {len(mutants)} killed", flush=True)
    return survivors


if __name__ == "__main__":
    sys.exit(main())
