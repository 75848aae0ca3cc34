"""How a handler's exception travels over gRPC: as status UNKNOWN, its type beside it in trailing metadata."""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, NamedTuple, NoReturn, TypeVar

import grpc
import grpc.aio

from contenders.interface import Caller, CallError, ServerGone

Request = TypeVar("Request")
Response = TypeVar("Response")

_TYPE_KEY = "exception-type-bin"  # "-bin": a class name need not be ASCII
_MESSAGE_CHARACTERS = 500  # percent-encoded up to 12 bytes each: below the 8 KiB a peer takes as metadata

# CANCELLED is what a call gets whose server stops while it runs.
_GONE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def unary_handler(handle: Callable[[Request], Response]) -> Callable[[Request, grpc.ServicerContext], Response]:
    """`handle` as gRPC calls it, its exceptions sent to the caller instead of logged."""

    def handler(request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return handle(request)
        except Exception as error:  # a user's handler ran: anything may come out of it
            _abort(context, error)

    return handler


def unary_handler_async(handle: Callable[[Request], Response]) -> Callable[[Request, Any], Awaitable[Response]]:
    """As :func:`unary_handler`, in an event loop: a coroutine function, since any other is run in a thread there."""

    async def handler(request: Request, context: Any) -> Response:
        try:
            return handle(request)
        except Exception as error:  # a user's handler ran: anything may come out of it
            context.set_trailing_metadata(_type_of(error))
            await context.abort(grpc.StatusCode.UNKNOWN, str(error)[:_MESSAGE_CHARACTERS])
            raise  # not reached: abort() raises

    return handler


def stream_handler(
    produce: Callable[[Request], Iterator[Response]],
) -> Callable[[Request, grpc.ServicerContext], Iterator[Response]]:
    """As :func:`unary_handler`, for a stream of responses."""

    def handler(request: Request, context: grpc.ServicerContext) -> Iterator[Response]:
        try:
            yield from produce(request)
        except Exception as error:  # a user's generator ran: anything may come out of it
            _abort(context, error)

    return handler


def stream_handler_async(
    produce: Callable[[Request], Iterator[Response]],
) -> Callable[[Request, Any], AsyncIterator[Response]]:
    """As :func:`stream_handler`, for a server in an event loop."""

    async def handler(request: Request, context: Any) -> AsyncIterator[Response]:
        try:
            for response in produce(request):
                yield response
        except Exception as error:  # a user's generator ran: anything may come out of it
            context.set_trailing_metadata(_type_of(error))
            await context.abort(grpc.StatusCode.UNKNOWN, str(error)[:_MESSAGE_CHARACTERS])

    return handler


class HandlerKind(NamedTuple):
    """How an API's handlers are made: of functions, and of generators."""

    unary: Callable[[Callable[[Any], Any]], Callable[..., Any]]
    stream: Callable[[Callable[[Any], Iterator[Any]]], Callable[..., Any]]


SYNC, ASYNC = HandlerKind(unary_handler, stream_handler), HandlerKind(unary_handler_async, stream_handler_async)


def _type_of(error: Exception) -> tuple[tuple[str, bytes], ...]:
    return ((_TYPE_KEY, type(error).__name__.encode()),)


def _abort(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    context.set_trailing_metadata(_type_of(error))
    context.abort(grpc.StatusCode.UNKNOWN, str(error)[:_MESSAGE_CHARACTERS])


def caller_error(error: grpc.RpcError) -> Exception:
    """What a failed call is to the caller: :class:`CallError` or :class:`ServerGone`."""
    if not isinstance(error, (grpc.Call, grpc.aio.AioRpcError)):
        return ServerGone(str(error))
    code, details = error.code(), error.details() or ""
    if code in _GONE:
        return ServerGone(f"{code.name}: {details}")
    for key, value in error.trailing_metadata() or ():
        if key == _TYPE_KEY and isinstance(value, bytes):
            return CallError(value.decode(), details)
    return CallError(code.name, details)


class GrpcCaller(Caller):
    """Owns `channel`. Subclasses say what goes over it; errors become those of the call interface here."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._closed = False

    @abc.abstractmethod
    def exchange(self, method: str, payload: Any) -> Any:
        """Make the call and return its result."""

    @abc.abstractmethod
    def start(self, method: str, payload: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Send the call: gRPC's future of the reply, and what makes a result of that."""

    def call(self, method: str, payload: Any) -> Any:
        try:
            return self.exchange(method, payload)
        except grpc.RpcError as error:
            raise caller_error(error) from error
        except ValueError as error:  # how gRPC refuses a closed channel, and protobuf a value it cannot hold
            if self._closed:
                raise ServerGone("this caller is closed") from error
            raise

    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        try:
            reply, result = self.start(method, payload)
        except ValueError as error:
            if self._closed:
                raise ServerGone("this caller is closed") from error
            raise

        def answer() -> Any:
            try:
                return result(reply.result())
            except grpc.RpcError as error:
                raise caller_error(error) from error
            except grpc.FutureCancelledError as error:  # the channel was closed meanwhile
                raise ServerGone("this caller is closed") from error

        return answer

    def close(self) -> None:
        self._closed = True
        self._channel.close()
