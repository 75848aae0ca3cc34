"""Who is inside of what, read off the stacks of all threads. Pure Python; for the rare moments of closing.

A note of it, made at each entry and taken back at each exit, would cost every call something, and what the handler of
a signal raises could come between the two and leave it standing for ever. The stacks are always right.
"""

import sys
from types import CodeType, FrameType
from typing import Collection, Iterator, Optional


def frames_in(functions: Collection[CodeType], beside: Optional[FrameType] = None) -> Iterator[FrameType]:
    """The frames of all threads that are in one of these functions, but for the frame `beside`."""
    for top in list(sys._current_frames().values()):
        frame: Optional[FrameType] = top
        while frame is not None:
            if frame.f_code in functions and frame is not beside:
                yield frame
            frame = frame.f_back
