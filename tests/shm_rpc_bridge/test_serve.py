"""`python -m shm_rpc_bridge serve` and `call`, as they are typed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCServer, RPCTransportError
from shm_rpc_bridge.__main__ import main
from shm_rpc_bridge.testing import leftovers

from .services import PATIENCE, calling, process, serving, started
from .steps import entered
from .strangers import server_that_dies

ROOT = Path(__file__).parent.parent.parent
PRICING = f"{__package__}.pricing"


def command(*arguments, folder=ROOT):
    options = {"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path.strip(os.pathsep)}
    return subprocess.Popen([sys.executable, "-m", "shm_rpc_bridge", *arguments], env=environment, **options)


def outcome(*arguments, folder=ROOT):
    """Exit status, stdout and stderr."""
    with command(*arguments, folder=folder) as child:
        stdout, stderr = child.communicate(timeout=PATIENCE)
    return child.returncode, stdout, stderr


@contextlib.contextmanager
def served(module, name, *arguments, folder=ROOT):
    """The process of a server, from the moment that it says what it serves; what it said is its `said`."""
    with command("serve", module, "--name", name, *arguments, folder=folder) as child:
        try:
            child.said = child.stderr.readline()
            assert "serving" in child.said
            yield child
            child.terminate()
            child.wait(PATIENCE)
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_module_is_served_until_a_signal_stops_it_with_exit_status_0_and_nothing_left(name, tmp_path, number):
    """In the current directory, without a line of code."""
    (tmp_path / "shop.py").write_text("def quote(amount, currency='EUR'): return [amount, currency]")
    with served("shop", name, folder=tmp_path) as child:
        assert f"serving shop as '{name}', process {child.pid}, codec 'json': quote" in child.said
        with RPCClient(name, timeout=PATIENCE) as client:
            assert client.call("quote", 12, currency="USD") == [12, "USD"]
            child.send_signal(number)
            stdout, stderr = child.communicate(timeout=PATIENCE)
    assert (child.returncode, stdout) == (0, "")
    assert f"server '{name}' has stopped" in stderr
    assert leftovers(name) == []


def test_options_say_what_is_served_and_how(name):
    options = ("--only", "quote, exact", "--prefix", "p.", "--codec", "pickle", "--wait", "block")
    with served(PRICING, name, *options, "--buffer-size", "4096", "--max-message-size", "10000") as child:
        assert child.said.rstrip().endswith("codec 'pickle': p.quote, p.exact")
        with RPCClient(name, timeout=PATIENCE, codec="pickle") as client:
            assert client.call("p.exact", "0.1")[1] == child.pid
            with pytest.raises(RPCMethodError, match=r"unknown method 'p.die'; registered: p.exact, p.quote"):
                client.call("p.die")
            with pytest.raises(RPCTransportError, match="10,000"):
                client.call("p.exact", "1" * 20_000)


def test_a_second_signal_interrupts_the_method_that_the_first_has_let_run(name, tmp_path):
    os.mkfifo(fifo := str(tmp_path / "entered"))
    with served(PRICING, name) as child, RPCClient(name, timeout=PATIENCE) as client:
        with calling(client.call, "hold", fifo) as call:
            entered(fifo)
            child.send_signal(signal.SIGINT)
            child.send_signal(signal.SIGTERM)  # two of one kind might come as one
            with pytest.raises(RPCMethodError, match="KeyboardInterrupt"):
                call.result(PATIENCE)
        stderr = child.communicate(timeout=PATIENCE)[1]
    assert child.returncode == 0
    assert "WARNING server of " in stderr
    assert "was interrupted" in stderr


def test_a_methods_sys_exit_is_the_exit_status(name):
    with served(PRICING, name) as child, RPCClient(name, timeout=PATIENCE) as client:
        with pytest.raises(RPCMethodError, match="SystemExit"):
            client.call("leave", 7)
        child.communicate(timeout=PATIENCE)
    assert child.returncode == 7


def test_a_name_in_use_is_exit_status_1_and_says_by_whom(name):
    with RPCServer(name):
        assert outcome("serve", PRICING, "--name", name) == (
            *(1, ""),
            f"server name '{name}' is in use by process {os.getpid()}\n",
        )


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("raise RuntimeError('no database')", "RuntimeError: no database"),
        ("import sys; sys.exit('no database')", "shop' has called sys.exit while it was imported"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_a_module_that_fails_is_shown_with_its_own_traceback_alone(name, tmp_path, source, told):
    (tmp_path / "shop.py").write_text(source)
    status, stdout, stderr = outcome("serve", "shop", "--name", name, folder=tmp_path)
    assert (status, stdout) == (1, "")
    assert told in stderr
    assert 'shop.py", line 1' in stderr
    assert "importlib" not in stderr
    assert "shm_rpc_bridge" not in stderr


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["nothing.of.that.name"], 1, "there is no module 'nothing' (the current directory is "),
        ([PRICING + ".py"], 2, "is no module's name: write mypackage.pricing for mypackage/pricing.py"),
        ([PRICING, "--name", "a/b"], 2, "'a/b' cannot name shared memory"),
        ([PRICING, "--only", "qote"], 2, "has no 'qote': did you mean 'quote' or 'note'?"),
        ([PRICING, "--codec", "yaml"], 2, "invalid choice: 'yaml'"),
        ([PRICING, "--buffer-size", "0"], 2, "buffer_size must be 1 to"),
        (["math", "--only", "pi"], 2, "'pi' of module 'math' cannot be called: it is of class float"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line_without_a_traceback(arguments, status, told):
    got, stdout, stderr = outcome("serve", *arguments)
    assert (got, stdout) == (status, "")
    assert told in stderr
    assert "Traceback" not in stderr


def test_a_signal_while_the_module_is_imported_is_a_clean_stop(name, tmp_path):
    os.mkfifo(fifo := str(tmp_path / "entered"))
    (tmp_path / "shop.py").write_text(f"import time\nopen({fifo!r}, 'w').close()\ntime.sleep(100)")
    with command("serve", "shop", "--name", name, folder=tmp_path) as child:
        entered(fifo)
        child.send_signal(signal.SIGTERM)
        stderr = child.communicate(timeout=PATIENCE)[1]
    assert child.returncode == 0
    assert "INFO server of shop was interrupted" in stderr  # no warning, which a spawned server that is closed shows


def run(capsys, *arguments):
    """Exit status, stdout and stderr, without a process of its own."""
    status = main(list(arguments))
    return (status, *capsys.readouterr())


def test_call_of_a_generator_prints_each_item_and_what_it_raises_after_them(name, capsys):
    def rows(count, then=None):
        for number in range(count):
            yield {"number": number}
        if then:
            raise KeyError(then)

    server = RPCServer(name)
    server.register("rows", rows)
    with started(server):
        items = '{"number": 0}\n{"number": 1}\n'
        assert run(capsys, "call", name, "rows", "2") == (0, items, "")
        assert run(capsys, "call", name, "rows", "0") == (0, "", "")
        assert run(capsys, "call", name, "rows", "2", "then=odd") == (1, items, "KeyError: 'odd'\n")


def test_call_takes_json_or_text_and_prints_json(name, capsys):
    with serving(name) as server:
        server.register("all", lambda *args, **params: [args, params])
        call = (
            "call",
            "--timeout",
            "30",
            name,
            "all",
            "1",
            "-2.5",
            "[true, null]",
            "plain text",
            '"7"',
            "a=1",
            "b=x=y",
        )
        status, stdout, stderr = run(capsys, *call, "2=2")
        assert (status, stderr) == (0, "")
        assert json.loads(stdout) == [[1, -2.5, [True, None], "plain text", "7", "2=2"], {"a": 1, "b": "x=y"}]
        assert run(capsys, "call", name, "all", "a=1", "a=2") == (2, "", "'a' is given twice: a=1 and a=2\n")
    with serving(name, codec="pickle"):
        assert run(capsys, "call", "--codec", "pickle", name, "make_set") == (0, "{1, 2}\n", "")


@pytest.mark.parametrize("codec", ["json", "pickle"])
def test_call_tells_what_a_method_has_raised_and_where_if_asked(name, capsys, codec):
    with serving(name, codec=codec):
        call = ("call", "--codec", codec, name, "divide", "1", "0")
        assert run(capsys, *call) == (1, "", "ZeroDivisionError: division by zero\n")
        status, stdout, stderr = run(capsys, "call", "--traceback", *call[1:])
        assert (status, stdout) == (1, "")
        assert stderr.startswith("Traceback")
        assert 'services.py", line' in stderr
        assert stderr.endswith("ZeroDivisionError: division by zero\n")


def test_call_and_ping_without_a_server_say_so(name, capsys):
    for arguments in (["ping", name], ["call", name, "add", "1", "2"]):
        status, stdout, stderr = run(capsys, *arguments)
        assert (status, stdout) == (1, "")
        assert f"RPCTransportError: Cannot find shared memory 'srb:{name}': start the server" in stderr
    with serving(name, codec="pickle"):
        status, _, stderr = run(capsys, "ping", name)
        assert (status, "codec='pickle', this client codec='json'" in stderr) == (1, True)


def test_ping_says_how_long_an_answer_takes(name, capsys):
    with serving(name):
        status, stdout, _ = run(capsys, "ping", name)
    assert status == 0
    assert stdout.startswith(f"{name} has answered in ")


def test_ls_shows_the_living_and_counts_the_dead(name, capsys):
    with process(server_that_dies, f"{name}-a") as child:
        child.join(PATIENCE)
    with RPCServer(f"{name}-b"):
        _, stdout, _ = run(capsys, "ls", "--prefix", name)
        first, *_, last = stdout.splitlines()
        assert first == f"server {name}-b: alive, process {os.getpid()}, 2 objects"
        assert last.startswith("dead: 1 servers and transports, which have left 2 objects")
        assert f"{name}-a" not in stdout
        _, stdout, _ = run(capsys, "ls", "--all", "--prefix", name)
        assert stdout.index(f"{name}-b: alive") < stdout.index(f"{name}-a: dead")
    run(capsys, "clean", "--force", "--prefix", f"{name}-a")
