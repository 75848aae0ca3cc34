"""Who is inside of what, when a thread looks at itself: read off its own stack. For the rare moments of closing.

What the handler of a signal raises can come between any two steps, and leaves a note of having entered standing; but a
note says which thread made it, and a thread that finds its own can look whether it is still true. (Only its own: the
stacks of others change while they are looked at, and CPython 3.11 crashes over that.)
"""

import sys
from types import CodeType, FrameType
from typing import Collection, Iterator, Optional


def frames_in(functions: Collection[CodeType], beside: Optional[FrameType] = None) -> Iterator[FrameType]:
    """The frames of this thread that are in one of these functions, but for the frame `beside`."""
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None:
        if frame.f_code in functions and frame is not beside:
            yield frame
        frame = frame.f_back


def is_running(thread: int) -> bool:
    """Whether there still is a thread of that identity."""
    return thread in sys._current_frames()
