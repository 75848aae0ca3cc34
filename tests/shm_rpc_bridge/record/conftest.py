from pathlib import Path
from typing import Iterator

import pytest

from .programs import Program


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """A program's folder, first on the path."""
    found = Program(tmp_path, monkeypatch)
    yield found
    found.forget()
