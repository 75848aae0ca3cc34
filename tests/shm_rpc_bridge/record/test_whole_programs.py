"""``python -m shm_rpc_bridge.record`` with programs as they are."""

import os
import signal
import subprocess
import sys

import pytest

from shm_rpc_bridge.record import read

from .programs import Program, functions

PRICING = "def quote(sku): return {'sku': sku}"


def test_a_script_runs_as_it_would_by_itself(program: Program) -> None:
    program.write("pricing", PRICING)
    program.write(
        "script",
        """
        import pickle, sys
        import __main__
        from pricing import quote
        class Own: pass
        assert type(pickle.loads(pickle.dumps(Own()))) is __main__.Own
        assert __name__ == "__main__" and __file__ == sys.argv[0]
        quote("a")
        print(sys.argv[1:], sys.path[0])
        sys.exit(3)
        """,
    )
    run = program.run("--target", "pricing:quote", "--", "script.py", "-x", "--", "y")
    assert (run.returncode, run.stdout) == (3, f"['-x', '--', 'y'] {program.folder}\n"), run.stderr
    assert "pricing:quote: 1 call," in run.stderr
    recording = program.recording()
    assert functions(recording) == ["quote"]
    assert recording.processes[0].program == "script.py -x -- y"


def test_a_module_runs_as_with_m(program: Program) -> None:
    program.write("shop.__init__", "")
    program.write("shop.pricing", PRICING)
    program.write(
        "shop.__main__", "import sys\nfrom .pricing import quote\nquote('a')\nprint(__package__, sys.argv[1:])"
    )
    run = program.run("--target", "shop.pricing:quote", "--", "-m", "shop", "arg")
    assert (run.returncode, run.stdout) == (0, "shop ['arg']\n"), run.stderr
    assert functions(program.recording()) == ["quote"]


def test_a_program_that_fails_fails_as_it_would_by_itself(program: Program) -> None:
    program.write("pricing", PRICING)
    program.write("script", "import pricing\npricing.quote('a')\nraise ValueError('its own')")
    run = program.run("--target", "pricing:quote", "--", "script.py")
    assert run.returncode == 1
    assert "ValueError: its own" in run.stderr
    assert functions(program.recording()) == ["quote"]


def test_threads_that_outlive_the_last_line_are_recorded_to_their_end(program: Program) -> None:
    program.write("pricing", PRICING)
    program.write(
        "script",
        """
        import threading
        from pricing import quote
        go = threading.Event()
        def work():
            go.wait(30)
            quote("late")
        threading.Thread(target=work).start()
        threading.Timer(0.05, go.set).start()
        """,
    )
    assert program.run("--target", "pricing:quote", "--", "script.py").returncode == 0
    assert functions(program.recording()) == ["quote"]


@pytest.mark.fault("recorded-killed")
def test_what_was_written_of_a_killed_program_is_read(program: Program) -> None:
    program.write("pricing", PRICING)
    program.write(
        "script",
        """
        import os, signal, sys, time
        from pricing import quote
        for number in range(100): quote(number)
        size = -1
        while size != os.path.getsize("calls.rec") or size < 1000:  # until the disk has what was called
            size = os.path.getsize("calls.rec")
            time.sleep(0.25)
        quote("last")
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    run = program.run("--target", "pricing:quote", "--", "script.py")
    assert run.returncode == -signal.SIGKILL
    recording = program.recording()
    assert len(recording.calls) >= 98
    totals = recording.totals["pricing:quote"]
    assert totals.calls == len(recording.calls) + totals.dropped >= 100
    assert not recording.processes[0].ended


@pytest.mark.fault("recorded-forks")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_are_recorded_into_files_of_their_own(program: Program, method: str) -> None:
    program.write("pricing", PRICING)
    program.write(
        "script",
        f"""
        import multiprocessing
        import pricing
        def work(number): return pricing.quote(number)
        if __name__ == "__main__":
            pricing.quote("parent")
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                assert [each["sku"] for each in pool.map(work, range(8))] == list(range(8))
                pool.close()
                pool.join()
        """,
    )
    run = program.run("--target", "pricing:quote", "--", "script.py")
    assert run.returncode == 0, run.stderr
    recording = program.recording()
    assert sorted(str(recording.arguments(call)[0][0]) for call in recording.calls) == [*map(str, range(8)), "parent"]
    assert len(recording.processes) >= 2
    assert recording.functions["pricing:quote"].refused == ""
    assert recording.totals["pricing:quote"].calls == 9


@pytest.mark.fault("recorded-forks")
def test_a_forked_server_with_workers_is_recorded(program: Program) -> None:
    """As gunicorn does it: fork, serve, leave by sys.exit."""
    program.write("pricing", PRICING)
    program.write(
        "script",
        """
        import os, sys
        import pricing
        for number in range(3):
            if os.fork() == 0:
                pricing.quote(f"worker {number}")
                sys.exit(0)
        for _ in range(3):
            assert os.wait()[1] == 0
        """,
    )
    run = program.run("--target", "pricing:quote", "--", "script.py")
    assert run.returncode == 0, run.stderr
    recording = program.recording()
    assert sorted(recording.arguments(call)[0][0] for call in recording.calls) == [f"worker {n}" for n in range(3)]


def test_a_program_that_starts_pythons_has_them_recorded(program: Program) -> None:
    program.write("pricing", PRICING)
    program.write("sitecustomize", "import builtins\nbuiltins.SITE = 'the one behind runs, too'")
    program.write("child", "from pricing import quote\nquote('child')\nprint(SITE)")
    program.write(
        "script",
        """
        import os, subprocess, sys
        os.environ["PYTHONPATH"] += os.pathsep + os.getcwd()
        print(subprocess.run([sys.executable, "child.py"], capture_output=True, text=True, check=True).stdout)
        """,
    )
    run = program.run("--target", "pricing:quote", "--", "script.py")
    assert (run.returncode, run.stdout.strip()) == (0, "the one behind runs, too"), run.stderr
    assert functions(program.recording()) == ["quote"]


def test_an_environment_records_what_is_started_in_it(program: Program) -> None:
    program.write("pricing", PRICING)
    program.write("script", "from pricing import quote\nquote('a')")
    printed = program.run("--target", "pricing:quote", "--payloads", "sizes", "--print-environment")
    assert printed.returncode == 0, printed.stderr
    for _ in range(2):
        shell = f"{printed.stdout}\nexec {sys.executable} script.py"
        subprocess.run(["bash", "-c", shell], cwd=program.folder, env=program.environment(), check=True, timeout=60)
    recording = read(program.output)
    assert (functions(recording), len(recording.processes)) == (["quote", "quote"], 2)
    assert recording.settings["payloads"] == "sizes"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--", "script.py"], "--target module:function"),
        (["--target", "pricing:quote"], "behind --"),
        (["--target", "quote", "--", "script.py"], "is not module:function"),
        (["--target", "pricing:quote", "--", "none.py"], "cannot read none.py"),
        (["--target", "pricing:quote", "--", "-m", "nomodule"], "no module named nomodule"),
        (["--target", "pricing:quote", "--budget", "much", "--", "script.py"], "is no size"),
        (["--target", "pricing:quote", "-o", "nowhere/calls.rec", "--", "script.py"], "No such file"),
        (["--show", "none.rec"], "cannot open none.rec: No such file"),
        (["--show", "script.py"], "not a recording"),
    ],
)
def test_a_mistake_is_said_with_its_remedy(program: Program, arguments: "list[str]", said: str) -> None:
    program.write("pricing", PRICING)
    program.write("script", "")
    run = program.run(*arguments)
    assert run.returncode == 2
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_functions_that_are_not_seen_are_named_at_the_end(program: Program) -> None:
    program.write("pricing", PRICING + "\ndef items(): yield 1\nKEPT = [quote]")
    program.write("script", "import pricing")
    targets = ["pricing:quote", "pricing:items", "pricing:none", "other:f"]
    run = program.run(*(each for target in targets for each in ("--target", target)), "--", "script.py")
    assert run.returncode == 0
    for said in (
        "pricing:quote: no call was seen",
        "pricing:items is a generator",
        "pricing:none: there is no none; there are items, quote",
        "other:f: the program has not imported other",
    ):
        assert said in run.stderr
    shown = program.run("--show", "calls.rec")
    assert "pricing:items is a generator" in shown.stdout


@pytest.mark.fault("recorded-forks")
def test_a_program_that_closes_every_descriptor_has_no_other_file_written_into(program: Program) -> None:
    program.write("pricing", PRICING)
    program.write(
        "script",
        """
        import os
        from pricing import quote
        quote("before")
        os.closerange(3, 100)
        files = [open(f"mine{n}", "w") for n in range(5)]
        os.chdir("/")
        quote("after")
        """,
    )
    run = program.run("--target", "pricing:quote", "--", "script.py")
    assert run.returncode == 0, run.stderr
    assert functions(program.recording()) == ["quote", "quote"]
    assert [(program.folder / f"mine{n}").read_bytes() for n in range(5)] == [b""] * 5
    assert os.listdir(program.folder)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "shop:f", "main.py"], "main.py is no option of the recorder: put -- before the program"),
        (["--target", "shop:f", "--", "missing.py"], "cannot read missing.py"),
        (["--target", "shop:f", "--", "-m", "missing"], "no module named missing"),
    ],
    ids=str,
)
def test_what_is_not_run_is_said_and_leaves_no_recording(program: Program, arguments: "list[str]", said: str) -> None:
    program.write("main", "pass")
    done = program.run(*arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not program.output.exists()
    assert program.run("--package", "none", "--", "main.py").returncode == 0


def test_names_that_are_not_there_are_said_at_the_end(program: Program) -> None:
    program.write("pricing", "def quote(sku, **options): return sku")
    program.write("main", "import pricing\npricing.quote(1, token='secret')")
    asked = ["--target", "pricing:quote", "--package", "nope", "--redact", "passwort", "--redact", "options"]
    done = program.run(*asked, "--", "main.py")
    assert "not recorded: nope: the program has imported no module of that package" in done.stderr
    assert "--redact passwort: no recorded function has a parameter of that name" in done.stderr
    assert "options:" not in done.stderr
