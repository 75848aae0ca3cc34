"""Tests in a browser are skipped where there is none, unless somebody insists: then they fail, as in CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import chromium

OUTCOMES = (pytest.skip.Exception, pytest.fail.Exception)
"""Both are caught where one is expected: a skip that got away would skip the test that looks for it."""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path with no program on it, and nobody who insists."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(chromium.REQUIRED[0], raising=False)
    return tmp_path


def test_without_a_browser_its_tests_are_skipped_and_say_how_to_get_one(path: Path) -> None:
    with pytest.raises(OUTCOMES, match="apt-get install chromium") as found:
        chromium.skip_or_fail_without()
    assert found.type is pytest.skip.Exception


def test_without_a_browser_its_tests_fail_where_it_is_required(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*chromium.REQUIRED)
    with pytest.raises(OUTCOMES, match="apt-get install chromium") as found:
        chromium.skip_or_fail_without()
    assert found.type is pytest.fail.Exception


@pytest.mark.parametrize("insists", [False, True])
@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_with_a_browser_they_run(path: Path, monkeypatch: pytest.MonkeyPatch, name: str, insists: bool) -> None:
    program = path / name
    program.write_text("")
    program.chmod(0o755)
    if insists:
        monkeypatch.setenv(*chromium.REQUIRED)
    chromium.skip_or_fail_without()
    assert chromium.find() == str(program)


def test_ci_requires_a_browser() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines.index(f"export {'='.join(chromium.REQUIRED)}") < lines.index("make test")
