"""Programs to be recorded: modules under names of their own, written into a folder of the test's."""

import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any, List

import pytest

from shm_rpc_bridge.record import Recording, read

ROOT = Path(__file__).parents[3]


class Program:
    """A folder with modules."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.output = folder / "calls.rec"
        monkeypatch.syspath_prepend(str(folder))
        self._written: List[str] = []

    def write(self, name: str, text: str) -> str:
        """A module; its name."""
        path = self.folder / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        self._written.append(name)
        return name

    def module(self, name: str, text: str) -> ModuleType:
        """A module that is imported, until the test ends."""
        self.write(name, text)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    def forget(self) -> None:
        for name in self._written:
            sys.modules.pop(name, None)

    def run(self, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """``python -m shm_rpc_bridge.record`` in the folder."""
        command = [sys.executable, "-m", "shm_rpc_bridge.record", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=60, **options
        )

    def environment(self) -> "dict[str, str]":
        return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}

    def recording(self) -> Recording:
        return read(self.output)


def functions(recording: Recording) -> List[str]:
    """Of each call that was kept, without the module."""
    return [call.function.partition(":")[2] for call in recording.calls]
