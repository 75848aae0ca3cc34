"""Run a Python program in this process as ``python`` would: a script, or a module with ``-m``.

It is ``__main__`` from its first line to the end of the process, so that what it pickles, and threads that outlive its
last line, find it there.
"""

from __future__ import annotations

import importlib.util
import io
import os
import pkgutil
import sys
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any


class ProgramError(Exception):
    """There is no such program. The message says what was looked for."""


def run(arguments: list[str]) -> None:
    """Run ``script.py args`` or ``-m module args``. Raises :class:`ProgramError`, and whatever the program raises."""
    spec: ModuleSpec | None
    if arguments[:1] == ["-m"]:
        if len(arguments) < 2:
            raise ProgramError("-m needs the name of a module")
        sys.path[0] = os.getcwd()
        spec, code = _module(arguments[1])
        file, rest = spec.origin or arguments[1], arguments[2:]
        called = file
    else:
        called, rest = arguments[0], arguments[1:]
        spec, code = (None, _script(called)) if pkgutil.get_importer(called) is None else _folder(called)
        file = called if spec is None else spec.origin or called
    main = ModuleType("__main__")
    main.__file__, main.__spec__ = file, spec
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    if spec is not None:
        main.__package__, main.__loader__ = spec.parent, spec.loader
    sys.argv[:] = [called, *rest]
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def _script(path: str) -> CodeType:
    try:
        with io.open_code(path) as source:
            text = source.read()
    except OSError as error:
        raise ProgramError(f"cannot read {path}: {error.strerror}") from error
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    return compile(text, path, "exec", dont_inherit=True)  # what this module has from __future__ is its own


def _folder(path: str) -> tuple[ModuleSpec, CodeType]:
    """Or an archive, with a ``__main__.py``."""
    sys.path[0] = path
    importer: Any = pkgutil.get_importer(path)
    if hasattr(importer, "find_spec"):
        spec = importer.find_spec("__main__")
    else:  # an archive's, before Python 3.10
        there = importer.find_module("__main__")
        spec = None if there is None else importlib.util.spec_from_loader("__main__", there)
    code = None if spec is None else spec.loader.get_code("__main__")
    if spec is None or code is None:
        raise ProgramError(f"{path} has no __main__.py")
    return spec, code


def _module(name: str) -> tuple[ModuleSpec, CodeType]:
    spec: ModuleSpec | None = None
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise  # of something that its package imports: the program's own
    code = getattr(spec.loader, "get_code", lambda _: None)(name) if spec is not None else None
    if spec is None or code is None:
        raise ProgramError(f"no module named {name} that can be run, from {os.getcwd()} on PYTHONPATH")
    return spec, code
