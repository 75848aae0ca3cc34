"""A web application before and after a function is taken out of it: requests per second. web.py [SECONDS of each]

FastAPI under uvicorn, real requests over 8 connections. The same function four times: in the application itself; in a
process of its own behind an AsyncRPCClient, and behind an RPCClient in a thread; and in a ProcessPoolExecutor.
"""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pricing
from fastapi import FastAPI

from shm_rpc_bridge import AsyncRPCClient, spawn

CONNECTIONS = 8
WAYS = {
    "before": "in the application",
    "awaited": "AsyncRPCClient",
    "thread": "RPCClient in a thread",
    "pool": "ProcessPoolExecutor",
}


@contextlib.asynccontextmanager
async def lifespan(app):
    with spawn("pricing") as app.state.spawned, ProcessPoolExecutor(1, get_context("spawn")) as app.state.pool:
        async with AsyncRPCClient(app.state.spawned.name) as app.state.client:
            yield


app = FastAPI(lifespan=lifespan)


@app.get("/before/{article}")
async def before(article: str) -> float:
    return pricing.quote(article, 1)


@app.get("/awaited/{article}")
async def awaited(article: str) -> float:
    return await app.state.client.call("quote", article, 1)


@app.get("/thread/{article}")
def thread(article: str) -> float:  # not async: FastAPI runs it in a thread
    return app.state.spawned.call("quote", article, 1)


@app.get("/pool/{article}")
async def pool(article: str) -> float:
    return await asyncio.get_running_loop().run_in_executor(app.state.pool, pricing.quote, article, 1)


@contextlib.contextmanager
def uvicorn(socket):
    """The application, from the moment that it accepts connections."""
    command = [sys.executable, "-m", "uvicorn", "web:app", "--uds", socket, "--log-level", "warning"]
    with subprocess.Popen(command, cwd=Path(__file__).parent) as server:
        try:
            while not Path(socket).exists() and server.poll() is None:
                time.sleep(0.01)
            yield
        finally:
            server.terminate()


async def requests_per_second(socket, way, seconds):
    end = time.perf_counter() + seconds

    async def browse():
        reader, writer = await asyncio.open_unix_connection(socket)
        requests = 0
        while time.perf_counter() < end:
            writer.write(f"GET /{way}/cup HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split()[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200") or body != b"4.5":
                raise SystemExit(f"/{way}/cup was answered {head!r} {body!r}")
            requests += 1
        writer.close()
        return requests

    start = time.perf_counter()
    requests = sum(await asyncio.gather(*(browse() for _ in range(CONNECTIONS))))
    return requests / (time.perf_counter() - start)


def main(seconds, rounds=3):
    with tempfile.TemporaryDirectory() as folder, uvicorn(f"{folder}/web.sock"):
        for way in WAYS:  # once, unmeasured: a pool starts its process with the first call
            asyncio.run(requests_per_second(f"{folder}/web.sock", way, 0.1))
        for _ in range(rounds):  # in turns: what disturbs one disturbs the others
            for way, shown in WAYS.items():
                found = asyncio.run(requests_per_second(f"{folder}/web.sock", way, seconds))
                print(f"{shown}: {found:,.0f} requests/s")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
