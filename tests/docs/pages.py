"""README.md and the pages of docs/, taken apart: their blocks of code, and why one is not run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?"
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One fenced block."""

    language: str
    title: str
    text: str
    reason: str
    """Why it is not run; empty when it is."""


def name_of(page: Path) -> str:
    """As it is called in the project."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str = "") -> list[Block]:
    """The blocks of a page in their order; of one language where it is named."""
    found = [Block(*(each[group] or "" for group in Block._fields)) for each in BLOCK.finditer(page.read_text())]
    return [block for block in found if language in ("", block.language)]


def commands(page: Path) -> list[str]:
    """What a reader would type, without the comments behind."""
    lines = [line for block in blocks(page, "console") if not block.reason for line in block.text.splitlines()]
    return [line[2:].split("#")[0].strip() for line in lines if line.startswith("$ ")]


def is_recorded(page: Path) -> bool:
    """Whether the commands of a page are about a program of its own: test_recorded.py runs them, in their order."""
    return any("-m shm_rpc_bridge.record " in line for line in commands(page))


def is_served(command: str) -> bool:
    """Whether it serves a module, or needs one that is served: test_served.py runs these together."""
    return any(f"-m shm_rpc_bridge {each} " in command for each in ("serve", "call", "ping", "stat"))
