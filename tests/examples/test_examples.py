"""The examples, run as a user would: server and client as scripts in two processes."""

import contextlib
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shm_rpc_bridge import RPCClient

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PATIENCE = 30


@contextlib.contextmanager
def server(script):
    """The server script's process, from the moment it says that it is ready."""
    command = [sys.executable, str(EXAMPLES / script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert "is ready" in child.stdout.readline()
            yield child
        finally:
            child.kill()


def client(script, *arguments):
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout.splitlines()


def test_the_calculator_calculates_and_shows_a_division_by_zero():
    with server("calculator_server.py") as child:
        assert client("calculator_client.py") == [
            "7 + 5 = 12",
            "7 - 5 = 2",
            "7 * 5 = 35",
            "7 / 5 = 1.4",
            "7 / 0 is no number: division by zero",
            "and still 1 + 1 = 2",
        ]
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=PATIENCE)[0] == "calculator has stopped\n"
        assert child.returncode == 0


def test_the_accumulator_keeps_a_total_per_client():
    with server("accumulator_server.py") as child, RPCClient("accumulator") as other:
        assert other.call("add", client="other", amount=1000) == 1000
        assert client("accumulator_client.py", "mine", "1", "2", "3.5") == [
            "mine: +1 makes 1",
            "mine: +2 makes 3",
            "mine: +3.5 makes 6.5",
            "mine: closed with 6.5",
        ]
        assert other.call("add", client="other", amount=1) == 1001
        other.call("stop")
        assert child.communicate(timeout=PATIENCE)[0] == "accumulator has stopped with 1 open accounts\n"


def test_a_function_is_taken_out_of_a_program_and_its_process_ends_with_it():
    assert client("pricing_client.py") == [
        "12 cups cost 54.0",
        "with a discount 48.6",
        "not sold: there is no 'fork' to sell",
    ]


def test_calls_are_timed_one_by_one_and_together():
    lines = client("batch.py", "0.02")
    assert len(lines) == 3
    for line in lines:
        assert re.fullmatch(r"one by one [\d,]+ calls/s, 100 together [\d,]+ calls/s: [\d.]+ times", line)


def test_awaited_calls_are_timed_one_by_one_and_many_at_once():
    lines = client("awaited.py", "0.02")
    assert len(lines) == 3
    for line in lines:
        assert re.fullmatch(r"RPCClient [\d,]+ calls/s; awaited: one by one [\d,]+, 64 at once [\d,]+", line)


def test_arrays_are_timed_copied_borrowed_and_through_a_pipe():
    pytest.importorskip("numpy")
    _, header, *lines = client("arrays.py", "0.1", "0.02")
    assert header.split() == ["sum", "here", *["copied", "borrowed", "Pipe"] * 3]
    assert [line.split()[:2] for line in lines] == [["0.004", "MB"], ["0.1", "MB"]]
    for line in lines:
        assert len(line.split()) == 12
        assert all(float(each) > 0 for each in line.split()[2:])


def test_a_web_application_is_timed_before_and_after_a_function_is_taken_out_of_it():
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    lines = client("web.py", "0.05")
    shown = ["in the application", "AsyncRPCClient", "RPCClient in a thread", "ProcessPoolExecutor"] * 3
    assert len(lines) == len(shown)
    for line, way in zip(lines, shown):
        assert re.fullmatch(rf"{way}: [\d,]+ requests/s", line)
