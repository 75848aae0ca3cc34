"""A contender of another package: installed, found by its entry point, measured by the real runner."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contenders.registry import ENTRY_POINT_GROUP

ROOT = Path(__file__).parents[2]

MODULE = '''
"""Datagrams over a Unix domain socket."""

import os
import socket
import threading

from contenders.endpoints import fresh_socket_path
from contenders.interface import Caller, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES
from contenders.service import methods_of


class Datagrams(Contender):
    name = "datagrams"
    lanes = ("bytes", "json")

    def new_address(self, folder):
        return str(fresh_socket_path(folder, "dgram"))

    def serve(self, service, address, ready):
        respond = MESSAGE_LANES[self.lane].responder(methods_of(service))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
            server.bind(address)
            server.listen()
            ready(lambda: server.shutdown(socket.SHUT_RDWR))
            try:
                while True:
                    client, _ = server.accept()
                    with client:
                        while request := client.recv(65536):
                            client.send(respond(request))
            except OSError:
                pass

    def connect(self, address):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            client.connect(address)
        except OSError as error:
            client.close()
            raise ServerGone(str(error)) from error
        return DatagramCaller(client, MESSAGE_LANES[self.lane])

    def settings(self):
        return {"socket": "SOCK_SEQPACKET"}


class DatagramCaller(Caller):
    def __init__(self, client, lane):
        self.client, self.lane = client, lane

    def call(self, method, payload):
        self.client.send(self.lane.request(method, payload))
        return self.lane.result(self.client.recv(65536))

    def close(self):
        self.client.close()
'''

SCENARIO = """
repeats = 1
[[cells]]
lanes = ["bytes", "json"]
contenders = ["datagrams"]
payload_sizes = ["100 B"]
calls = 50
warmup_calls = 5
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the package in it as an installer leaves it."""
    site = tmp_path / "site"
    package, about = site / "datagrams_ipc", site / "datagrams_ipc-1.0.dist-info"
    package.mkdir(parents=True)
    about.mkdir()
    (package / "__init__.py").write_text(MODULE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: datagrams-ipc\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\ndatagrams = datagrams_ipc:Datagrams\n")
    return site


@pytest.mark.skipif(sys.platform != "linux", reason="SOCK_SEQPACKET over a Unix domain socket")
def test_an_installed_package_is_measured_beside_the_others(site: Path, tmp_path: Path) -> None:
    (tmp_path / "field.toml").write_text(SCENARIO)
    command = [sys.executable, "-m", "scenarios", "run", str(tmp_path / "field.toml")]
    done = subprocess.run(
        [*command, "--results", str(tmp_path / "results")],
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "results" / "latest"
    rows = list(csv.DictReader((run / "cells.csv").read_text().splitlines()))
    assert {(row["contender"], row["lane"]) for row in rows} == {("datagrams", "bytes"), ("datagrams", "json")}
    assert all(row["verified"] == row["calls"] == "50" and float(row["p50_us"]) > 0 for row in rows)
    settings = json.loads((run / "environment.json").read_text())["settings"]
    assert settings["datagrams"] == {lane: {"socket": "SOCK_SEQPACKET"} for lane in ("bytes", "json")}
