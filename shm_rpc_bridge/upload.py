"""An iterable that is handed to a method, which gets its items while they are produced: the client's side."""

import re
from typing import Any, Awaitable, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from .classes import with_article
from .exceptions import RPCError, RPCMethodError, RPCSerializationError
from .handle import Handle
from .streamed import AsyncStreamed, Streamed
from .streams import Pace, in_the_middle

Place = Union[int, str]
"""Of an argument: its position, or its name."""


class StreamArgument:
    """What :func:`stream` makes of an iterable."""

    __slots__ = ("iterable",)
    __remedy__ = "hand it over as an argument by itself of a call, not within another value, in a batch, map or loan"

    def __init__(self, iterable: Any) -> None:
        """Not for users."""
        if not hasattr(type(iterable), "__iter__") and not hasattr(type(iterable), "__aiter__"):
            raise TypeError(f"stream takes an iterable, not {with_article(type(iterable))}")
        self.iterable = iterable

    def __repr__(self) -> str:
        return f"stream({self.iterable!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a stream is an argument by itself of a client's call, and no part of another value")


def stream(iterable: Any) -> Any:
    """``client.call("load", stream(rows))``: the method gets an iterator, and with ``async def`` an async one.

    An argument by itself, once in a call, by position or by name. Items are produced here, in the call, as the method
    asks for them, up to a hundred at once; each time that some are sent the client's timeout counts anew. What the
    iterable raises is raised by the call, and by the method's iterator as RPCTransportError. A method that returns
    before the end ends it. An AsyncRPCClient takes async iterables as well. TypeError for what is no iterable.
    """
    return StreamArgument(iterable)


class CallWithStream(NamedTuple):
    """One, taken apart."""

    items: StreamArgument
    place: Place
    args: Sequence[Any]
    params: Dict[str, Any]
    """Both without it."""


def call_with_stream(args: Sequence[Any], params: Dict[str, Any]) -> Optional[CallWithStream]:
    """None where no argument is a stream; TypeError where several are."""
    places: List[Place] = [at for at, value in enumerate(args) if type(value) is StreamArgument]
    places += [name for name, value in params.items() if type(value) is StreamArgument]
    if not places:
        return None
    if len(places) > 1:
        raise TypeError(f"one stream in a call, not {len(places)}: hand over one of tuples, or call twice")
    (place,) = places
    if isinstance(place, int):
        return CallWithStream(args[place], place, (*args[:place], *args[place + 1 :]), params)
    return CallWithStream(params[place], place, args, {name: value for name, value in params.items() if name != place})


def refusing_streams(encode: Callable[..., Any]) -> Callable[..., Any]:
    """`encode`, of a codec that might make anything of anything, such as text."""

    def encode_request(method: str, args: Sequence[Any], params: Dict[str, Any]) -> Any:
        if any(type(value) is StreamArgument for value in (*args, *params.values())):
            raise RPCSerializationError(f"a stream is no value for {method!r}: hand it over by a client's call")
        return encode(method, args, params)

    return encode_request


def hand_over(handle: Handle, method: str, items: StreamArgument) -> Any:
    """What the method returns that the handle is of, once it has had what it wants."""
    if not hasattr(items.iterable, "__iter__"):
        raise TypeError("an RPCClient takes no async iterable: use an AsyncRPCClient")
    source: Streamed = Streamed(iter(items.iterable))
    pace, sent = Pace(), 0
    with handle:
        while True:
            taken, is_over = source.take(*pace.ask())
            pace.produced()
            try:
                is_done, result = handle.call("give", taken, is_over)
            except RPCError as error:
                _fewer_after(error, pace, method, sent)
                continue
            pace.came(len(taken), handle._last_size())
            sent += len(taken)
            if is_done:
                return result


async def hand_over_from_loop(
    give: Callable[[List[Any], bool], Awaitable[Tuple[Any, int]]], method: str, items: StreamArgument
) -> Any:
    """As :func:`hand_over`; `give` sends some, and whether they are the last: what is answered, and bytes."""
    is_async = hasattr(items.iterable, "__aiter__")
    source: Any = AsyncStreamed(items.iterable.__aiter__()) if is_async else Streamed(iter(items.iterable))
    pace, sent = Pace(), 0
    while True:
        taken, is_over = await source.take(*pace.ask()) if is_async else source.take(*pace.ask())
        pace.produced()
        try:
            (is_done, result), size = await give(taken, is_over)
        except RPCError as error:
            _fewer_after(error, pace, method, sent)
            continue
        pace.came(len(taken), size)
        sent += len(taken)
        if is_done:
            return result


def _fewer_after(error: RPCError, pace: Pace, method: str, sent: int) -> None:
    """Items that were not sent may be too large together, or come before one that cannot be. Else raises the error."""
    where = f"the method has run, with {sent:,} items" if sent else ""
    if isinstance(error, RPCSerializationError):
        place = _ITEM.sub(lambda at: f"item {sent + 1 + int(at[1])}{at[2]} of the stream for {method!r}", str(error))
        error = RPCSerializationError(place, may_have_run=error.may_have_run)
    if error.may_have_run and not isinstance(error, RPCMethodError):
        raise in_the_middle(error, where) from None
    pace.failed(error, where)


_ITEM = re.compile(r"argument 3\[(\d+)\](.*?) of '\$call'")
"""As a codec calls it, of the call that was to send it."""
