"""A server's methods as methods of an object, and results as the types they are declared to have."""

import sys
import typing
from functools import partial
from typing import Any, Callable, Dict, Iterable, TypeVar

from .classes import said
from .exceptions import RPCSerializationError

Interface = TypeVar("Interface")

_PLAIN = frozenset({Any, None, type(None), object, str, int, float, bool, list, dict})


class Remote:
    """Every attribute is the method of that name."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("__"):  # what Python asks of any object; client.call() reaches methods of such names, too
            raise AttributeError(method)
        return partial(self._call, method)


class _Proxy:
    """Only what was declared."""

    def __init__(self, interface: type, methods: Dict[str, Callable[..., Any]]) -> None:
        vars(self).update(methods)
        self._interface = interface

    def __getattr__(self, name: str) -> Any:
        interface = vars(self).get("_interface", object)  # a copy has none yet
        declared = (name in vars(base) or name in _annotated(base) for base in interface.__mro__)
        if not name.startswith("_") and any(declared):
            raise AttributeError(f"{interface.__name__} declares {name!r}, but as no method: a method can return it")
        raise AttributeError(f"{interface.__name__} declares no method {name!r}")


def _annotated(base: type) -> Iterable[str]:
    """The names that a class itself declares a type of. From Python 3.14 on that is made when it is asked for."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(base, format=Format.FORWARDREF)  # a type may be of a name that does not exist yet
    names: Iterable[str] = vars(base).get("__annotations__", ())
    return names


def proxy_of(interface: Callable[..., Interface], client: Any, keeps_types: bool) -> Interface:
    """An object with the public methods that a class declares, each a call through `client`.

    `keeps_types`: whether results arrive as what they were.
    """
    if not isinstance(interface, type):
        raise TypeError(f"proxy takes a class or Protocol that declares the methods, not {type(interface).__name__}")
    declared = {
        name: member
        for base in reversed(interface.__mro__)
        for name, member in vars(base).items()
        if not name.startswith("_") and callable(getattr(member, "__func__", member))
    }
    methods: Dict[str, Callable[..., Any]] = {}
    for name, member in declared.items():
        returns = Any if keeps_types else _declared_result(f"{interface.__name__}.{name}", member)
        caller = client if _is_plain(returns) else client.with_options(returns=returns)
        methods[name] = partial(caller.call, name)
    return typing.cast(Interface, _Proxy(interface, methods))


_OVERLOADED = typing.overload(lambda: None)
"""What a method is whose declarations are all overloads."""


def _declared_result(method: str, member: Any) -> Any:
    if member is _OVERLOADED:
        raise TypeError(f"{method} is declared by overloads alone: add a declaration whose result is any of theirs")
    try:
        return typing.get_type_hints(getattr(member, "__func__", member)).get("return", Any)
    except Exception as error:  # evaluated only here: a name that type checkers alone import, a syntax of later Pythons
        raise TypeError(f"the declared result of {method} cannot be had: {said(error)}") from error


def _is_plain(declared: Any) -> bool:
    """Whether a result is of that type as it comes, whatever the codec."""
    arguments = [argument for argument in getattr(declared, "__args__", ()) if argument is not Ellipsis]
    origin = getattr(declared, "__origin__", declared)
    if getattr(declared, "_is_protocol", False):  # of a handle, most likely: nothing can be made into one
        return True
    return (origin is typing.Union or origin in _PLAIN) and all(map(_is_plain, arguments))


def typed(decode: Callable[[str, Any], Any], returns: Any) -> Callable[[str, Any], Any]:
    """Like `decode`, and then to the type `returns`. ImportError says what to install."""
    try:
        import msgspec
    except ImportError as error:
        raise ImportError(f"`returns` needs msgspec: pip install 'shm-rpc-bridge[msgpack]' ({error})") from None

    try:
        msgspec.convert(None, returns)
    except msgspec.ValidationError:
        pass  # None is none of that type
    except Exception as error:  # now, and not when a method has run
        what = getattr(returns, "__name__", returns)
        raise TypeError(f"no result can be converted to {what}: {said(error)}") from None

    return lambda method, message: converted(method, decode(method, message), returns)


def converted(method: str, result: Any, returns: Any) -> Any:
    """A result as that type, which was checked by :func:`typed`. RPCSerializationError where it is none."""
    import msgspec

    try:
        return msgspec.convert(result, returns)
    except msgspec.ValidationError as error:
        raise RPCSerializationError(
            f"the result of {method!r} is no {getattr(returns, '__name__', returns)}: {error} (the method has run)",
            may_have_run=True,
        ) from None
