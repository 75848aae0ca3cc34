"""Lane ``native`` of gRPC: generated stubs and messages, as the user of a `.proto` writes them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import grpc
import orjson

from contenders.grpc_errors import SYNC, GrpcCaller, HandlerKind, caller_error
from contenders.interface import CallError, ServerGone
from contenders.proto.bench_pb2 import Document, Operands, Production, Text, Total
from contenders.proto.bench_pb2_grpc import BenchStub, add_BenchServicer_to_server
from contenders.service import Methods

OF_TEXT = ("echo", "fail", "sleep", "compute")
"""Methods from text to text."""


def add_native_handlers(server: Any, methods: Methods, kind: HandlerKind = SYNC) -> None:
    """Serve `methods` as the service ``Bench`` of `bench.proto`; `kind` makes handlers of plain functions."""

    def of_text(name: str) -> Callable[[Text], Text]:
        return lambda request: Text(text=methods[name](request.text))

    def add(request: Operands) -> Total:
        return Total(value=methods["add"]({"a": request.a, "b": request.b}))

    def process(request: Document) -> Document:
        return Document(json=orjson.dumps(methods["process"](orjson.loads(request.json))))

    def produce(request: Production) -> Iterator[Text]:
        for item in methods["produce"]({"item": request.item, "items": request.items}):
            yield Text(text=item)

    handlers: dict[str, Callable[[Any], Any]] = {name.title(): of_text(name) for name in OF_TEXT}
    handlers["Add"], handlers["Process"] = add, process
    servicer = SimpleNamespace(**{name: kind.unary(handle) for name, handle in handlers.items()})
    servicer.Produce = kind.stream(produce)
    add_BenchServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]


class Method(NamedTuple):
    """A method of the stub, and how payloads become messages and replies results."""

    stub: Any
    request: Callable[[Any], Any]
    result: Callable[[Any], Any]


def stub_methods(channel: Any) -> Mapping[str, Method]:
    """Each method of `bench.proto` by the service's name for it, on a channel of either API."""
    stub = BenchStub(channel)  # type: ignore[no-untyped-call]
    return {
        **{name: Method(getattr(stub, name.title()), _of_text, _text_of) for name in OF_TEXT},
        "add": Method(stub.Add, lambda payload: Operands(a=payload["a"], b=payload["b"]), lambda reply: reply.value),
        "process": Method(
            stub.Process,
            lambda payload: Document(json=orjson.dumps(payload)),
            lambda reply: orjson.loads(reply.json),
        ),
    }


def production(channel: Any, method: str, payload: Any) -> Any:
    """A call of `bench.proto` whose replies, :class:`Text`, come one after the other, on a channel of either API.

    Raises :class:`CallError` for a method that is no stream there.
    """
    if method != "produce":
        raise unknown(method)
    stub = BenchStub(channel)  # type: ignore[no-untyped-call]
    return stub.Produce(Production(item=payload["item"], items=payload["items"]))


def _of_text(payload: str) -> Text:
    return Text(text=payload)


def _text_of(reply: Text) -> str:
    return reply.text


def unknown(method: str) -> CallError:
    """What calling a method that the `.proto` does not have comes to, without leaving the caller."""
    return CallError("LookupError", f"bench.proto has no method {method!r}")


class NativeCaller(GrpcCaller):
    """Calls through the generated stub."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        self._methods = stub_methods(channel)

    def exchange(self, method: str, payload: Any) -> Any:
        called = self._methods.get(method)
        if called is None:
            raise unknown(method)
        return called.result(called.stub(called.request(payload)))

    def start(self, method: str, payload: Any) -> tuple[Any, Callable[[Any], Any]]:
        called = self._methods.get(method)
        if called is None:
            raise unknown(method)
        return called.stub.future(called.request(payload)), called.result

    def stream(self, method: str, payload: Any) -> Generator[Any, None, None]:
        try:
            replies = production(self._channel, method, payload)
            try:
                for reply in replies:
                    yield reply.text
            finally:
                replies.cancel()  # where it is closed early; it changes nothing at the end
        except grpc.RpcError as error:
            raise caller_error(error) from error
        except ValueError as error:  # as of a call
            if self._closed:
                raise ServerGone("this caller is closed") from error
            raise
