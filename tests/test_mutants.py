"""What `make mutants` is told: that the tests it runs, and the lines whose survival is explained, are there."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LISTED = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())


@pytest.mark.parametrize("module", LISTED["tests"])
def test_each_module_and_each_test_that_answers_for_it_exists(module: str) -> None:
    tests = LISTED["tests"][module]
    assert tests
    assert len(set(tests)) == len(tests)
    assert [name for name in (module, *tests) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("module", {survivor["module"]: None for survivor in LISTED["survivor"]})
def test_each_survivor_is_of_a_line_that_its_module_has_and_says_why(module: str) -> None:
    assert module in LISTED["tests"]
    lines = [line.strip() for line in (ROOT / module).read_text().splitlines()]
    explained = Counter[tuple[str, str]]()
    for survivor in LISTED["survivor"]:
        if survivor["module"] == module:
            assert survivor.keys() == {"module", "line", "becomes", "why"}
            assert survivor["why"].strip()
            assert survivor["becomes"] != survivor["line"]
            explained[survivor["line"], survivor["becomes"]] += 1
    gone = {(line, times) for (line, _), times in explained.items() if _occurrences(line, lines) < times}
    assert gone == set()


def _occurrences(changed: str, lines: list[str]) -> int:
    """Of a line, or of several that stand below each other."""
    return sum(
        any(" ".join(lines[start:end]) == changed for end in range(start + 1, min(start + 6, len(lines)) + 1))
        for start in range(len(lines))
    )
