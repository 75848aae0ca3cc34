"""What a command leaves that is no run of a scenario: ``results/<kind>-<time>/``, beside the runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


@contextmanager
def new(results: Path, kind: str) -> Iterator[Path]:
    """A fresh folder; gone again when the block is left by an exception. Raises OSError."""
    results.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime(f"{kind}-%Y-%m-%dT%H-%M-%SZ")
    number = 0
    while True:
        folder = results / f"{stamp}{f'_{number}' if number else ''}"
        try:
            folder.mkdir()
            break
        except FileExistsError:
            number += 1
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
