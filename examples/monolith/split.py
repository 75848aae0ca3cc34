"""Which functions of the shop run in processes of their own: the one place that knows of it."""

import contextlib
from collections.abc import Iterator
from types import ModuleType

from shop import images, pricing, reports

import shm_rpc_bridge


@contextlib.contextmanager
def processes() -> Iterator[None]:
    """Within the block these functions are calls to their processes, which end with it.

    A process each, so that no quote waits for a report. The codec is JSON: arrays travel beside it, and all else that
    is passed is what JSON can say.
    """
    with contextlib.ExitStack() as stack:
        _move(stack, pricing, "quote")
        _move(stack, images, "thumbnail", borrows=True)  # it only looks at the image, so it needs no copy
        _move(stack, reports, "monthly")
        yield


def _move(stack: contextlib.ExitStack, module: ModuleType, function: str, borrows: bool = False) -> None:
    """Replace the function in its module, where the program looks it up at each call."""
    spawned = shm_rpc_bridge.spawn(module.__name__, only=[function], borrow=[function] if borrows else [])
    client = stack.enter_context(spawned)
    stack.callback(setattr, module, function, getattr(module, function))
    setattr(module, function, getattr(client.remote, function))
