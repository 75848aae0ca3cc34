"""Where the suites run: one virtual environment with every package, and a folder of tests for each. In .split-tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

from .catalogue import Package

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".split-tests"
PYTHON = FOLDER / "venv" / "bin" / "python"
OUTCOMES = FOLDER / "outcomes"
_SUITES, _SDISTS, _PATH = FOLDER / "suites", FOLDER / "sdists", FOLDER / "path"
_INSTALLED = FOLDER / "installed.txt"

_TOOLS = ("pytest==9.2.0", "pytest-timeout==2.4.0", "posix-ipc==1.3.2", "orjson==3.13.0", "msgspec==0.22.0")


class NotAvailable(RuntimeError):
    """A package could not be had: no network, or not this version."""


def prepare(packages: list[Package]) -> None:
    """Install and fetch what is not there yet. Raises NotAvailable."""
    _install([*_TOOLS, *(package.requirement for package in packages), *(n for p in packages for n in p.needs)])
    _PATH.mkdir(parents=True, exist_ok=True)
    for own in ("shm_rpc_bridge", "split_tests"):  # and nothing else of this checkout, whose `tests` others have, too
        link = _PATH / own
        if not link.is_symlink():
            link.symlink_to(ROOT / own)
    for package in packages:
        _fetch(package)


def suite(package: Package) -> Path:
    """The folder that its tests run in."""
    return _SUITES / f"{package.name}-{package.version}"


def variables() -> dict[str, str]:
    """The environment of a run and of the server that it starts, which finds classes of the tests by their modules."""
    return {
        **os.environ,
        "PYTHONPATH": f"{_PATH}{os.pathsep}.",
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _install(requirements: list[str]) -> None:
    wanted = "\n".join(requirements)
    if _INSTALLED.exists() and _INSTALLED.read_text() == wanted:
        return
    print(f"installing {len(requirements)} requirements into {FOLDER.name}/venv", flush=True)
    if not PYTHON.exists():
        venv.create(FOLDER / "venv", with_pip=True)
    _pip("install", *requirements)
    _INSTALLED.write_text(wanted)


def _fetch(package: Package) -> None:
    folder = suite(package)
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    if package.take:
        print(f"fetching the tests of {package.requirement}", flush=True)
        _take(package, unfinished)
    unfinished.rename(folder)


def _take(package: Package, into: Path) -> None:
    sdists = _SDISTS / package.name
    _pip("download", "--no-deps", "--no-binary", package.name, "--dest", str(sdists), package.requirement)
    (sdist,) = sdists.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    (top,) = into.iterdir()
    for name in package.take:
        if not (top / name).exists():
            raise NotAvailable(f"{sdist.name} has no {name!r}: see `take` of {package.name} in packages.toml")
        (top / name).rename(into / name)
    shutil.rmtree(top)


def _pip(*arguments: str) -> None:
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments[:1], "--quiet", *arguments[1:]]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        last = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise NotAvailable(
            f"pip {arguments[0]} has failed: the packages come from PyPI, the network must be there\n{last}"
        )
    if done.stdout.strip() and "ERROR" in done.stdout:
        print(done.stdout, file=sys.stderr)
