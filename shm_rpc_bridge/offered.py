"""Which functions of a module, or methods of an object, a server offers: those named, or the public ones. Pure.

Nothing is registered, and no property is run, while they are chosen.
"""

import difflib
import functools
import inspect
from types import ModuleType
from typing import Any, Callable, Collection, Dict, Iterable, List, Optional, Type

Offered = Dict[str, Callable[..., Any]]

_MISSING = object()


def functions_of(module: ModuleType, only: Optional[Iterable[str]] = None) -> Offered:
    """The functions called `only`; without it those in ``__all__``; without that those that the module itself defines.

    Classes count as functions only where they are named in `only`, and so does what begins with an underscore.
    Raises ValueError for a name that the module does not have, or when nothing is public; TypeError for what cannot be
    called.
    """
    if not isinstance(module, ModuleType):
        raise TypeError(f"a module is needed, not {type(module).__name__}: register_object takes other objects")
    where = f"module {module.__name__!r}"
    if only is not None:
        known = list(vars(module))
        return {
            name: _callable(name, getattr(module, name, _MISSING), known, where)
            for name in validated_names(only, "only")
        }
    if hasattr(module, "__all__"):
        listed: Dict[str, Any] = {name: getattr(module, name, _MISSING) for name in module.__all__}
        for name, value in listed.items():
            if value is _MISSING:
                raise ValueError(f"{where} has no {name!r}, which its __all__ lists")
        found: Offered = {name: value for name, value in listed.items() if _is_function(value)}
    else:
        found = {
            name: value
            for name, value in vars(module).items()
            if not name.startswith("_") and _is_function(value) and _home(value) == module.__name__
        }
    return _some(found, where, "functions", "only")


def methods_of(instance: object, named: Optional[Iterable[str]] = None) -> Offered:
    """The methods `named`; without it those of its class and the classes above it that begin with no underscore.

    Raises ValueError for a name that the object does not have, or when nothing is public; TypeError for a class, and
    for what is no method.
    """
    if isinstance(instance, (type, ModuleType)):
        instead = "construct one" if isinstance(instance, type) else "use register_module"
        raise TypeError(f"an object with methods is needed, not {instance!r}: {instead}")
    where = f"{type(instance).__name__} object"
    members = [name for base in reversed(type(instance).__mro__) for name in vars(base)]
    if named is not None:
        return {name: _method(instance, name, members, where) for name in validated_names(named, "names")}
    public = dict.fromkeys(name for name in members if not name.startswith("_"))
    found = {name: getattr(instance, name) for name in public if _is_method(inspect.getattr_static(instance, name))}
    return _some(found, where, "methods", "names")


def methods_of_class(kind: Type[Any], named: Optional[Iterable[str]] = None) -> List[str]:
    """The names of what can be called on its objects: those `named`, or all that begin with no underscore.

    Raises as :func:`methods_of` does.
    """
    if not isinstance(kind, type):
        raise TypeError(f"a class is needed, not a {type(kind).__name__} object")
    where = f"class {kind.__name__}"
    members = [name for base in reversed(kind.__mro__) for name in vars(base)]
    if named is None:
        public = dict.fromkeys(name for name in members if not name.startswith("_"))
        found: Offered = {name: kind for name in public if _is_method(inspect.getattr_static(kind, name))}
        return list(_some(found, where, "methods", "methods"))
    names = validated_names(named, "methods")
    for name in names:
        if not _is_method(inspect.getattr_static(kind, name, _MISSING)):
            raise ValueError(f"{where} has no method {name!r}{meant(name, members)}")
    return names


def some_of(functions: Offered, named: Iterable[str], argument: str) -> List[str]:
    """These names, all of them of what is offered; ValueError for others, TypeError for what are no names."""
    if isinstance(named, str):
        raise TypeError(f"{argument} must be a list of names, not a str: [{named!r}]")
    listed = list(named)
    for name in listed:
        if name not in functions:
            raise ValueError(f"{argument} names {name!r}, which is not offered{meant(str(name), list(functions))}")
    return listed


def validated_module(name: str) -> str:
    """The dotted name of a module, if it can be one; else ValueError or TypeError."""
    if not isinstance(name, str):
        raise TypeError(f"module must be its name, a str, not {type(name).__name__}")
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"{name!r} is no module's name: write mypackage.pricing for mypackage/pricing.py")
    return name


def validated_names(given: Iterable[str], argument: str) -> List[str]:
    """As a list; TypeError for what are no names, ValueError for none at all."""
    if isinstance(given, str):
        raise TypeError(f"{argument} must be a list of names, not a str: [{given!r}]")
    listed = list(given)
    for name in listed:
        if not isinstance(name, str):
            raise TypeError(f"{argument} must be names, not {type(name).__name__}")
    if not listed:
        raise ValueError(f"{argument} is empty: name something, or leave it out for all that is public")
    return listed


def _some(found: Offered, where: str, what: str, argument: str) -> Offered:
    if not found:
        raise ValueError(f"{where} has no public {what}: say with `{argument}` which it is to offer")
    return found


def _callable(name: str, value: Any, known: Collection[str], where: str) -> Callable[..., Any]:
    if value is _MISSING:
        raise ValueError(f"{where} has no {name!r}{meant(name, known)}")
    if not callable(value):
        raise TypeError(f"{name!r} of {where} cannot be called: it is of class {type(value).__name__}")
    return value  # type: ignore[no-any-return]


def _method(instance: object, name: str, known: Collection[str], where: str) -> Callable[..., Any]:
    if isinstance(inspect.getattr_static(instance, name, None), (property, functools.cached_property)):
        raise TypeError(
            f"{name!r} of {where} is a property: register(name, function) can offer a function that reads it"
        )
    return _callable(name, getattr(instance, name, _MISSING), known, where)


_LONGEST = 100
"""A longer name is no mistake in typing, and comparing it would hold up whoever has others to answer."""


def meant(name: Any, known: Collection[str]) -> str:
    """What of the known names may have been meant by an unknown one, to be put behind it; "" if nothing is near."""
    if not isinstance(name, str) or len(name) > _LONGEST:
        return ""
    near = difflib.get_close_matches(name, [each for each in known if not each.startswith("__")], n=3)
    return f": did you mean {' or '.join(map(repr, near))}?" if near else ""


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type)


_DECORATED = (staticmethod, classmethod, functools.partialmethod, functools.singledispatchmethod)


def _is_method(member: Any) -> bool:
    """Of a class's member as it stands there, unbound."""
    return isinstance(member, _DECORATED) or _is_function(member)


def _home(function: Any) -> object:
    """The name of the module that has defined it."""
    try:
        return getattr(function, "__module__", None)
    except Exception:  # a stand-in for something that is not there yet: Flask's `request` is one
        return None
