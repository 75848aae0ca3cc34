"""`stat`: a server's figures from outside, once or again and again, also of one that is stuck."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, names, statistics
from shm_rpc_bridge.statistics import Totals

from .counting import Holding, stat
from .services import PATIENCE, calling, serving, started
from .steps import until

pytest.importorskip("msgspec")


def test_a_server_that_is_stuck_is_looked_at_from_outside(name):
    holding = Holding(name, statistics=True)
    with started(holding.server), RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("add", 1, 2) == 3
        with calling(client.call, "hold"):
            holding.until_waiting(1)  # which writes the figures, too
            status, shown, told = stat(name)
            assert (status, told) == (0, "")
            assert f"server '{name}', process {os.getpid()}, codec json, up " in shown
            assert re.search(r"^calls +1 answered, .*; 0 failed; 0 given up", shown, re.MULTILINE)
            assert re.search(rf"^ *[\d.]+ m?s +{os.getpid()} +taken +hold$", shown, re.MULTILINE)
            assert re.search(r"^add +1 +[\d.]+ +0 +[\d.]+ us", shown, re.MULTILINE)
            status, shown, told = stat("--json", name)
            found = json.loads(shown)
            assert (status, found["answered"], found["methods"]["add"]["calls"]) == (0, 1, 1)
            assert found["waiting"][0]["method"] == "hold"
            holding.go_on.set()


def test_a_server_that_does_not_look_after_its_clients_is_said_to_be_stuck_or_not_started(name):
    with RPCServer(name) as server:
        assert "not started" not in stat(name)[1]
        now = time.monotonic_ns()
        totals = Totals(now - 5 * 10**9, now - 10 * 10**9, 0, 0, 0, 0, 0, 0, 0)
        statistics.write_totals(server._endpoint._control.map, 1024, totals)
        assert re.search(r"up 1\d(\.\d)? s; it has not looked after its clients for 5[\d.]* s: it is in", stat(name)[1])


def test_figures_are_written_twice_a_second_without_being_asked_for(name):
    with serving(name), RPCClient(name, timeout=PATIENCE) as client:
        client.call("add", 1, 2)
        for _ in until(PATIENCE):
            found = json.loads(stat("--json", name)[1])
            if found["answered"] == 1:
                break
        assert found["age"] < 2
        assert "of methods nothing: serve with --statistics" in stat(name)[1]


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["nobody"], 1, "Cannot find shared memory 'srb:nobody': start the server 'nobody' first"),
        (["a/b"], 2, "a/b"),
        (["--watch", "0", "nobody"], 2, "--watch takes 0.05 to 3600 seconds, not 0"),
    ],
)
def test_what_cannot_be_shown_is_said(arguments, status, told):
    found, shown, said = stat(*arguments)
    assert (found, shown) == (status, "")
    assert told in said


def test_it_is_shown_again_and_again_until_the_server_has_gone(name):
    command = [sys.executable, "-m", "shm_rpc_bridge", "stat", "--watch", "0.05", "--json", name]
    with contextlib.ExitStack() as server:
        server.enter_context(serving(name))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            lines = [json.loads(child.stdout.readline()) for _ in range(3)]
            assert lines[0]["seconds"] < lines[1]["seconds"] < lines[2]["seconds"]
            server.close()
            _, told = child.communicate(timeout=PATIENCE)
    assert (child.returncode, told) == (1, f"server '{name}' has gone\n")


def test_ctrl_c_ends_watching_well(name):
    command = [sys.executable, "-m", "shm_rpc_bridge", "stat", "--watch", "0.05", name]
    with serving(name), subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline().startswith(f"server '{name}'")
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=PATIENCE)
        assert (child.returncode, told) == (0, "")


def test_whoever_has_seen_enough_leaves_no_traceback(name):
    command = [sys.executable, "-m", "shm_rpc_bridge", "stat", "--watch", "0.05", name]
    with serving(name), subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(PATIENCE) == 1
        assert child.stderr.read() == ""


def test_another_layout_is_said(name):
    with RPCServer(name):
        with open(f"/dev/shm/{names.control(name)}", "r+b") as segment:
            segment.seek(8)
            segment.write(b"\x63")
        status, _, told = stat(name)
        assert status == 1
        assert "layout version 99" in told
