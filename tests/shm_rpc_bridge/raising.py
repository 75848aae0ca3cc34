"""Raising in the middle of the library, as a signal's handler does: at every line, and after every call."""

import linecache
import os
import sys
import weakref
from typing import Any, Callable, Optional, Tuple

import shm_rpc_bridge

LIBRARY = os.path.dirname(shm_rpc_bridge.__file__)


class Raised(Exception):
    """What the handler raises."""


class RaiseAt:
    """Raises once, in the calling thread: at the moment number `moment` that is met in the library's own code.

    Moments are the beginning of each line, the return of each function of the library, and of each C function that it
    calls: a superset of those at which Python runs the handler of a signal. But for `except` itself, and a `return`
    that ends it: what a trace function raises there makes CPython 3.11 keep the exception that was caught for ever.
    """

    def __init__(self, moment: int, do: Optional[Callable[[], Any]] = None) -> None:
        """`do`: what the handler does instead of raising."""
        self._left = moment
        self._do = do
        self.where: Optional[Tuple[str, int, str]] = None
        """File, line and event at which it was raised; None when there are not so many moments."""

    def run(self, function: Callable[[], Any]) -> None:
        """Call `function`, and swallow what is raised here."""
        sys.settrace(self._trace)
        sys.setprofile(self._profile)
        try:
            function()
        except Raised:
            pass
        finally:
            self._stop()

    @staticmethod
    def _stop() -> None:
        sys.settrace(None)
        sys.setprofile(None)

    def _trace(self, frame: Any, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(LIBRARY):
            return None
        if event in ("line", "return"):
            self._meet(frame, event)
        return self._trace

    def _profile(self, frame: Any, event: str, argument: Any) -> None:
        if event == "c_return" and frame.f_code.co_filename.startswith(LIBRARY):
            self._meet(frame, event)

    def _meet(self, frame: Any, event: str) -> None:
        if _catches(frame) or self._is_finalizing(frame):
            return
        self._left -= 1
        if self._left == 0:
            self._stop()
            self.where = os.path.basename(frame.f_code.co_filename), frame.f_lineno, event
            if self._do is None:
                raise Raised
            self._do()

    def _is_finalizing(self, frame: Any) -> bool:
        """Whether it was called by the interpreter, which swallows whatever is raised there, by whomever."""
        while frame is not None and frame.f_code is not _RUN:
            if frame.f_code.co_name == "__del__" or frame.f_code.co_filename == weakref.__file__:
                return True
            frame = frame.f_back
        return False


_RUN = RaiseAt.run.__code__


def _catches(frame: Any) -> bool:
    if sys.exc_info()[0] is None:
        return False
    source = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
    return source.startswith(("except ", "return "))


def at_every_moment(function: Callable[[], Any], check: Callable[[RaiseAt], None], every: int = 1) -> int:
    """Call `function` again and again, raising one moment later each time, and `check` after each; how often.

    `every`: only each so many'th moment.
    """
    moment = 1
    while True:
        raising = RaiseAt(moment)
        raising.run(function)
        check(raising)
        if raising.where is None:
            return moment
        moment += every
