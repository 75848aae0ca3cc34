"""How an RPCClient's requests get through channels of its pool, and what is said where one does not.

`RPCClient.call` has the same written out, since it is the call that all others are measured by.
"""

import math
from time import monotonic
from typing import Any, Deque, Optional

from .batch import Settle
from .borrowing import Use, refused_object
from .calling import Calling
from .connection import ClientChannel
from .exceptions import NOT_SENT, RPCError, RPCTimeoutError, RPCTransportError
from .frames import Arrived, Outgoing
from .messages import BATCH
from .pool import ChannelPool, counts_as_use
from .remote_errors import HandedOut


class Exchanging(Calling):
    """A client's requests that are not its plain calls."""

    _pool: ChannelPool
    _idle: Deque[ClientChannel]
    """The pool's."""

    def _exchange_batch(self, shown: str, message: bytes, settle: Settle) -> None:
        def use(channel: ClientChannel, response: Arrived) -> None:
            settle(shown, response, channel.answered_kind)
            self._pool.put_back(channel)

        self._exchange_any(shown, message, BATCH, use)

    def _exchange_any(self, shown: str, message: Outgoing, kind: int, use: Use) -> None:
        """A request of any kind; `use` is given the channel with the response, and gives it back to the pool."""
        pool = self._pool
        deadline = self._deadline()
        answered = False
        lost: Optional[Exception] = None
        while True:
            channel = self._channel(shown, deadline, lost)
            try:
                if channel.take():
                    response = channel.exchange(message, deadline, kind)
                    answered = True
                    use(channel, response)
                    return
            except (RPCTimeoutError, RPCTransportError) as error:
                lost = self._lost(error, channel, shown, lost, answered)
                continue
            except BaseException:
                pool.put_back(channel)
                raise
            pool.discard(channel)

    def _exchange_there(self, method: str, message: Outgoing, channel: ClientChannel, use: Optional[Use] = None) -> Any:
        """A call through a channel in which its request lies already. `use`: is given the response, undecoded."""
        deadline = self._deadline()
        if not channel.is_clean or not channel.take():
            why = "the loan is lost: its server has ended, or a call of it has failed before"
            raise RPCTransportError(f"{method!r} on {self.name!r}: {why} {NOT_SENT}")
        try:
            response = channel.exchange(message, deadline)
        except (RPCTimeoutError, RPCTransportError) as error:
            raise self._about(error, method, self._timeout) from None
        if use is not None:
            return use(channel, response)
        try:
            return self._decode(method, response)
        except HandedOut as came:
            channel.is_clean = False  # so that it is not used again, and the object goes with it
            raise refused_object(came) from None

    def _begin(self, method: str, shown: str, args: Any, channel: ClientChannel, deadline: float) -> None:
        """A call through a channel that a handle has: :meth:`_exchange` without `args` returns its result."""
        try:
            channel.begin(self._encode(method, args, {}), deadline)
        except RPCTransportError as error:
            raise self._about(error, shown, self._timeout) from None

    def _exchange(
        self, method: str, shown: str, args: Any, params: Any, channel: ClientChannel, deadline: float
    ) -> Any:
        """A call through a channel that a handle has; `args`: None for one that :meth:`_begin` has begun."""
        message = None if args is None else self._encode(method, args, params)
        try:
            response = channel.exchange(message, deadline)
        except (RPCTimeoutError, RPCTransportError) as error:
            raise self._about(error, shown, self._timeout) from None
        return self._codec.decode_response(shown, response)  # `returns` is about what the client's own methods return

    def _deadline(self) -> float:
        return math.inf if self._timeout is None else monotonic() + self._timeout

    def _channel(self, method: str, deadline: float, lost: Optional[Exception]) -> ClientChannel:
        """An idle one, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._opened(method, deadline, lost)

    def _opened(self, method: str, deadline: float, lost: Optional[Exception]) -> ClientChannel:
        """A new channel. Where there is no server: the error also says how the request was `lost` with the last."""
        try:
            return self._pool.open_channel(min(self._patience, deadline - monotonic()))
        except RPCTransportError as error:
            raise self._nowhere(error, method, lost) from None

    def _lost(
        self, error: RPCError, channel: ClientChannel, method: str, lost: Optional[Exception], is_answered: bool
    ) -> Exception:
        """After a request has failed on that channel: what to say of it, if it may be sent once more; else raises it.

        `lost`: what this has returned before. `is_answered`: whether the error is the method's own.
        """
        never_ran = not error.may_have_run and not channel.connection.is_alive()
        self._pool.put_back(channel)
        if is_answered:
            raise error
        told = self._about(error, method, self._timeout)
        if lost is not None or not never_ran or isinstance(error, RPCTimeoutError) or self._pool.is_closed:
            raise told from None
        return told


counts_as_use(Exchanging._begin, "channel")
counts_as_use(Exchanging._exchange, "channel")
counts_as_use(Exchanging._exchange_any, "channel")
counts_as_use(Exchanging._exchange_there, "channel")
