"""Lane ``native`` of gRPC: generated stubs and messages, as the user of a `.proto` writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import grpc
import orjson

from contenders.grpc_errors import GrpcCaller, reporting
from contenders.interface import CallError
from contenders.proto.bench_pb2 import Document, Operands, Text, Total
from contenders.proto.bench_pb2_grpc import BenchStub, add_BenchServicer_to_server
from contenders.service import Methods

OF_TEXT = ("echo", "fail", "sleep", "compute")
"""Methods from text to text."""


def add_native_handlers(
    server: Any, methods: Methods, report: Callable[[Callable[[Any], Any]], Callable[..., Any]] = reporting
) -> None:
    """Serve `methods` as the service ``Bench`` of `bench.proto`; `report` makes handlers of plain functions."""

    def of_text(name: str) -> Callable[[Text], Text]:
        return lambda request: Text(text=methods[name](request.text))

    def add(request: Operands) -> Total:
        return Total(value=methods["add"]({"a": request.a, "b": request.b}))

    def process(request: Document) -> Document:
        return Document(json=orjson.dumps(methods["process"](orjson.loads(request.json))))

    handlers: dict[str, Callable[[Any], Any]] = {name.title(): of_text(name) for name in OF_TEXT}
    handlers["Add"], handlers["Process"] = add, process
    servicer = SimpleNamespace(**{name: report(handle) for name, handle in handlers.items()})
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
