"""Which thread of this process answers for which server: a call from there to the same one would wait for itself."""

import os
import threading
from typing import Dict

_answering: Dict[int, int] = {}


def begin(generation: int) -> None:
    """The present thread answers for the server of that generation, until :func:`end`."""
    _answering[generation] = threading.get_ident()


def end(generation: int) -> None:
    _answering.pop(generation, None)


def is_answering(generation: int) -> bool:
    """Whether it is the present thread that answers for that server."""
    return _answering.get(generation) == threading.get_ident()


os.register_at_fork(after_in_child=_answering.clear)
