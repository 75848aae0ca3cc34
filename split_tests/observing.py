"""What the calls of a test do that no process boundary carries, seen in a run where nothing is split.

The flags say what such a test may depend on; they explain a failure only where its own text does not.
"""

from __future__ import annotations

import pickle
import types
import warnings
from typing import Any

from .causes import CALLS_BACK, LAZY, MUTATES, SAME_OBJECT, WARNS
from .stubs import Call
from .targets import Methods

_ATOMS = (str, bytes, int, float, complex, bool, type(None), type, frozenset)
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)


class Observer:
    """Calls in this process, and notes in :attr:`flags` what they do; :meth:`begin` is the next test."""

    def __init__(self, methods: Methods) -> None:
        self._methods = methods
        self.begin()

    def begin(self) -> None:
        self.flags: set[str] = set()
        self._results: list[Any] = []  # kept alive, so that an address stands for one object

    @property
    def call(self) -> Call:
        return self._call

    def _call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        arguments = [*args, *kwargs.values()]
        if any(isinstance(argument, _FUNCTIONS) for argument in arguments):
            self.flags.add(CALLS_BACK)
        before = _state(arguments)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = self._methods[method](*args, **kwargs)
        finally:
            if before is not None and _state(arguments) != before:
                self.flags.add(MUTATES)
        if isinstance(result, types.GeneratorType):
            self.flags.add(LAZY)
        if not isinstance(result, _ATOMS) and any(result is known for known in (*arguments, *self._results)):
            self.flags.add(SAME_OBJECT)
        self._results.append(result)
        for warning in caught:
            self.flags.add(WARNS)
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        return result


def _state(values: Any) -> bytes | None:
    """Equal for equal values, whoever else holds parts of them; None where that cannot be said."""
    try:
        return pickle.dumps(pickle.loads(pickle.dumps(values)))
    except Exception:  # the values' own classes are asked
        return None
