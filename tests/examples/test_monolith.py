"""The example program that is split: as one process and as four it does the same, and ends without a trace."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

for each in ("httpx", "jinja2", "numpy", "pandas", "pydantic", "scipy", "starlette"):
    pytest.importorskip(each)

MONOLITH = Path(__file__).parent.parent.parent / "examples" / "monolith"
PATIENCE = 60


def start(script, *arguments):
    """The program, whose processes can be told from those of any other run."""
    command = [sys.executable, str(MONOLITH / script), *arguments]
    environment = {**os.environ, "SHOP_RUN": uuid.uuid4().hex}
    program = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    program.mark = f"SHOP_RUN={environment['SHOP_RUN']}".encode()
    return program


def finish(program, patience=PATIENCE):
    """What the program has said on stdout and stderr, once it and all its processes have ended."""
    try:
        return program.communicate(timeout=patience)
    finally:
        program.kill()
        assert_no_process_is_left(program.mark)


def assert_no_process_is_left(mark):
    for _ in range(100):
        living = [process for process in Path("/proc").glob("[0-9]*") if mark in environment_of(process)]
        if not living:
            return
        time.sleep(0.02)
    raise AssertionError(f"left: {living}")


def environment_of(process):
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return []


def digest(script, seed, requests=30):
    program = start(script, "--requests", str(requests), "--seed", str(seed), "--rate", "0")
    said, complaints = finish(program)
    assert (program.returncode, complaints) == (0, "")
    begins, header, *routes, last = said.splitlines()
    assert begins == f"{requests} requests of seed {seed}, as fast as they are answered"
    assert header.split() == ["route", "requests", "p50", "ms"]
    assert [route.split()[0] for route in routes] == ["/cart", "/thumbnail", "/report"]
    assert sum(int(route.split()[1]) for route in routes) == requests
    assert re.fullmatch("sha256 of all answers: [0-9a-f]{64}", last)
    return last


@pytest.fixture(scope="module")
def of_seed_1():
    return digest("main.py", seed=1)


def test_split_the_program_gives_the_same_answers(of_seed_1):
    assert digest("main_split.py", seed=1) == of_seed_1


def test_the_seed_decides_the_answers(of_seed_1):
    assert digest("main.py", seed=2) != of_seed_1


def test_ctrl_c_ends_all_of_it_in_the_middle_without_a_traceback():
    program = start("main_split.py", "--requests", "100000")
    program.stdout.readline()  # that the requests begin
    os.killpg(program.pid, signal.SIGINT)
    _, complaints = finish(program)
    assert (program.returncode, complaints) == (130, "interrupted\n")


def test_what_cannot_be_meant_is_refused_before_a_process_is_started():
    program = start("main_split.py", "--rate", "inf")
    said, complaints = finish(program)
    assert (program.returncode, said) == (2, "")
    assert "argument --rate: must be 0 or more, and finite, not inf" in complaints


@pytest.mark.soak
def test_the_walk_through_goes_from_the_recording_to_what_was_true(tmp_path):
    """What is predicted of so few requests may be wrong, and is not asked."""
    output = tmp_path / "proof"
    few = ["--runs", "1", "--pairs", "1", "--requests", "14", "--contender", "shm", "--seconds", "1s"]
    program = start("prove.py", *few, "--output", str(output))
    said, complaints = finish(program, patience=5 * PATIENCE)
    assert program.returncode in (0, 1), complaints
    assert said.count("\n$ python ") == 8
    proof = json.loads((output / "proof.json").read_text())
    assert proof["claims"][0]["function"] == "", "the program's own"
    assert {"shop.pricing:quote", "shop.images:thumbnail"} <= {claim["function"] for claim in proof["claims"]}
    assert all(claim["measured"]["value"] > 0 for claim in proof["claims"])
    verdicts = {
        each["function"]: each["verdict"] for each in json.loads((output / "replay.json").read_text())["functions"]
    }
    assert verdicts["shop.cart:add"]["word"] == "impossible"
    assert "in place" in verdicts["shop.cart:add"]["why"]
    cuts = json.loads((output / "cuts.json").read_text())
    assert {"shop.pricing", "shop.images", "shop.reports"} <= {
        name for each in cuts["modules"] for name in each["modules"]
    }
    assert "<title>Replayed: " in (output / "report.html").read_text()
    assert "<title>Where to cut: " in (output / "cuts.html").read_text()
