"""A call of an object in the server that is under way before anybody awaits it."""

import asyncio
from typing import Any, Callable, Generator, Tuple

from ..exceptions import RPCError, RPCTimeoutError, RPCTransportError
from ..frames import Message
from .session import Begun, Session


class BegunCall:
    """Awaited once, or forgotten; in the session's loop."""

    __slots__ = ("_about", "_begun", "_decode", "_request_size", "_session")

    def __init__(
        self,
        session: Session,
        begun: Begun,
        request_size: int,
        decode: Callable[[Message], Any],
        about: Callable[[Exception], RPCError],
    ) -> None:
        """`request_size`: bytes. `about`: what is raised for an error of the session's."""
        self._session, self._begun, self._request_size = session, begun, request_size
        self._decode, self._about = decode, about

    def __await__(self) -> Generator[Any, None, Tuple[Any, int]]:
        """Its result, and the bytes of the larger one of its two messages."""
        return self._result().__await__()

    async def _result(self) -> Tuple[Any, int]:
        number, future = self._begun
        try:
            try:
                response = await future
                return self._decode(response), max(self._request_size, len(response))
            except BaseException as error:
                self._session.left(number, error)
                raise
        except (RPCTimeoutError, RPCTransportError) as error:
            raise self._about(error) from None

    def forget(self) -> None:
        """Nobody awaits it: it is withdrawn, if it was not taken."""
        number, future = self._begun
        if not future.cancel() and not future.cancelled():
            future.exception()  # which is not missed
        self._session.left(number, asyncio.CancelledError())
