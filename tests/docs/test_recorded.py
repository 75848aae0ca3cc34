"""A page that records a program: its commands are run in their order, in one folder, and print what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, is_recorded, name_of

NUMBER = re.compile(r"\d[\d.,]*( (B|kB|us|ms|s)\b)?")
RECORDING = [page for page in PAGES if is_recorded(page)]


@pytest.mark.parametrize("page", RECORDING, ids=name_of)
def test_what_a_page_records_is_recorded_and_answered_as_it_shows(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "python"):
        if block.title:
            (tmp_path / block.title).write_text(block.text)
    for block in blocks(page, "console"):
        for part in [] if block.reason else block.text.split("$ ")[1:]:
            line, _, shown = part.partition("\n")
            typed = [sys.executable, *shlex.split(line)[1:]]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(
                typed,
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=True,
            )
            assert numberless(done.stdout.replace(f"{tmp_path}/", "")) == numberless(shown), line


def numberless(text: str) -> list[str]:
    """Lines in no order: of what ends at about the same time, either may come first."""
    return sorted(NUMBER.sub("N", line) for line in text.splitlines())
