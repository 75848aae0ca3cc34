"""What classes are called and consist of, whatever a metaclass says; text that can be encoded. Pure, never raises."""

from typing import Any, Callable, Dict, Tuple

_name_of: Callable[[type], str] = type.__dict__["__name__"].__get__
dict_of: Callable[[type], Dict[str, Any]] = type.__dict__["__dict__"].__get__
mro_of: Callable[[type], Tuple[type, ...]] = type.__dict__["__mro__"].__get__


def class_name(value: object) -> str:
    """The name of its class."""
    return class_name_of(type(value))


def class_name_of(kind: type) -> str:
    return printable(_name_of(kind))


def with_article(kind: type) -> str:
    """ "a datetime", "an Enum", "bytes"."""
    name = class_name_of(kind)
    if name == "bytes":
        return name
    return f"{'an' if name[:1] in 'aeioAEIO' else 'a'} {name}"


def printable(text: str) -> str:
    """As text that can be encoded, whatever subclass of str it is."""
    if not issubclass(type(text), str):
        return f"<no text, {with_article(type(text))}>"
    return str.encode(text, "utf-8", "backslashreplace").decode()


def text_of(error: BaseException) -> str:
    """``str()`` of it, which is code of its class."""
    try:
        return printable(str(error))
    except BaseException as failure:  # whatever a method raises ends no server
        return f"<its __str__ raised {class_name(failure)}>"


def said(error: BaseException) -> str:
    """ "ValueError: what it says"."""
    return f"{class_name(error)}: {text_of(error)}"
