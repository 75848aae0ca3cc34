"""A web server with workers, recorded as it is: real processes, real requests."""

import http.client
import signal
import socket
import subprocess
import sys
import time

import pytest

from .programs import Program

pytest.importorskip("uvicorn")
pytest.importorskip("gunicorn")

APP = """
import pricing

def plain(environ, start_response):
    pricing.quote(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]

async def app(scope, receive, send):
    if scope["type"] == "http":
        pricing.quote(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
"""
REQUESTS = 30
SERVERS = {
    "uvicorn": "-m uvicorn app:app --workers 2 --uds {path} --log-level warning --lifespan off",
    "gunicorn": "-m gunicorn app:plain --workers 2 --bind unix:{path} --log-level warning",
}


class Local(http.client.HTTPConnection):
    """Over a Unix domain socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


@pytest.mark.fault("recorded-forks")
@pytest.mark.parametrize("by", ["command", "environment"])
@pytest.mark.parametrize("name", SERVERS)
def test_the_workers_of_a_web_server_are_recorded_each_in_its_file(program: Program, name: str, by: str) -> None:
    program.write("pricing", "def quote(sku): return {'sku': sku}")
    program.write("app", APP)
    path = str(program.folder / "socket")
    serving = SERVERS[name].format(path=path).split()
    asked = ["--target", "pricing:quote"]
    environment = program.environment()
    if by == "command":
        command = [sys.executable, "-m", "shm_rpc_bridge.record", *asked, "--", *serving]
    else:
        printed = program.run(*asked, "--print-environment").stdout
        for line in printed.splitlines():
            name, _, value = line.partition("export ")[2].partition("=")
            environment[name] = value.strip("'")
        command = [sys.executable, *serving]
    del environment["PYTHONWARNINGS"]  # which are the server's own affair
    server = subprocess.Popen(command, cwd=program.folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        answered = [ask(path, f"/{number}", server) for number in range(REQUESTS)]
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    finally:
        server.kill()
    assert answered == [b"ok"] * REQUESTS
    recording = program.recording()
    assert sorted(recording.arguments(call)[0][0] for call in recording.calls) == sorted(
        f"/{number}" for number in range(REQUESTS)
    )
    # One worker may have taken all requests; the process that watches them writes where it was asked to.
    assert len({process.pid for process in recording.processes}) >= (2 if by == "command" else 1)
    assert recording.totals["pricing:quote"].calls == REQUESTS


def ask(path: str, what: str, server: "subprocess.Popen[str]") -> bytes:
    """The answer, once there is a server."""
    for _ in range(600):
        connection = Local(path, timeout=30)
        try:
            connection.request("GET", what)
            return connection.getresponse().read()
        except (FileNotFoundError, ConnectionRefusedError):
            assert server.poll() is None, server.communicate()[1]
            time.sleep(0.05)
        finally:
            connection.close()
    raise AssertionError("the server has not begun")
