"""The files of a recording: ``calls.rec``, and of each further process one beside it, ``calls.rec.4711``."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from shm_rpc_bridge.record import blocks

_PROCESS = re.compile(r"\.\d+(-\d+)?")


def beside(first: str | os.PathLike[str]) -> list[Path]:
    """Those that other processes have written, if they are recordings: that is only seen when they are read."""
    path = Path(first)
    there = path.parent.glob(glob.escape(path.name) + ".*")
    return sorted(each for each in there if _PROCESS.fullmatch(each.name[len(path.name) :]))


def clear(output: str | os.PathLike[str], *, force: bool) -> None:
    """Remove an earlier recording. FileExistsError without `force`, and always for a file that is no recording."""
    there = [each for each in (Path(output), *beside(output)) if os.path.lexists(each)]
    if there and not force:
        raise FileExistsError(f"{there[0]} exists; take another name, or replace it with --force (force=True)")
    for path in there:
        if not _is_one(path):
            raise FileExistsError(f"{path} is no recording, so it is not replaced; take another name")
    for path in there:
        os.unlink(path)


def fresh(path: str) -> str:
    """A name of a process's own: it may have become another program, or its number be that of one that has ended."""
    number, found = 2, path
    while os.path.exists(found):
        number, found = number + 1, f"{path}-{number}"
    return found


def _is_one(path: Path) -> bool:
    """Or an empty file, in which one has only begun."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(blocks.MAGIC)) in (b"", blocks.MAGIC)
