"""A recording as the replay needs it, from :mod:`shm_rpc_bridge.record`. No other module of the replay imports that.

Its values are unpickled here, with what stands in them for others put right: a value that was hidden is made up again,
of the same type and length, and one that could not be recorded is the reason why a call cannot travel. Unpickling may
run any code and imports modules of the recorded program; what these print goes to standard error.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import pickle
import sys
from pathlib import Path
from typing import Any

from scenarios.common.errors import UserError
from shm_rpc_bridge.record import (
    NOT_PICKLED,
    Call,
    Encoded,
    Function,
    NotARecording,
    Recording,
    Redacted,
    Refused,
    Totals,
    busy_share,
    read,
)

__all__ = [
    "NOT_PICKLED",
    "Call",
    "Encoded",
    "Function",
    "Recording",
    "RecordingError",
    "Refused",
    "Totals",
    "Values",
    "busy_share",
    "opened",
    "values",
]

_MADE_UP: dict[str, Any] = {
    "str": lambda length: "x" * length,
    "bytes": bytes,
    "bytearray": bytearray,
    "list": lambda length: [0] * length,
    "tuple": lambda length: (0,) * length,
    "dict": lambda length: {f"key{i}": 0 for i in range(length)},
    "set": lambda length: set(range(length)),
    "int": lambda length: 1,
    "float": lambda length: 1.0,
    "bool": lambda length: True,
    "NoneType": lambda length: None,
}
PATH_HINT = "--path DIR puts a folder on sys.path"


class RecordingError(UserError):
    """A recording that cannot be read, or not replayed."""

    kind = "recording"


@dataclasses.dataclass(frozen=True)
class Values:
    """What was pickled of one direction of a call."""

    value: Any
    refused: tuple[str, ...]
    """What could not be recorded of it, and so cannot travel: types and reasons."""
    made_up: int
    """Values that were hidden, in whose place others are."""

    @property
    def is_original(self) -> bool:
        """Whether it is what was recorded, byte for byte."""
        return not self.refused and not self.made_up


def opened(path: Path, *, trust: bool = False) -> Recording:
    """Raises :class:`RecordingError` with a remedy."""
    try:
        return read(path, trust=trust)
    except NotARecording as error:
        raise RecordingError(f"{error}; python -m shm_rpc_bridge.record writes one") from None
    except PermissionError as error:
        raise RecordingError(str(error)) from None
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror}") from None


def values(pickled: bytes) -> Values:
    """Raises whatever unpickling raises: of a module that is not here, ModuleNotFoundError."""
    unpickler = _Unpickler(pickled)
    with contextlib.redirect_stdout(sys.stderr):
        value = unpickler.load()
    return Values(value, tuple(unpickler.refused), unpickler.made_up)


def why_not_read(error: BaseException) -> str:
    """Why a pickle cannot be loaded, and what to do about it."""
    if isinstance(error, ModuleNotFoundError):
        return f"needs module {error.name}, which is not found: {PATH_HINT}"
    if isinstance(error, AttributeError) and "__main__" in str(error):
        return f"{error}: what is defined in a program's main file is not found elsewhere; move it into a module"
    return f"its pickle cannot be loaded: {type(error).__name__}: {str(error).partition(chr(10))[0]}"


def why_refused(refused: Refused) -> str:
    """What it was, and why it is not in the recording."""
    return f"a {refused.type_name.rpartition('.')[2]} cannot be pickled: {refused.why.partition(chr(10))[0]}"


class CannotMakeUp(ValueError):
    """A value was hidden, and nothing is known of its type that would do in its place."""


class _Unpickler(pickle.Unpickler):
    """Puts something else where a stand-in is. A stand-in is pickled as a call of its class's ``__new__``."""

    def __init__(self, pickled: bytes) -> None:
        super().__init__(io.BytesIO(pickled))
        self.refused: list[str] = []
        self.made_up = 0

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if found is Redacted:
            return self._substitute(self._made_up)
        if found is Refused:
            return self._substitute(self._refused)
        return found

    @staticmethod
    def _substitute(make: Any) -> type:
        return type("Substitute", (), {"__new__": lambda _, *fields: make(*fields)})

    def _made_up(self, type_name: str, length: int) -> Any:
        if type_name not in _MADE_UP:
            raise CannotMakeUp(f"a {type_name} was hidden by redact=, and none can be made up")
        self.made_up += 1
        return _MADE_UP[type_name](max(0, length))

    def _refused(self, type_name: str, why: str) -> Refused:
        self.refused.append(why_refused(Refused(type_name, why)))
        return Refused(type_name, why)
