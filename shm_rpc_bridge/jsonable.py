"""Names and text of any object, for errors. Pure."""

from typing import Callable

_name_of: Callable[[type], str] = type.__dict__["__name__"].__get__  # whatever a metaclass says


def class_name(value: object) -> str:
    """The name of its class, even where a metaclass overrides `__name__`. Never raises."""
    return _name_of_kind(type(value))


def printable(text: str) -> str:
    """As text that can be encoded. Never raises, whatever subclass of str it is."""
    if not issubclass(type(text), str):
        return f"<no text, {_a(type(text))}>"
    return str.encode(text, "utf-8", "backslashreplace").decode()


def _name_of_kind(kind: type) -> str:
    return printable(_name_of(kind))


def _a(kind: type) -> str:
    name = _name_of_kind(kind)
    if name == "bytes":
        return name
    return f"{'an' if name[:1] in 'aeioAEIO' else 'a'} {name}"
