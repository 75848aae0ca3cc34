"""Docstrings are reStructuredText where they refer to code, the site is Markdown: the signs that differ."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:meth|class|func|data|mod|attr):`~?([^`]+)`")


class Markdown(griffe.Extension):
    """Rewrites the docstrings of what is shown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """``:meth:`close``` is shown as code, and a ``::`` before an indented block as a colon."""
        if obj.docstring:
            text = ROLE.sub(r"`\1`", obj.docstring.value)
            obj.docstring.value = re.sub(r"::$", ":", text, flags=re.MULTILINE)
