"""What a page serves from the command line is served, and answers the page's calls as the page shows."""

from __future__ import annotations

import re
import secrets
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shm_rpc_bridge import RPCClient
from tests.docs.pages import PAGES, blocks, commands, is_served, name_of

PATIENCE = 60
SERVING = [page for page in PAGES if any("shm_rpc_bridge serve " in line for line in commands(page))]


@pytest.mark.parametrize("page", SERVING, ids=name_of)
def test_a_served_module_answers_from_the_shell_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "python"):
        if block.title:
            (tmp_path / block.title).write_text(block.text)
    suffix = secrets.token_hex(4)
    (serving,) = [line for line in commands(page) if "shm_rpc_bridge serve " in line]
    name = serving.partition(" --name ")[2].split()[0]
    with served(words(serving.replace(f"--name {name}", f"--name {name}-{suffix}")), f"{name}-{suffix}", tmp_path):
        answered = 0
        for line, shown in asked(page):
            typed = [f"{name}-{suffix}" if word == name else word for word in words(line)]
            done = subprocess.run(typed, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
            printed = (done.stdout + done.stderr).replace(f"-{suffix}", "")
            if " ping " in line or " stat " in line:
                printed, shown = (re.sub(r"\d[\d.,]*( (us|ms|s|min|h)\b)?", "N", text) for text in (printed, shown))
            assert printed == shown, line
            answered += 1
    assert answered > 2


def asked(page: Path) -> Iterator[tuple[str, str]]:
    """The page's commands to a served module, and what each is shown to print."""
    for block in blocks(page, "console"):
        for part in block.text.split("$ ")[1:]:
            line, _, shown = part.partition("\n")
            if is_served(line) and " serve " not in line:
                yield line, shown


def words(line: str) -> list[str]:
    """With this Python for that of .venv, which is what it is to a reader."""
    return [sys.executable, *shlex.split(line)[1:]]


@contextmanager
def served(command: list[str], name: str, folder: Path) -> Iterator[None]:
    """A server, until Ctrl-C, which must end it well."""
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as server:
        try:
            RPCClient(name, wait_for_server=PATIENCE).close()
            yield
        finally:
            server.send_signal(signal.SIGINT)
            try:
                _, logged = server.communicate(timeout=PATIENCE)
            finally:
                server.kill()
    assert server.returncode == 0, logged
