"""Run a Python program in this process as ``python`` would: a script, or a module with ``-m``.

It is ``__main__`` from its first line to the end of the process, so that what it pickles, and threads that outlive its
last line, find it there.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType


class ProgramError(Exception):
    """There is no such program. The message says what was looked for."""


def run(arguments: list[str]) -> None:
    """Run ``script.py args`` or ``-m module args``. Raises :class:`ProgramError`, and whatever the program raises."""
    if arguments[:1] == ["-m"]:
        if len(arguments) < 2:
            raise ProgramError("-m needs the name of a module")
        sys.path[0] = os.getcwd()
        spec, code = _module(arguments[1])
        file, rest = spec.origin or arguments[1], arguments[2:]
    else:
        spec, file, rest = None, arguments[0], arguments[1:]
        sys.path[0] = os.path.dirname(os.path.abspath(file))
        code = _script(file)
    main = ModuleType("__main__")
    main.__file__, main.__spec__ = file, spec
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    if spec is not None:
        main.__package__, main.__loader__ = spec.parent, spec.loader
    sys.argv[:] = [file, *rest]
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def _script(file: str) -> CodeType:
    path = os.path.join(file, "__main__.py") if os.path.isdir(file) else file
    try:
        with io.open_code(path) as source:
            text = source.read()
    except OSError as error:
        raise ProgramError(f"cannot read {path}: {error.strerror}") from error
    return compile(text, path, "exec")


def _module(name: str) -> tuple[ModuleSpec, CodeType]:
    spec: ModuleSpec | None = None
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        pass  # of the package it is in
    code = getattr(spec.loader, "get_code", lambda _: None)(name) if spec is not None else None
    if spec is None or code is None:
        raise ProgramError(f"no module named {name} that can be run, from {os.getcwd()} on PYTHONPATH")
    return spec, code
