"""Two runs that are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.rows import repeats, run_of


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs: b is slower than a, c is as a."""
    values = {"a": [50, 51, 49, 50], "b": [75, 76, 74, 75], "c": [50.1, 50.9, 49, 50]}
    for name, p50 in values.items():
        run_of(tmp_path / name, [*repeats("shm", p50), *repeats("zmq", [100, 101, 99, 100])])
    return tmp_path
