"""What this process serves, and which thread of it answers for which server.

A call from there to the same one would wait for itself.
"""

import threading
from typing import Dict

importing = ""
"""The module that this process is importing to serve it."""
_answering: Dict[str, int] = {}


def begin(name: str) -> None:
    """The present thread answers for the server of that name, until :func:`end`."""
    _answering[name] = threading.get_ident()


def end(name: str) -> None:
    """Idempotent; of a server that another thread answers for by now, nothing."""
    if is_answering(name):
        _answering.pop(name, None)


def is_answering(name: str) -> bool:
    """Whether it is the present thread that answers for that server."""
    return _answering.get(name) == threading.get_ident()
