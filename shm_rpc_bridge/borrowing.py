"""Shared memory in a user's hand: a result that is lent, an argument that is made where it is sent from.

Each has a channel that nobody else uses meanwhile.
"""

import contextlib
from math import prod
from typing import Any, Callable, Dict, List, Optional, Tuple

from .connection import ClientChannel, Lease
from .exceptions import NOT_SENT, RPCSerializationError, RPCTransportError
from .frames import Arrived, Framed, Outgoing, Unopened
from .messages import ONE
from .remote_errors import HandedOut

Use = Callable[[ClientChannel, Arrived], None]
"""Is given a channel and the response in it; from then on both are its own."""


def refused_object(came: HandedOut) -> RPCSerializationError:
    """Where a result cannot be one that stays in the server."""
    return RPCSerializationError(
        f"the result is a {came.class_name} that stays in the server, and cannot be had so: use the client's call "
        "(the method has run)",
        may_have_run=True,
    )


class Borrowed:
    """One call, made when its `with` block begins, whose result is lent until that ends. One thread's, once.

    What is kept of the result when the block ends is a copy from then on.
    """

    def __init__(
        self,
        exchange: Callable[[Use], None],
        decode: Callable[[Arrived], Any],
        put_back: Callable[[Lease], None],
        discard: Callable[[ClientChannel], None],
    ) -> None:
        """Not for users."""
        self._exchange: Optional[Callable[[Use], None]] = exchange
        self._decode = decode
        self._put_back = put_back
        self._discard = discard
        self._lease: Optional[Lease] = None

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
                raise refused_object(came) from None
            except BaseException:
                channel.lease(response).end()
                raise
            self._lease = channel.lease(response)

        exchange(use)
        return result.pop()

    def __exit__(self, *_: object) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            self._put_back(lease)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name!r}: borrow() is for a block: with client.borrow(...) as result: result.{name}")


_BEFORE = 4096
"""Bytes for what stands before the array in a request: the method, and all other arguments but arrays and bytes."""


class Loan:
    """Memory for an array that is sent without being copied: ``with client.loan((1000, 1000), "f4") as loan:``.

    ``loan.array`` is filled and handed to ``loan.call``, as often as one likes; it is not zero to begin with. Where it
    is not the first array of a call, of which those with names come first, or stands beside more than 4 KB of other
    arguments, it is copied as any other is, and with codec "pickle" by the first call. One thread's.
    """

    def __init__(
        self,
        shape: Any,
        dtype: Any,
        open_channel: Callable[[], ClientChannel],
        encode: Callable[..., Outgoing],
        decode: Callable[[str, Arrived], Any],
        exchange: Callable[..., Any],
        exchange_any: Callable[[str, Outgoing, int, Use], None],
        call: Callable[..., Any],
        put_back: Callable[[Lease], None],
        discard: Callable[[ClientChannel], None],
    ) -> None:
        """Not for users. Raises TypeError or ValueError for what no array can have."""
        import numpy

        self._dtype = numpy.dtype(dtype)
        self._shape = (shape,) if isinstance(shape, int) else shape
        if not isinstance(self._shape, (tuple, list)) or not all(isinstance(length, int) for length in self._shape):
            raise TypeError(f"shape must be an int, or a tuple of them, not {shape!r}")
        self._shape = tuple(self._shape)
        if self._dtype.hasobject:
            raise TypeError(f"an array of dtype {self._dtype} cannot be sent: it is one of Python objects")
        if any(length < 0 for length in self._shape):
            raise ValueError(f"shape must have lengths of 0 or more, not {self._shape}")
        self._open_channel = open_channel
        self._encode = encode
        self._decode = decode
        self._exchange = exchange
        self._exchange_any = exchange_any
        self._call = call
        self._put_back = put_back
        self._discard_other = discard
        self._lease: Optional[Lease] = None
        self._lent: Optional[Lease] = None
        """Of the response to the last call, while its result is lent, ..."""
        self._is_over = False
        """... or still looked at, though its block has ended."""
        self._alone: Dict[Tuple[Any, ...], Framed] = {}
        """Requests with nothing but the array: which each is the same again."""
        self._last: Optional[Framed] = None
        """The request that lies in the memory, as the last call has left it."""
        self._lying: Optional[Framed] = None
        """That, of which nothing is to be written."""
        self.array: Any = None
        """In C order; None outside of the `with` block."""

    def __enter__(self) -> "Loan":
        """Raises RPCTransportError where there is no server, or no room."""
        import numpy

        if self._lease is not None:
            raise RuntimeError("this loan has begun already: call loan() again")
        self._channel = channel = self._open_channel()
        size = prod(self._shape) * self._dtype.itemsize
        self._lease, memory = channel.loan(_BEFORE, size)
        self.array = numpy.frombuffer(memory, numpy.uint8).view(self._dtype).reshape(self._shape)
        return self

    def call(self, method: str, /, *args: Any, **params: Any) -> Any:
        """As the client's `call`, with the array where it is."""
        placed = self._request(method, args, params)
        if placed is None:
            return self._call(method, *args, **params)
        result = self._exchange(method, self._unwritten(placed), self._channel)
        self._last = placed
        return result

    def borrow(self, method: str, /, *args: Any, **params: Any) -> Borrowed:
        """As the client's `borrow`, with the array where it is: no copy on this side, neither there nor back.

        While its block lasts, other calls of this loan are made as if there were none, with a copy of the array. What
        still has the result when the next one is made gets a copy then: ``del result`` spares that.
        """
        return Borrowed(
            lambda use: self._exchange_lent(method, args, params, use),
            lambda response: self._decode(method, response),
            self._end_lent,
            self._discard,
        )

    def _exchange_lent(self, method: str, args: Any, params: Any, use: Use) -> None:
        def lend(channel: ClientChannel, response: Arrived) -> None:
            use(channel, response)
            self._lent, self._is_over = channel.lease(response), False

        placed = self._request(method, args, params)
        if placed is None:
            self._exchange_any(method, self._encode(method, args, params), ONE, use)
            return
        self._exchange(method, self._unwritten(placed), self._channel, lend)
        self._last = placed

    def _end_lent(self, lease: Lease) -> None:
        if lease.channel is not self._channel:
            self._put_back(lease)
        elif self._lent is not None:  # else it has ended with the loan
            self._is_over = True
            if not self._lent.is_viewed():
                self._end_over()

    def _end_over(self) -> None:
        """Have the channel free again. What somebody still looks at is a copy from now on."""
        lent, self._lent = self._lent, None
        if lent is not None:
            with contextlib.suppress(MemoryError):  # then the channel is of no further use, which it knows
                lent.end()

    def _discard(self, channel: ClientChannel) -> None:
        channel.is_clean = False  # so that it is not used again
        if channel is not self._channel:
            self._discard_other(channel)

    def _request(self, method: str, args: Any, params: Any) -> Optional[Framed]:
        """The request, with the array where it is; None where it cannot go from there."""
        if self._lease is None:
            raise RPCTransportError(
                f"{method!r}: a loan is for its `with` block, which has not begun or is over {NOT_SENT}"
            )
        array = self.array
        if len(args) + len(params) == 1 and (args[0] if args else next(iter(params.values()))) is array:
            key = method, *params, array.flags.writeable, array.shape, array.dtype
            placed = self._alone.get(key)
            if placed is None:
                placed = self._placed(method, args, params)
                if placed is not None:
                    self._alone[key] = placed
        else:
            placed = self._placed(method, args, params)
        if self._lent is not None and self._is_over:
            self._end_over()
        return placed if placed is not None and self._lent is None and self._channel.fits(placed) else None

    def _unwritten(self, placed: Framed) -> Framed:
        """What of it does not lie there already. Until that is known to, nothing does."""
        last, self._last = self._last, None
        if placed is last and self._lying is not None:
            return self._lying
        self._lying = placed.as_it_lies()
        return placed

    def _placed(self, method: str, args: Any, params: Any) -> Optional[Framed]:
        """The request, in which the array is where it is; None where it would have to be somewhere else."""
        message = self._encode(method, args, params)
        return message.in_place(_BEFORE) if isinstance(message, Framed) and self._is_first(message) else None

    def _is_first(self, message: Framed) -> bool:
        import numpy

        first = message.frames[0]
        is_alike = len(first) == self.array.nbytes > 0
        return is_alike and _address(numpy.frombuffer(first, numpy.uint8)) == _address(self.array)

    def __exit__(self, *_: object) -> None:
        lease, self._lease = self._lease, None
        self.array = None
        self._alone.clear()
        self._last = None
        self._end_over()
        if lease is not None:
            self._put_back(lease)


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])
