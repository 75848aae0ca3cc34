"""The site builds without a warning, needs no network, and its links and pictures lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import PAGES, ROOT
from tests.scenarios import chromium

PATIENCE = 100
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
"""What a browser fetches by itself."""
PHONE = 390


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "WARNING" not in said
    return folder


class Page(HTMLParser):
    """What a page names, loads and leads to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.loads: set[str] = set()
        self.links: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for key, value in attributes:
            if key == "id" and value:
                self.names.add(value)
            if value and (tag, key) in LOADED and "canonical" not in dict(attributes).values():
                self.loads.add(value)
            elif value and (tag, key) == ("a", "href"):
                self.links.add(value)


def broken(site: Path) -> list[str]:
    """Every link and picture of the built pages that leads nowhere."""
    pages = {file: Page(file) for file in site.rglob("*.html") if "reference" not in file.parts and file.stem != "404"}
    found = []
    for file, page in pages.items():
        for address in page.links | page.loads:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            exists = target.exists()
            if exists and parts.fragment and target in pages:
                exists = unquote(parts.fragment) in pages[target].names | {"__skip", "__top"}
            if not exists:
                found.append(f"{file.relative_to(site)}: {address}")
    return found


def test_every_link_anchor_and_picture_leads_somewhere(site: Path) -> None:
    assert not broken(site)


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p id="here"><a href="#here">x</a><a href="#gone">x</a><img src="no.png">')
    assert sorted(broken(tmp_path)) == ["a.html: #gone", "a.html: no.png"]


def test_nothing_is_fetched_from_another_host(site: Path) -> None:
    pages = [file for file in site.rglob("*.html") if "reference" not in file.parts]
    assert len(pages) > 10
    assert not {each for file in pages for each in Page(file).loads if urlsplit(each).netloc}


def test_the_readme_is_a_page_of_at_most_150_lines_and_its_links_lead_to_files() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.count("\n") <= 150
    for file in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text()):
            assert (ROOT / link).exists(), link


def test_no_sentence_is_said_in_two_documents() -> None:
    """A line of some length that stands in two pages is one too many."""
    seen: dict[str, Path] = {}
    twice = []
    for page in PAGES:
        for line in {line.strip() for line in page.read_text().splitlines() if len(line.strip()) > 60}:
            if line in seen:
                twice.append(f"{seen[line]} and {page}: {line}")
            seen[line] = page
    assert not twice


def test_no_page_runs_off_a_phone(site: Path, tmp_path: Path) -> None:
    chromium.skip_or_fail_without()
    files = [file for file in site.rglob("*.html") if "reference" not in file.parts and file.stem != "404"]
    with chromium.browser() as running:
        page = chromium.opened(running, files[0], width=PHONE)
        for file in files:
            page.goto(file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, file.name
            assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)"), file.name
