"""What is compared: folders that hold the library's package, or revisions of this project's repository."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from scenarios.ab import measured
from scenarios.ab.measured import PACKAGE
from scenarios.common.errors import CheckoutError
from scenarios.records.environment import PROJECT

CHILD = Path(measured.__file__)


@dataclasses.dataclass(frozen=True)
class Checkout:
    """A version of the library that can be imported."""

    asked: str
    """As it was typed."""
    folder: Path
    """What goes on the import path of the processes that are measured; absolute."""
    file: str
    """The file that is imported from there."""
    version: str

    def __str__(self) -> str:
        revision = "" if Path(self.asked).exists() else f" (revision {self.asked})"
        return f"{PACKAGE} {self.version}, imported from {self.file}{revision}"


def find(asked: str, scratch: Path) -> Checkout:
    """The checkout that `asked` names: a folder, else a revision, whose package is unpacked into `scratch`.

    Raises :class:`scenarios.common.errors.CheckoutError`.
    """
    folder = Path(asked).resolve()
    if not folder.exists():
        folder = _unpacked(asked, scratch)
    if not (folder / PACKAGE / "__init__.py").is_file():
        raise CheckoutError(_no_package(asked, folder))
    done = subprocess.run(
        command("probe"),
        env=environment(folder, scratch),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CheckoutError(
            f"{asked}: its {PACKAGE} cannot be imported: {last_line(done.stderr)}; "
            f"try PYTHONPATH={folder} {sys.executable} -c 'import {PACKAGE}'"
        )
    about = json.loads(done.stdout)
    check_file(asked, folder, about["file"])
    return Checkout(asked, folder, about["file"], about["version"])


def command(role: str, options: object = None) -> list[str]:
    """What starts a measured process. -P: nothing of this project is importable there."""
    return [sys.executable, "-P", str(CHILD), role, json.dumps(options or {})]


def environment(folder: Path, scratch: Path) -> dict[str, str]:
    """That of a measured process: the checkout first, its bytecode in `scratch`.

    So that no checkout begins with more of it than another, and none is left with what it had not.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return kept | {"PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(scratch / "bytecode")}


def check_file(asked: str, folder: Path, file: str) -> None:
    """Raises :class:`CheckoutError` when another library was imported than the one in `folder`."""
    if Path(file) != (folder / PACKAGE / "__init__.py").resolve():
        raise CheckoutError(
            f"{asked}: {file} was imported instead of its {PACKAGE}; see what {sys.executable} has in its site-packages"
        )


def last_line(text: str) -> str:
    """Of a traceback: what was raised."""
    return text.strip().rpartition("\n")[2]


def _unpacked(revision: str, scratch: Path) -> Path:
    """The package as it was in a revision of this project's repository."""
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise CheckoutError(
            f"{revision}: no such folder, and no revision of {PROJECT}; name a folder that holds {PACKAGE} "
            "(git worktree add FOLDER REVISION makes one)"
        )
    name = commit.decode().strip()
    archive = _git("archive", "--format=tar", name, PACKAGE)
    if archive is None:
        raise CheckoutError(f"{revision}: there is no {PACKAGE} in this revision of {PROJECT}; name a later one")
    folder = scratch / name
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return folder.resolve()


def _git(*arguments: str) -> bytes | None:
    """What git says; None where it refuses, or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(PROJECT), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _no_package(asked: str, folder: Path) -> str:
    if folder.name == PACKAGE and (folder / "__init__.py").is_file():
        return f"{asked}: this is the package itself; name the folder that holds it, {folder.parent}"
    return f"{asked}: there is no package {PACKAGE} in it; name the folder of a checkout, which holds it"
