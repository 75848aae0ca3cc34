"""The command, for real: it finds a slower library slower and an equal one not, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.ab import block, checkouts, process
from scenarios.ab.block import Calls, Figures
from scenarios.cli.commands import main
from scenarios.common.errors import CheckoutError
from scenarios.records.environment import PROJECT

SHORT = ["--blocks", "9", "--seconds", "50ms", "--threshold", "50%", "--json"]
"""A busy machine may double what a call takes; with 200 µs more it is ten times as long. One pair of 9 may be bad."""
SLOWER = "of = RPCClient.call; RPCClient.call = lambda *a, **k: (__import__('time').sleep(2e-4), of(*a, **k))[1]"
PATIENCE = 30
SHARED_MEMORY = Path("/dev/shm")

Copy = Callable[[str], str]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A checkout of the library with a line more at its end."""

    def make(line: str) -> str:
        folder = tmp_path / "changed"
        shutil.copytree(
            PROJECT / "shm_rpc_bridge", folder / "shm_rpc_bridge", ignore=shutil.ignore_patterns("__pycache__")
        )
        with (folder / "shm_rpc_bridge" / "__init__.py").open("a") as file:
            file.write(f"\n{line}\n")
        return str(folder)

    return make


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With what a first block compiles, for all that follow."""
    return tmp_path_factory.mktemp("scratch")


def one_block(folder: str, scratch: Path, **asked: Any) -> Figures:
    default: dict[str, Any] = {"codec": None, "wait": None, "rate": None, "clients": 1, "seconds": 0.02}
    calls = Calls(payload_bytes=100, **default | asked)
    return block.measure(checkouts.find(folder, scratch), calls, scratch)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["ab", *arguments, *SHORT])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


def test_a_line_that_costs_200_us_is_found_to_be_slower(copy: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    changed = copy(SLOWER)
    code, found = answer(capsys, str(PROJECT), changed)
    assert (code, found["outcome"], found["exit_code"]) == (1, "slower", 1)
    assert found["before"]["file"] == str(PROJECT / "shm_rpc_bridge" / "__init__.py")
    assert found["after"]["file"] == f"{changed}/shm_rpc_bridge/__init__.py"
    assert [len(found["blocks_of"][side]) for side in ("A", "A again", "B")] == [9, 9, 9]
    assert min(each["p50_us"] for each in found["blocks_of"]["B"]) > 200


def test_a_library_is_not_slower_than_itself(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = answer(capsys, str(PROJECT), str(PROJECT))
    assert code == found["exit_code"] != 1
    assert found["outcome"] != "slower"


def test_a_checkout_is_left_as_it_was(copy: Copy, scratch: Path) -> None:
    changed = copy("")
    before = sorted(Path(changed).rglob("*"))
    one_block(changed, scratch)
    assert sorted(Path(changed).rglob("*")) == before


def test_a_block_has_every_figure(scratch: Path) -> None:
    found = one_block(str(PROJECT), scratch, seconds=0.05)
    assert found.calls >= 1
    assert found.p50_us > 0
    assert found.client_cpu_us > 0
    assert found.server_cpu_us > 0


def test_paced_calls_are_as_many_as_the_rate_says_whoever_makes_them(scratch: Path) -> None:
    found = one_block(str(PROJECT), scratch, rate=1000.0, clients=2, seconds=0.1)
    assert found.calls == 100
    assert found.p99_us != found.p99_us  # of so few there is none


@pytest.mark.parametrize(("side", "other"), [("client", "server"), ("server", "client")])
def test_a_thread_computes_in_the_side_that_was_asked_for(scratch: Path, side: str, other: str) -> None:
    """Its CPU is that side's: a core of it, however few calls there are."""
    found = one_block(str(PROJECT), scratch, rate=100.0, seconds=0.3, beside=f"{side}-thread")
    assert getattr(found, f"{side}_cpu_us") > 2 * getattr(found, f"{other}_cpu_us")


def test_a_library_that_knows_no_codec_is_measured_unless_one_is_asked_for(copy: Copy, scratch: Path) -> None:
    old = copy("RPCClient.__init__ = lambda self, name, _of=RPCClient.__init__: _of(self, name)")
    assert one_block(old, scratch).calls >= 1
    with pytest.raises(CheckoutError, match=r"its client failed: TypeError: .*unexpected keyword argument 'codec'"):
        one_block(old, scratch, codec="json")


def test_a_wrong_answer_is_no_figure(copy: Copy, scratch: Path) -> None:
    wrong = copy("RPCClient.call = lambda self, method, payload: payload[::-1]")
    with pytest.raises(CheckoutError, match=r"its client failed: .*WrongAnswer: call 0"):
        one_block(wrong, scratch)


def test_a_client_that_dies_without_a_word_is_said_to(copy: Copy, scratch: Path) -> None:
    dying = copy("RPCClient.call = lambda *_, **__: __import__('os')._exit(7)")
    with pytest.raises(CheckoutError, match="its client failed: it ended with exit code 7 and said nothing"):
        one_block(dying, scratch)


def test_a_client_that_cannot_close_is_no_figure(copy: Copy, scratch: Path) -> None:
    failing = copy("RPCClient.close = lambda self: 1 / 0")
    with pytest.raises(CheckoutError, match="its client failed: ZeroDivisionError"):
        one_block(failing, scratch)


def test_a_block_that_does_not_end_is_given_up(copy: Copy, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "TIME_LIMIT_S", 2.0)
    hanging = copy("RPCClient.call = lambda *_, **__: __import__('threading').Event().wait()")
    with pytest.raises(CheckoutError, match=r"failed: not done after 2\.02 s"):
        one_block(hanging, scratch)


def test_a_server_that_does_not_stop_is_killed_and_its_memory_removed(
    copy: Copy, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STOP_S", 1.0)
    assert one_block(copy("RPCServer.stop = lambda self: None"), scratch).calls >= 1
    assert list(SHARED_MEMORY.glob(f"*ab-{os.getpid()}-*")) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_a_run_ends_its_processes_and_leaves_nothing_in_shared_memory(
    how: signal.Signals, tmp_path: Path
) -> None:
    command = [sys.executable, "-u", "-m", "scenarios", "ab", ".", ".", "--seconds", "5s"]
    asked = subprocess.Popen(
        command, cwd=PROJECT, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    )
    assert asked.stdout is not None
    with asked:
        assert any(line.startswith("echo of ") for line in asked.stdout)  # then comes the first block
        while len(children(asked.pid)) < 2 or not list(SHARED_MEMORY.glob(f"*ab-{asked.pid}-*")):
            assert asked.poll() is None  # it is on its way to a server that has its name
            time.sleep(0.01)
        ends = [os.pidfd_open(pid) for pid in children(asked.pid)]
        asked.send_signal(how)
        code = asked.wait(PATIENCE)
    assert len(ends) == 2
    for end in ends:
        assert select.select([end], [], [], PATIENCE)[0] == [end]
        os.close(end)
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    assert list(SHARED_MEMORY.glob(f"*ab-{asked.pid}-*")) == []
    if how != signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []


def children(parent: int) -> list[int]:
    """The processes that `parent` has started and that have not ended."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
