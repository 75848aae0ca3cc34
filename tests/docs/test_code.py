"""Every Python block of the documents is run in the order of its page, and prints what the page shows."""

from __future__ import annotations

import ast
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from shm_rpc_bridge import RPCClient
from tests.docs.pages import PAGES, ROOT, blocks, name_of

PATIENCE = 60
NAMED = re.compile(r'(?<=RPCServer\(|RPCClient\()"([\w-]+)"')
LITERAL = re.compile(r'"([\w-]+)"')
LANGUAGES = {"python", "console", "toml", "text", "ini"}
"""The last two are not code of this project: what is printed, diagrams, and settings of systemd."""


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_the_code_of_a_page_runs_and_prints_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    every = blocks(page)
    shown = [*every[1:], None]
    suffix = secrets.token_hex(4)
    names = {"frames", "worker-0", "worker-1", *(name for each in every for name in NAMED.findall(each.text))}
    names -= {Path(each.title).stem for each in every}  # modules of the page, which `spawn` imports by their names
    with ExitStack() as stack:
        for number, (block, following) in enumerate(zip(every, shown, strict=True)):
            if block.language != "python" or block.reason:
                continue
            # Other processes of this machine may use the names of the page.
            text = LITERAL.sub(lambda name: f'"{name[1]}-{suffix}"' if name[1] in names else name[0], block.text)
            script = tmp_path / (block.title or f"block-{number}.py")
            script.write_text(text)
            if block.title == "server.py":
                stack.enter_context(served(script, NAMED.findall(text)[0]))
                continue
            printed = run(script)
            if following is not None and following.language == "text":
                assert printed == following.text, f"{name_of(page)}, block {number}"


@contextmanager
def served(script: Path, name: str) -> Iterator[None]:
    """The page's server, until the end of the page: there Ctrl-C must end it well."""
    with subprocess.Popen([sys.executable, "-W", "error", script], cwd=script.parent) as server:
        try:
            RPCClient(name, wait_for_server=PATIENCE).close()
            try:
                yield
            finally:  # whatever the page's other code did: killed, the server would leave its name behind
                server.send_signal(signal.SIGINT)
                assert server.wait(PATIENCE) == 0
        finally:
            server.kill()


def run(script: Path) -> str:
    """What it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=script.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_language_and_whoever_is_not_run_says_why(page: Path) -> None:
    text = page.read_text()
    fences = re.findall(r"^\s*(?:```|~~~)", text, re.MULTILINE)
    assert len(fences) == 2 * len(blocks(page)), "a block that is not seen by the tests"
    assert {block.language for block in blocks(page)} <= LANGUAGES
    assert text.count("<!-- not run:") == sum(bool(block.reason) for block in blocks(page))


def messages() -> list[str]:
    """Every text in the library's source, with what is filled in left out."""
    found = []
    for path in (ROOT / "shm_rpc_bridge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%[srd]", "\0", node.value))
    return found


def test_every_error_with_a_remedy_is_one_that_the_library_raises() -> None:
    text = (ROOT / "docs" / "library" / "errors.md").read_text().partition("What you see")[2]
    shown = re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)
    assert len(shown) > 8
    every = messages()
    for message in shown:
        for part in re.split(r"'calc'|\d[\d,]*|\.\.\.|ResourceWarning:", message):
            assert any(part.strip() in each for each in every), f"{message}: {part}"


def test_there_is_code_to_run() -> None:
    assert sum(len(blocks(page, "python")) for page in PAGES) > 10
