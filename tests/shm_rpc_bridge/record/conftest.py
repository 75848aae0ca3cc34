from pathlib import Path
from typing import Iterator

import pytest

from shm_rpc_bridge.record import recorder

from .programs import Program


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """A program's folder, first on the path."""
    found = Program(tmp_path, monkeypatch)
    yield found
    found.forget()


@pytest.fixture(autouse=True)
def no_marks_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that a test marks with ``@recorded`` are in no recording of another test."""
    monkeypatch.setattr(recorder, "_decorated", [])
