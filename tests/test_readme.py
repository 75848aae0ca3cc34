"""Every command and every code block of the README is run here, as its reader would."""

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

from contenders.registry import Registered
from scenarios.plan import scenario_files
from scenarios.publish import reference, reliability
from scenarios.records import store
from scenarios.statistics import figures
from shm_rpc_bridge import RPCClient

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PATIENCE = 60

# Make targets that would measure for minutes or install: the commands behind them are checked instead.
DRY = {
    "make bench": "-m scenarios run quick",
    "make test": "-m pytest",
    "make bench SCENARIO=full": "-m scenarios run full",
    "make bench SCENARIO=ipc": "-m scenarios run ipc",
    "make bench SCENARIO=vs-grpc": "-m scenarios run vs-grpc",
    "make bench SCENARIO=transport": "-m scenarios run transport",
    "make bench SCENARIO=mine.toml": "-m scenarios run mine.toml",
    "make bench RESUME=1": "-m scenarios run  --resume",
    "make bench SCENARIO=clients": "-m scenarios run clients",
    "make bench SCENARIO=load": "-m scenarios run load",
    "make plots RUN=results/reference": "-m scenarios plots results/reference",
    "make report RUN=results/reference": "-m scenarios report results/reference",
    "make notebooks": "lab notebooks",
    "make selftest": "-m scenarios selftest",
}
ELSEWHERE = {"pip install .": "tests/test_packaging.py installs the wheel into an empty environment"}


def blocks(language):
    return [text for kind, text in BLOCKS if kind == language]


def python_block(title):
    return next(text for text in blocks("python") if text.startswith(f"# {title}\n"))


COMMANDS = [
    line[2:].split("#")[0].strip() for text in blocks("console") for line in text.splitlines() if line.startswith("$ ")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_does_what_the_readme_says(command):
    if command in ELSEWHERE:
        return
    words = shlex.split(command)
    if command in DRY:
        shown = subprocess.run([*words, "--dry-run"], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
        assert DRY[command] in shown.stdout
        scenario = re.search(r"scenarios run ([a-z-]+)(?!\.toml)\b", shown.stdout)
        if scenario and "mine" not in command:
            scenario_files.read(scenario_files.find(scenario[1]), Registered())
        return
    assert words[0] == "python"
    nobody = ["--prefix", "nobody-has-this-name"] if "--force" in words else []  # leave other people's things alone
    done = subprocess.run([sys.executable, *words[1:], *nobody], cwd=ROOT, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0


def test_the_quick_start_prints_what_the_readme_shows(tmp_path):
    (tmp_path / "server.py").write_text(python_block("server.py"))
    (tmp_path / "client.py").write_text(python_block("client.py"))
    with subprocess.Popen([sys.executable, "server.py"], cwd=tmp_path) as server:
        try:
            RPCClient("calc", wait_for_server=PATIENCE).close()
            assert run(tmp_path / "client.py") == expected_after("client.py")
            server.send_signal(signal.SIGINT)
            assert server.wait(PATIENCE) == 0
        finally:
            server.kill()


def test_the_pipe_prints_what_the_readme_shows(tmp_path):
    (tmp_path / "pipe.py").write_text(python_block("pipe.py"))
    assert run(tmp_path / "pipe.py") == expected_after("pipe.py")


def run(script):
    return subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


def expected_after(title):
    """The text block that follows the code block."""
    place = BLOCKS.index(("python", python_block(title)))
    kind, text = BLOCKS[place + 1]
    assert kind == "text"
    return text


def test_every_python_block_is_one_of_those_above():
    assert [text.splitlines()[0] for text in blocks("python")] == ["# server.py", "# client.py", "# pipe.py"]


def test_the_scenario_of_ones_own_is_valid_and_runs(tmp_path):
    """`make bench` itself, on the README's scenario with fewer calls."""
    scenario = next(text for text in blocks("toml") if "[[cells]]" in text)
    (tmp_path / "mine.toml").write_text(
        scenario.replace("calls = 2000", "calls = 30").replace("repeats = 3", "repeats = 1")
    )
    results = tmp_path / "results"
    command = [sys.executable, "-m", "scenarios", "run", str(tmp_path / "mine.toml"), "--results", str(results)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    latest = store.find(results, None)
    assert len(figures.chosen(latest.rows())) == 6  # and any that were disturbed, once more
    assert list(latest.plots_folder.glob("*.png"))


def test_the_entry_point_is_a_group_the_registry_reads():
    entry = next(tomllib.loads(text) for text in blocks("toml") if "entry-points" in text)
    assert "shm_rpc_bridge.contenders" in entry["project"]["entry-points"]
    assert "shm_rpc_bridge.contenders" in (ROOT / "contenders" / "registry.py").read_text()


def test_every_make_target_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = README + (ROOT / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"(?:^\$ |^    |`)make ([a-z]+)", text, re.MULTILINE)) <= targets


def test_the_readmes_figures_are_those_of_the_reference_run():
    run = store.Run(ROOT / "results" / "reference")
    assert reference.section(run) in README


def test_the_readmes_fault_contract_is_that_of_the_tests_and_the_last_soak():
    assert reliability.section(ROOT) in README


def test_every_link_to_a_file_leads_somewhere():
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
