"""Lane ``native`` of gRPC: generated stubs and messages, as the user of a `.proto` writes them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import grpc
import orjson

from contenders.grpc_errors import GrpcCaller, reporting
from contenders.interface import CallError
from contenders.proto.bench_pb2 import Document, Operands, Text, Total
from contenders.proto.bench_pb2_grpc import BenchStub, add_BenchServicer_to_server
from contenders.service import Methods


def add_native_handlers(server: grpc.Server, methods: Methods) -> None:
    """Serve `methods` as the service ``Bench`` of `bench.proto`."""

    def echo(request: Text) -> Text:
        return Text(text=methods["echo"](request.text))

    def add(request: Operands) -> Total:
        return Total(value=methods["add"]({"a": request.a, "b": request.b}))

    def process(request: Document) -> Document:
        return Document(json=orjson.dumps(methods["process"](orjson.loads(request.json))))

    def fail(request: Text) -> Text:
        return Text(text=methods["fail"](request.text))

    handlers = {"Echo": echo, "Add": add, "Process": process, "Fail": fail}
    servicer = SimpleNamespace(**{name: reporting(handle) for name, handle in handlers.items()})
    add_BenchServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]


class NativeCaller(GrpcCaller):
    """A stub, and for each method how its payload becomes a message and its reply a result."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        stub = BenchStub(channel)  # type: ignore[no-untyped-call]
        self._methods: dict[str, Callable[[Any], Any]] = {
            "echo": lambda payload: stub.Echo(Text(text=payload)).text,
            "add": lambda payload: stub.Add(Operands(a=payload["a"], b=payload["b"])).value,
            "process": lambda payload: orjson.loads(stub.Process(Document(json=orjson.dumps(payload))).json),
            "fail": lambda payload: stub.Fail(Text(text=payload)).text,
        }

    def exchange(self, method: str, payload: Any) -> Any:
        call = self._methods.get(method)
        if call is None:
            raise CallError("LookupError", f"bench.proto has no method {method!r}")
        return call(payload)
