"""Batch: many calls in one message, and their results in one."""

from itertools import islice
from typing import Any, Callable, Iterator, List, Optional, Sequence

from .exceptions import RPCSerializationError
from .frames import Arrived, Outgoing
from .messages import BATCH, joined, parted

Settle = Callable[[str, Arrived, int], None]
Exchange = Callable[[str, bytes, Settle], None]
"""Sends a message, and gives the response and its kind to a function while the response is valid. The text is how
errors call it."""


class Pending:
    """One call of a batch."""

    __slots__ = ("_error", "_message", "_value", "method")

    def __init__(self, method: str, message: bytes) -> None:
        self.method = method
        self._message = message  # until it was sent
        self._value: Any = None
        self._error: Optional[BaseException] = _NOT_SENT

    def result(self) -> Any:
        """What the method has returned; raises what :meth:`RPCClient.call` would. RuntimeError before it was sent."""
        if self._error is None:
            return self._value
        if self._error is _NOT_SENT:
            raise RuntimeError(
                f"the batch with this call of {self.method!r} was not sent: leave its `with` block first"
            )
        raise self._error


_NOT_SENT = RuntimeError()


class Batch:
    """Calls that are sent together when its `with` block ends, are run one after the other, and answered together.

    It costs one message each way, however many calls there are: see :meth:`.client.RPCClient.batch`. One thread's.
    """

    def __init__(self, encode: Callable[..., Outgoing], decode: Callable[[str, Any], Any], exchange: Exchange) -> None:
        """Not for users."""
        self._encode = encode
        self._decode = decode
        self._exchange = exchange
        self._calls: List[Pending] = []
        self._is_sent = False

    def call(self, method: str, /, *args: Any, **params: Any) -> Pending:
        """Add a call; its parameters are encoded now. Raises RPCSerializationError, and the batch is as it was."""
        if self._is_sent:
            raise RuntimeError("this batch was sent: begin another one")
        encoded = self._encode(method, args, params)
        pending = Pending(method, encoded if type(encoded) is bytes else bytes(encoded))
        self._calls.append(pending)
        return pending

    def results(self) -> List[Any]:
        """What the methods have returned, in the order of the calls. Raises what the first that has failed raises."""
        return [each.result() for each in self._calls]

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._calls)

    def __enter__(self) -> "Batch":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.send()

    def send(self) -> None:
        """Send the calls and wait for all results; what leaving the `with` block does. Raises nothing of a method.

        RPCTimeoutError, RPCTransportError or RPCSerializationError when there is no answer; each call has it then, too.
        """
        if self._is_sent:
            raise RuntimeError("this batch was sent")
        self._is_sent = True
        if not self._calls:
            return
        try:
            calls = f"{len(self._calls):,} call{'s' if len(self._calls) > 1 else ''}"
            self._exchange(f"a batch of {calls}", joined([each._message for each in self._calls]), self._settle)
        except BaseException as error:
            for each in self._calls:
                each._error = error
            raise
        finally:
            for each in self._calls:
                each._message = b""

    def _settle(self, shown: str, response: Arrived, kind: int) -> None:
        decode = self._decode
        try:
            responses: Sequence[Arrived] = parted(response) if kind == BATCH else [response]
        except ValueError as error:
            raise _not_theirs(shown, error) from None
        if kind != BATCH or len(responses) == 1 != len(self._calls):  # the server says why there are none
            decode(shown, responses[0])
            raise _not_theirs(shown, "one result")
        if len(responses) != len(self._calls):
            raise _not_theirs(shown, f"{len(responses):,} results")
        for each, own in zip(self._calls, responses):
            try:
                each._value = decode(each.method, own)
                each._error = None
            except Exception as error:  # what a method has raised, or that it cannot be had
                each._error = error


def mapped(new_batch: Callable[[], Batch], method: str, arguments: Iterator[Any], at_once: int) -> Iterator[Any]:
    """See :meth:`.client.RPCClient.map`."""
    while chunk := list(islice(arguments, at_once)):
        with new_batch() as batch:
            for each in chunk:
                batch.call(method, *each)
        yield from (pending.result() for pending in batch)


def _not_theirs(shown: str, why: object) -> RPCSerializationError:
    return RPCSerializationError(
        f"the response to {shown} is none: {why} (whether they ran is unknown)", may_have_run=True
    )
