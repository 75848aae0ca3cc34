"""What a server of a split package answers: its functions, and the objects that stay with it.

Each method has the name "module.function". A class behind handles has four: itself, which gives the handle of a new
object, and ".call", ".get" and ".set" for that object's methods and attributes.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from typing import Any

from .catalogue import Package

Methods = dict[str, Callable[..., Any]]


def methods_of(package: Package) -> Methods:
    """By name, for one server; the functions are those of the modules as they are now."""
    methods: Methods = {}
    for module, name in package.split_functions():
        methods[f"{module}.{name}"] = getattr(importlib.import_module(module), name)
    for path in package.handles:
        methods.update(_handle_methods(path))
    return methods


def class_at(path: str) -> tuple[Any, str]:
    """Of "module.Class": the module and the name of the class."""
    module, _, name = path.rpartition(".")
    return importlib.import_module(module), name


def _handle_methods(path: str) -> Methods:
    kind = getattr(*class_at(path))
    objects: dict[int, Any] = {}
    handles = itertools.count(1)

    def construct(*args: Any, **kwargs: Any) -> int:
        handle = next(handles)
        objects[handle] = kind(*args, **kwargs)
        return handle

    def call(handle: int, method: str, /, *args: Any, **kwargs: Any) -> Any:
        return getattr(objects[handle], method)(*args, **kwargs)

    def get(handle: int, attribute: str) -> Any:
        return getattr(objects[handle], attribute)

    def set_(handle: int, attribute: str, value: Any) -> None:
        setattr(objects[handle], attribute, value)

    return {path: construct, f"{path}.call": call, f"{path}.get": get, f"{path}.set": set_}
