"""What an owner holds of the system: a list in which each thing stands from the very instant that it is open.

Python runs the handler of a signal between any two of its own steps, and it may raise there: what was opened in one
step and noted in the next could be lost between them. So the note is made in the same step of C as the opening, here
and wherever ``extend(map(...))`` stands in this package; and everything that is noted can be closed again and again,
so that a release which was interrupted is simply done once more.
"""

from typing import Any, Callable, List, Protocol


class Closable(Protocol):
    def close(self) -> None:
        """Let go of it. Idempotent, also after a call that was interrupted."""


Held = List[Closable]


def let_go(held: Held) -> None:
    """Close everything, last first. Interrupted, it can be called again; so can it by two threads at once."""
    for thing in reversed(held[:]):
        thing.close()
    held.clear()


def noted(outcome: List[Any], function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function`, which must be one of C, returns; it stands in `outcome` before any handler can run."""
    outcome.extend(map(function, *((argument,) for argument in arguments)))
    return outcome[-1]
