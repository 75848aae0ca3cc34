"""A page, from its parts in the order they stand on it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2

from scenarios.tables.table import Table

TEMPLATES = Path(__file__).parent / "templates"
FILE = "report.html"


class Picture(NamedTuple):
    """A PNG, and what it shows in words."""

    png: bytes
    words: str

    @property
    def encoded(self) -> str:
        """As it stands in the page."""
        return base64.b64encode(self.png).decode()


class Sentences(NamedTuple):
    """A list of them."""

    lines: Sequence[str]


Part = Table | Picture | Sentences


def render(*, title: str, heading: str, about: str, parts: Sequence[Part], environment: str) -> str:
    """The page. `about`: a line below the heading. `environment`: in one line, what it was measured with."""
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    named = [(type(part).__name__, part) for part in parts]
    page = jinja.get_template("page.html")
    return page.render(title=title, heading=heading, about=about, parts=named, environment=environment).lstrip()
