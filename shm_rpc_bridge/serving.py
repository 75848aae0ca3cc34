"""What this process serves, and which thread of it answers for which server.

A call from there to the same one would wait for itself.
"""

import threading
from typing import Dict

importing = ""
"""The module that this process is importing to serve it."""
_answering: Dict[str, int] = {}
_too: Dict[int, str] = {}
"""Threads that run methods in the place of one that answers, and for which server."""


def begin(name: str) -> None:
    """The present thread answers for the server of that name, until :func:`end`."""
    _answering[name] = threading.get_ident()


def end(name: str) -> None:
    """Idempotent; of a server that another thread answers for by now, nothing."""
    if _answering.get(name) == threading.get_ident():
        _answering.pop(name, None)


def is_answering(name: str) -> bool:
    """Whether it is the present thread that answers for that server."""
    thread = threading.get_ident()
    return _answering.get(name) == thread or _too.get(thread) == name


def answer_too(name: str) -> None:
    """The present thread answers in the place of that which does, until :func:`answer_no_more`."""
    _too[threading.get_ident()] = name


def answer_no_more() -> None:
    """Idempotent."""
    _too.pop(threading.get_ident(), None)
