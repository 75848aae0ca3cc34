"""What MkDocs is told beside mkdocs.yml: pages that are files of the repository, and the pictures of the reference run.

README.md is the home page and CHANGELOG.md a page, so neither is written twice. What lies outside of ``docs`` keeps its
place relative to it, so that a link in a page works in the repository and on the site alike.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"index.md": "README.md", "changelog.md": "CHANGELOG.md"}
SHOWN = ("results/reference/plots/*.png", "results/reference/data/plots/*.png", "results/reference/report.html")
"""Files of the repository that the site shows."""
LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and files that lie outside of ``docs``."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=LINK.sub(_seen_from_docs, text)))
    for path in sorted(each for pattern in SHOWN for each in ROOT.glob(pattern)):
        place = path.relative_to(ROOT).as_posix()
        # Included in words: what begins with a dot is left out unless it is.
        file = File.generated(config, f"../{place}", abs_src_path=str(path), inclusion=InclusionLevel.INCLUDED)
        file.dest_uri = file.url = place
        files.append(file)
    return files


def _seen_from_docs(link: re.Match[str]) -> str:
    """A link of the top folder's file in a page; to the page, where its target is one."""
    page = next((page for page, source in PAGES.items() if source == link[1]), None)
    return f"]({page or posixpath.relpath(link[1], 'docs')})"
