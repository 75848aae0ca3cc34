"""The service every contender serves, and the convention its methods follow.

A service is a plain object. Each public method takes exactly one parameter, named ``payload``, and returns
one result: whatever needs several arguments takes a dictionary, so that no contender has to know a signature.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

Handler = Callable[[Any], Any]

SLOW_SECONDS = 0.01
"""What a slow method takes."""
_MESSAGE_PAYLOAD_CHARACTERS = 80  # a message must fit gRPC's trailing metadata (8 KiB), whatever the payload


class Methods(dict[str, Handler]):
    """The public methods of a service by name; looking up one it has not raises a LookupError saying so."""

    def __missing__(self, name: str) -> Handler:
        raise LookupError(f"no method {name!r}; the service has {', '.join(sorted(self)) or 'none'}")


def methods_of(service: object) -> Methods:
    """Every public callable attribute of `service`, bound, by name: looked up once and not per call."""
    public = (name for name in dir(service) if not name.startswith("_"))
    return Methods({name: getattr(service, name) for name in public if callable(getattr(service, name))})


class BenchService:
    """Handlers that cost next to nothing, so that the call is what is measured, and two slow ones. Stateless:
    thread-safe.
    """

    def echo(self, payload: Any) -> Any:
        """`payload` itself: bytes, text or a document, as the lane has it."""
        return payload

    def add(self, payload: dict[str, int]) -> int:
        """The sum of ``{"a": int, "b": int}``."""
        return payload["a"] + payload["b"]

    def process(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The document, beside two counts: its fields, and the entries of those fields that are containers.

        The document comes back so that the answer is as large as the request. Only its top level is walked:
        under 1 µs for a dozen fields, whatever lies below them.
        """
        entries = sum(len(value) for value in payload.values() if isinstance(value, (dict, list)))
        return {"document": payload, "fields": len(payload), "entries": entries}

    def produce(self, payload: dict[str, Any]) -> Iterator[str]:
        """A stream: so many texts as ``{"item": text, "items": int}`` says, each with its number, from 0, in place of
        the characters 8 to 15 of the text.

        So an item that is lost, comes twice or out of turn is found.
        """
        head, tail = payload["item"][:8], payload["item"][16:]
        for number in range(payload["items"]):
            yield f"{head}{number:08x}{tail}"

    def total(self, payload: Any) -> float:
        """The sum of an array: a method that reads all of it."""
        return float(payload.sum())

    def first(self, payload: Any) -> float:
        """The first item of an array: a method that hardly reads it."""
        return float(payload[0])

    def sleep(self, payload: Any) -> Any:
        """`payload` itself, after :data:`SLOW_SECONDS` asleep, as one that waits for a disk or another service."""
        time.sleep(SLOW_SECONDS)
        return payload

    def compute(self, payload: Any) -> Any:
        """`payload` itself, after :data:`SLOW_SECONDS` of this thread's CPU time in Python, which holds its lock."""
        end = time.thread_time() + SLOW_SECONDS
        while time.thread_time() < end:
            sum(range(100))
        return payload

    def fail(self, payload: Any) -> None:
        """Raise a ValueError whose message carries the first 80 characters of `payload`."""
        text = payload if isinstance(payload, str) else repr(payload)
        raise ValueError(f"asked to fail with {text[:_MESSAGE_PAYLOAD_CHARACTERS]}")
