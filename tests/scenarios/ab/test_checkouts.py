"""What may be compared, and what is said of the rest: one line with its remedy, exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.ab import checkouts
from scenarios.cli.commands import main
from scenarios.common.errors import CheckoutError
from scenarios.records.environment import PROJECT

NEEDS_GIT = pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="not a checkout of the repository")


def library(folder: Path, text: str) -> Path:
    (folder / "shm_rpc_bridge").mkdir(parents=True)
    (folder / "shm_rpc_bridge" / "__init__.py").write_text(text)
    return folder


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["ab", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_folder_that_is_not_there_is_refused_with_a_way_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "nowhere", str(PROJECT))
    assert line.startswith("nowhere: no such folder, and no revision of ")
    assert "git worktree add FOLDER REVISION" in line


@pytest.mark.parametrize("name", ["--help", "-x", "HEAD:docs", "HEAD^{tree}"])
def test_what_git_would_take_for_something_else_is_no_revision(name: str, tmp_path: Path) -> None:
    with pytest.raises(CheckoutError, match="no such folder, and no revision"):
        checkouts.find(name, tmp_path)


def test_a_folder_without_the_package_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, str(PROJECT), str(tmp_path))
    assert line == (
        f"{tmp_path}: there is no package shm_rpc_bridge in it; name the folder of a checkout, which holds it"
    )


def test_the_package_instead_of_its_folder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, str(PROJECT / "shm_rpc_bridge"), str(PROJECT))
    assert line.endswith(f"this is the package itself; name the folder that holds it, {PROJECT}")


def test_a_library_that_cannot_be_imported_is_refused_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = library(tmp_path / "broken", "import no_such_module\n")
    line = refused(capsys, str(PROJECT), str(folder))
    assert "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'" in line
    assert f"try PYTHONPATH={folder} " in line


def test_another_library_than_the_one_asked_for_is_refused(tmp_path: Path) -> None:
    """One that puts another in its own place, as an import hook would."""
    here = library(tmp_path / "hooked", f"__file__ = {str(PROJECT / 'shm_rpc_bridge' / '__init__.py')!r}\n")
    with pytest.raises(CheckoutError, match="was imported instead of its shm_rpc_bridge"):
        checkouts.find(str(here), tmp_path)


def test_each_folder_has_its_own_library(tmp_path: Path) -> None:
    folders = [library(tmp_path / version, f"__version__ = {version!r}\n") for version in ("1.0", "2.0")]
    found = [checkouts.find(str(folder), tmp_path) for folder in folders]
    assert [each.version for each in found] == ["1.0", "2.0"]
    assert [each.file for each in found] == [str(folder / "shm_rpc_bridge" / "__init__.py") for folder in folders]
    assert str(found[0]) == f"shm_rpc_bridge 1.0, imported from {found[0].file}"


@NEEDS_GIT
def test_a_revision_is_unpacked_and_named(tmp_path: Path) -> None:
    found = checkouts.find("HEAD", tmp_path)
    assert tmp_path.resolve() in Path(found.file).parents
    assert str(found).endswith("(revision HEAD)")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--blocks", "7"], "--blocks: 8 or more"),
        (["--payload", "15B"], "--payload: 16 B or more"),
        (["--seconds", "1us"], "--seconds: from 10ms to 60s"),
        (["--rate", "0"], "--rate '0' is not a rate"),
    ],
)
def test_what_cannot_be_measured_is_refused(option: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused(capsys, str(PROJECT), str(PROJECT), *option)
