"""Functions by the names under which another process finds them, as pickle has them: "package.module:Class.method"."""

import importlib
import sys
from typing import Any, Callable

from .classes import class_name


def reference_of(method: str, function: Callable[..., Any]) -> str:
    """Of the function that is registered as `method`. ValueError for one that another process would not find."""
    module, path = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    why = ""
    if type(module) is not str or type(path) is not str:
        why = f"a {class_name(function)} has no name of its own"
    elif module == "__main__":
        why = "'__main__' would be another module there"
    elif "<" in path:
        why = f"{path!r} is made anew each time it is come to"
    elif _found(sys.modules.get(module), path) is not function:
        why = f"{module}.{path} is another object"
    if why:
        raise ValueError(
            f"method {method!r} cannot be run by another process: {why}. Register a function that stands in a module"
        )
    return f"{module}:{path}"


def function_at(reference: str) -> Callable[..., Any]:
    """What :func:`reference_of` has named. Raises ImportError, or whatever importing its module does."""
    module, _, path = reference.partition(":")
    found = _found(importlib.import_module(module), path)
    if not callable(found):
        raise ImportError(f"module {module!r} has no function {path!r}")
    return found  # type: ignore[no-any-return]


def _found(thing: Any, path: str) -> Any:
    for name in path.split("."):
        thing = getattr(thing, name, None)
    return thing
