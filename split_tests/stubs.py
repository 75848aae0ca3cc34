"""Puts what calls another process in the place of a package's functions and classes."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from .catalogue import Package
from .targets import class_at

Call = Callable[..., Any]
"""call(method, *args, **kwargs)"""


def put_in_place(package: Package, call: Call) -> None:
    """To be called before a test imports any of them by name."""
    for module, name in list(package.split_functions()):
        found = importlib.import_module(module)
        setattr(found, name, _function(getattr(found, name), f"{module}.{name}", call))
    for path in package.handles:
        found, name = class_at(path)
        setattr(found, name, _class(getattr(found, name), path, call))


def _function(original: Callable[..., Any], method: str, call: Call) -> Callable[..., Any]:
    @functools.wraps(original)
    def stub(*args: Any, **kwargs: Any) -> Any:
        return call(method, *args, **kwargs)

    return stub


def _class(original: type, path: str, call: Call) -> type:
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        object.__setattr__(self, "_handle", call(path, *args, **kwargs))

    def get(self: Any, name: str) -> Any:
        if name.startswith("__"):  # what Python asks of any object
            raise AttributeError(name)
        if callable(getattr(original, name, None)):
            return functools.partial(call, f"{path}.call", self._handle, name)
        return call(f"{path}.get", self._handle, name)

    def assign(self: Any, name: str, value: Any) -> None:
        call(f"{path}.set", self._handle, name, value)

    members = {"__init__": construct, "__getattr__": get, "__setattr__": assign, "__doc__": original.__doc__}
    return type(original.__name__, (), members)
