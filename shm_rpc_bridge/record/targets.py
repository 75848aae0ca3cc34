"""What is to be recorded: names of functions, looked up in their modules, replaced there and put back.

A function is replaced in its module or class, and wherever else a module has it under a name of its own (``from pricing
import quote``). References of other kinds (in a list, as a default value, inside a partial) are not found, and calls
through them are not seen.
"""

from __future__ import annotations

import functools
import inspect
import sys
from types import FunctionType, ModuleType
from typing import Any, Callable, Iterator, NamedTuple, Sequence

_FUNCTIONS = (FunctionType, functools._lru_cache_wrapper)
_STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_WITH_PLACES = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)

_OURS = {"__wrapped__", "__signature__"}
"""What a wrapper has of its own."""


class TargetError(ValueError):
    """A name that is not one of a function to be recorded. The message says why, and what to name instead."""


class Target(NamedTuple):
    """A function where it was found."""

    name: str
    """``module:qualified.name``."""
    owner: Any
    """The module or class that has it."""
    attribute: str
    function: Any
    kind: str
    """"function", "method" (a property's getter is one), "classmethod" or "staticmethod"."""

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    @property
    def parameters(self) -> tuple[str, ...]:
        """As the signature has them, ``*args`` with its stars, without self or cls; none where Python knows none."""
        try:
            found = inspect.signature(self.function).parameters.values()
        except (TypeError, ValueError):  # of a function in C that does not say
            return ()
        names = tuple(_STARS.get(each.kind, "") + each.name for each in found)
        return names[1:] if self.takes_self and names and not names[0].startswith("*") else names

    @property
    def places_are_known(self) -> bool:
        """Whether the place of an argument says whose it is: not where a decorator shows the signature of what it is
        around and takes others itself, of which it may leave out some, or put some before them.
        """
        function = self.function
        while type(function) is functools._lru_cache_wrapper:  # which passes them on as they are
            function = function.__wrapped__
        if type(function) is not FunctionType or "__wrapped__" not in vars(function):
            return True
        try:
            own, shown = inspect.signature(function, follow_wrapped=False), inspect.signature(function)
        except (TypeError, ValueError):  # of one that says something else than a signature
            return False
        return _places(own) == _places(shown)

    @property
    def takes_self(self) -> bool:
        return self.kind in ("method", "classmethod")


def _places(signature: inspect.Signature) -> list[str]:
    return [each.name for each in signature.parameters.values() if each.kind in _WITH_PLACES]


def split(name: str) -> tuple[str, str]:
    """``module:qualified.name`` in two. Raises :class:`TargetError`."""
    module, colon, qualified = name.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *qualified.split("."))):
        raise TargetError(
            f"{name!r} is not module:function, as in mypackage.pricing:quote or mypackage.images:Filter.apply"
        )
    if module == "__main__":
        raise TargetError(
            f"{name}: functions of the script itself cannot be recorded, since they exist only once it runs; "
            "put them into a module it imports, or decorate them with @recorded"
        )
    return module, qualified


def find(module: ModuleType, qualified: str) -> Target:
    """Raises :class:`TargetError` for what cannot be recorded."""
    name = f"{module.__name__}:{qualified}"
    *path, attribute = qualified.split(".")
    owner: Any = module
    for step in path:
        owner = getattr(owner, step, None)
        if owner is None:
            raise TargetError(f"{name}: {module.__name__} has no {step}")
    if not isinstance(owner, (type, ModuleType)):
        raise TargetError(
            f"{name}: {'.'.join(path)} is an object: name its class, as in {type(owner).__qualname__}.{attribute}"
        )
    raw = inspect.getattr_static(owner, attribute, None)
    if raw is None:
        there = sorted(each for each in vars(owner) if callable(getattr(owner, each)) and not each.startswith("_"))
        raise TargetError(f"{name}: there is no {attribute}; there are {', '.join(there[:20]) or 'no functions'}")
    target = _target(name, owner, attribute, raw)
    refuse(target)
    return target


def functions_of(module: ModuleType) -> Iterator[Target]:
    """Every function, method and property that was defined in `module`, those with a cache as well: of methods with
    two underscores only ``__init__`` and ``__call__``. An object that a decorator has made of a function is none.
    """
    for attribute, raw in list(vars(module).items()):
        if _is_class_of(module, raw):
            yield from _methods_of(module, raw, [])
        elif type(raw) in _FUNCTIONS and raw.__module__ == module.__name__:
            yield _target(f"{module.__name__}:{attribute}", module, attribute, raw)


def _methods_of(module: ModuleType, owner: type, outside: Sequence[type]) -> Iterator[Target]:
    """Of the classes that were defined in it, too."""
    for attribute, raw in list(vars(owner).items()):
        if _is_class_of(module, raw) and raw not in (owner, *outside):
            if raw.__qualname__ == f"{owner.__qualname__}.{attribute}":
                yield from _methods_of(module, raw, [owner, *outside])
        elif not attribute.startswith("__") or attribute in ("__init__", "__call__"):
            target = _target(f"{module.__name__}:{owner.__qualname__}.{attribute}", owner, attribute, raw)
            if type(target.function) in _FUNCTIONS:
                yield target


def _is_class_of(module: ModuleType, raw: Any) -> bool:
    # By its type, never by isinstance: that asks an object for its class, which a proxy may answer with an error.
    return issubclass(type(raw), type) and raw.__module__ == module.__name__


def refuse(target: Target) -> None:
    """Raise :class:`TargetError` for what cannot be recorded."""
    function, name = target.function, target.name
    if inspect.isclass(function):
        raise TargetError(f"{name} is a class: name one of its methods, as in {name}.__init__")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TargetError(f"{name} is a generator, whose items would have to travel one by one: name what consumes it")
    if not callable(function):
        raise TargetError(f"{name} is {type(function).__name__}, no function")


def _target(name: str, owner: Any, attribute: str, raw: Any) -> Target:
    kind = type(raw)
    if issubclass(kind, classmethod):
        return Target(name, owner, attribute, raw.__func__, "classmethod")
    if issubclass(kind, staticmethod):
        return Target(name, owner, attribute, raw.__func__, "staticmethod")
    if issubclass(kind, property):
        return Target(name, owner, attribute, raw.fget, "method")
    if not inspect.isclass(owner):
        return Target(name, owner, attribute, raw, "function")
    # What has no __get__, as a function in C, is called without self; and a partial, which only warns in 3.13's.
    is_bound = hasattr(kind, "__get__") and not (issubclass(kind, functools.partial) and sys.version_info < (3, 14))
    return Target(name, owner, attribute, raw, "method" if is_bound else "staticmethod")


class Replaced:
    """Functions that were replaced, to be put back. For one thread."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any, bool, Any]] = []
        """Owner, attribute, what stood there, whether it was the owner's own, what stands there now."""
        self._wrapped: list[tuple[Any, Callable[..., Any]]] = []

    def put(self, wrapped: Sequence[tuple[Target, Callable[..., Any]]]) -> None:
        """Put each wrapper where its target is, in every module that has it. Raises :class:`TargetError` for an owner
        whose attributes cannot be set, with nothing of that target replaced.
        """
        names: dict[int, Callable[..., Any]] = {}
        for target, wrapper in wrapped:
            try:
                own = target.attribute in vars(target.owner)
                before = vars(target.owner).get(target.attribute)
                around = _around(target, wrapper)
                setattr(target.owner, target.attribute, around)
            except Exception as error:  # of somebody's metaclass: anything
                raise TargetError(f"{target.name} cannot be replaced: {error}") from error
            self._undo.append((target.owner, target.attribute, before, own, around))
            self._wrapped.append((target.function, wrapper))
            if target.kind == "function":
                names[id(target.function)] = wrapper
        for module, attribute, function, wrapper in _elsewhere(names):
            self._undo.append((module, attribute, function, True, wrapper))

    def undo(self) -> None:
        """What the program has put there itself meanwhile stays. What a function has put on itself, as one that counts
        its calls does, is put on it as well.
        """
        originals: dict[int, Callable[..., Any]] = {}
        while self._wrapped:
            function, wrapper = self._wrapped.pop()
            originals[id(wrapper)] = function
            if isinstance(function, FunctionType):
                now = {name: each for name, each in vars(wrapper).items() if name not in _OURS}
                for name in vars(function).keys() - now.keys() - _OURS:
                    delattr(function, name)
                vars(function).update(now)
        while self._undo:
            owner, attribute, before, own, around = self._undo.pop()
            if vars(owner).get(attribute) is not around:
                continue
            if own:
                setattr(owner, attribute, before)
            else:
                delattr(owner, attribute)
        _elsewhere(originals)  # modules that were imported meanwhile have taken it from others


def _elsewhere(names: dict[int, Callable[..., Any]]) -> list[tuple[ModuleType, str, Any, Any]]:
    """Put these where functions of those ids are, in every module: returns where, and what stood there."""
    found: list[tuple[ModuleType, str, Any, Any]] = []
    if not names:
        return found
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType):
            continue
        for attribute, value in list(vars(module).items()):
            if id(value) in names:
                try:
                    setattr(module, attribute, names[id(value)])
                except Exception:  # a module of its own kind, which has none of its names changed
                    continue
                found.append((module, attribute, value, names[id(value)]))
    return found


def _around(target: Target, wrapper: Callable[..., Any]) -> Any:
    """The wrapper as its class or module has it: below the decorator that the function was below."""
    raw = inspect.getattr_static(target.owner, target.attribute, None)
    if isinstance(raw, property):
        return raw.getter(wrapper)
    outside = {"classmethod": classmethod, "staticmethod": staticmethod}.get(target.kind)
    return outside(wrapper) if outside else wrapper
