"""HTTP over a Unix domain socket: Starlette on uvicorn, called with httpx's synchronous client.

Lanes ``bytes`` and ``arrays`` post an octet-stream, lane ``json`` posts orjson to one route, lane ``native`` has a
route per method and the JSON of Starlette and httpx, as a web service of these three is written. Handlers run in the
server's event loop, one at a time. A caller may be shared by threads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import httptools  # noqa: F401  # what uvicorn is set up with: missed here, where what to install can be said
import httpx
import uvicorn
import uvloop  # noqa: F401
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contenders.endpoints import fresh_socket_path
from contenders.interface import ARRAYS, PLAIN_LANES, Caller, CallError, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES
from contenders.service import Handler, Methods, methods_of

KEEP_ALIVE_SECONDS = 3600
"""uvicorn's own 5 would close the connection of a caller that pauses."""

TYPES = {"bytes": "application/octet-stream", "json": "application/json", "arrays": "application/octet-stream"}
PING = "/ping"


class HttpUds(Contender):
    """An address is the path of a socket."""

    name = "http-uds"
    summary = "HTTP/1.1 over a Unix domain socket: Starlette on uvicorn, httpx's synchronous client."
    lanes: ClassVar[tuple[str, ...]] = (*PLAIN_LANES, ARRAYS)

    def new_address(self, folder: Path) -> str:
        return str(fresh_socket_path(folder, "http"))

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        config = uvicorn.Config(
            Starlette(routes=_routes(self.lane, methods_of(service))),
            uds=address,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        _Server(config, ready).run()
        Path(address).unlink(missing_ok=True)

    def connect(self, address: str) -> Caller:
        client = httpx.Client(
            transport=httpx.HTTPTransport(uds=address), base_url="http://server", timeout=None, trust_env=False
        )
        try:
            client.get(PING).raise_for_status()
        except httpx.HTTPError as error:
            reason = str(error)
        else:
            return _RoutesCaller(client) if self.lane == "native" else _MessageCaller(client, self.lane)
        client.close()
        raise ServerGone(f"no server at {address}: {reason}")

    def settings(self) -> Mapping[str, str]:
        native = "JSON of Starlette and httpx (the standard library's json)"
        return {
            "transport": "HTTP/1.1 over a Unix domain socket, kept alive",
            "server": "Starlette on uvicorn: uvloop, httptools, no access log, no lifespan",
            "client": "httpx.Client, no timeout, environment ignored",
            "codec": native if self.lane == "native" else MESSAGE_LANES[self.lane].codec,
            "server workers": "1 (the event loop)",
        }


class _Server(uvicorn.Server):
    """uvicorn that says when it is ready and leaves signals to the process."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._ready(self._stop)

    def _stop(self) -> None:
        self.should_exit = True  # looked at ten times a second

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _routes(lane: str, methods: Methods) -> list[Route]:
    async def ping(request: Request) -> Response:
        return Response()

    routes = [Route(PING, ping, methods=["GET"])]
    if lane == "native":
        return routes + [Route(f"/{name}", _json_route(method), methods=["POST"]) for name, method in methods.items()]
    respond, media_type = MESSAGE_LANES[lane].responder(methods), TYPES[lane]

    async def call(request: Request) -> Response:
        return Response(respond(await request.body()), media_type=media_type)

    return [*routes, Route("/call", call, methods=["POST"])]


def _json_route(method: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def route(request: Request) -> Response:
        payload = await request.json()
        try:
            return JSONResponse(method(payload))
        except Exception as error:  # a user's handler ran: anything may come out of it
            return JSONResponse({"type": type(error).__name__, "message": str(error)}, 500)

    return route


class _HttpCaller(Caller):
    """Owns `client`, and makes its errors those of the call interface."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def post(self, path: str, **content: Any) -> httpx.Response:
        """The response, whatever its status."""
        try:
            return self._client.post(path, **content)
        except httpx.TransportError as error:
            reason = str(error)
        except RuntimeError as error:  # how httpx refuses a closed client
            if not self._client.is_closed:
                raise
            reason = str(error)
        # Not in the handlers: the error would keep a socket open that httpcore 1.0 leaves to the garbage collector.
        raise ServerGone(reason)

    def close(self) -> None:
        self._client.close()


class _MessageCaller(_HttpCaller):
    def __init__(self, client: httpx.Client, lane: str) -> None:
        super().__init__(client)
        self._lane = MESSAGE_LANES[lane]
        self._headers = {"Content-Type": TYPES[lane]}

    def call(self, method: str, payload: Any) -> Any:
        response = self.post("/call", content=self._lane.request(method, payload), headers=self._headers)
        if response.is_error:  # in lane bytes, which has no room for more than the status
            raise CallError(f"HTTP {response.status_code}", response.text)
        return self._lane.result(response.content)


class _RoutesCaller(_HttpCaller):
    def call(self, method: str, payload: Any) -> Any:
        response = self.post(f"/{method}", json=payload)
        if response.is_success:
            return response.json()
        if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            error = response.json()
            raise CallError(error["type"], error["message"])
        raise CallError("LookupError", f"no method {method!r}: {response.status_code} {response.reason_phrase}")
