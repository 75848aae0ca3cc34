"""Chromium, driven by playwright: the one that is installed, none is downloaded.

``with browser() as running: page = opened(running, file, width=390)``. From one thread.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

REQUIRED = ("BROWSER_TESTS", "required")
"""The environment variable, and its value, with which a test that needs a browser fails without one."""
MISSING = "no chromium on the path; apt-get install chromium brings it"
FLAGS = ["--disable-gpu", "--disable-dev-shm-usage", "--no-sandbox"]


def find() -> str | None:
    """The browser's program, or None where there is none."""
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


def skip_or_fail_without() -> None:
    """Return where there is a browser. Else skip the test, or fail it where :data:`REQUIRED` says so."""
    if find() is None:
        variable, value = REQUIRED
        if os.environ.get(variable) == value:
            pytest.fail(f"{MISSING}; {variable}={value} forbids to skip", pytrace=False)
        pytest.skip(MISSING)


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless browser, ended with all its processes."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=find(), args=FLAGS)


def opened(running: Browser, file: Path, *, width: int = 1280, dark: bool = False, script: bool = True) -> Page:
    """A page in a context of its own. `page.complaints` and `page.requests` list what it said and asked for."""
    context = running.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        is_mobile=width < 600,
    )
    page = context.new_page()
    page.complaints, page.requests = [], []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.complaints.append(message.text))  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.complaints.append(str(error)))  # type: ignore[attr-defined]
    page.on("request", lambda request: page.requests.append(request.url))  # type: ignore[attr-defined]
    page.goto(file.resolve().as_uri())
    return page
