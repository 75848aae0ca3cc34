"""A result that is lent: views of shared memory, in a channel that nobody else uses meanwhile."""

from typing import Any, Callable, List, Optional, Tuple

from .connection import ClientChannel
from .exceptions import RPCSerializationError
from .frames import Arrived, Unopened
from .remote_errors import HandedOut

Use = Callable[[ClientChannel, Arrived], None]
"""Is given a channel and the response in it; from then on both are its own."""


class Borrowed:
    """One call, made when its `with` block begins, whose result is lent until that ends. One thread's, once."""

    def __init__(
        self,
        exchange: Callable[[Use], None],
        decode: Callable[[Arrived], Any],
        put_back: Callable[[ClientChannel, Arrived], None],
        discard: Callable[[ClientChannel], None],
    ) -> None:
        """Not for users."""
        self._exchange: Optional[Callable[[Use], None]] = exchange
        self._decode = decode
        self._put_back = put_back
        self._discard = discard
        self._lent: Optional[Tuple[ClientChannel, Arrived]] = None

    def __enter__(self) -> Any:
        """Raises what a call raises, and RuntimeError for the second time."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            raise RuntimeError("this was borrowed already: call borrow() again")
        result: List[Any] = []

        def use(channel: ClientChannel, response: Arrived) -> None:
            if isinstance(response, Unopened):
                response.lend_to_anybody()
            try:
                result.append(self._decode(response))
            except HandedOut as came:
                self._discard(channel)  # and with it the object, which nobody here can have
                raise RPCSerializationError(
                    f"the result is a {came.class_name} that stays in the server, and cannot be borrowed: call the "
                    "method (it has run)",
                    may_have_run=True,
                ) from None
            except BaseException:
                channel.end_lease(response)
                raise
            self._lent = channel, response

        exchange(use)
        return result.pop()

    def __exit__(self, *_: object) -> None:
        lent, self._lent = self._lent, None
        if lent is not None:
            self._put_back(*lent)
