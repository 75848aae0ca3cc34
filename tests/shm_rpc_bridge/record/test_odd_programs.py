"""What few programs do, and the recorder must bear."""

import _thread
import asyncio
import importlib
import inspect
import pickle
import threading
import zipfile
from typing import Any, Dict

import pytest

from shm_rpc_bridge.record import NotARecording, Refused, TargetError, blocks, payloads, read, record

from .programs import Program, functions


@pytest.mark.parametrize("settings", [{"names": ["started:f"]}, {"package": "started"}], ids=str)
def test_a_function_that_no_python_calls_runs(program: Program, settings: Any) -> None:
    module = program.module("started", "def f(value, done): done.release()")
    names = settings.pop("names", [])
    with record(*names, output=program.output, **settings):
        for value in range(60):  # some are looked at in one way, some in the other
            done = threading.Lock()
            done.acquire()
            _thread.start_new_thread(module.f, (value, done))
            assert done.acquire(timeout=60)


BINDINGS = """
import functools
def add(one, other=10): return one + other
class A:
    part = functools.partial(add, 1)
    length = len
    def handle(self, value): return value
    @functools.lru_cache
    def cached(self, value): return value
    @functools.singledispatchmethod
    def dispatched(self, value): return value
app = A()
class Strict(type):
    def __setattr__(cls, name, value): raise AttributeError(f"{name} stays")
class Frozen(metaclass=Strict):
    def m(self): return 1
class Slot:
    __slots__ = ()
    def m(self): return 1
slot = Slot()
"""


def test_what_is_called_without_self_is_called_without_it(program: Program) -> None:
    module = program.module("bindings", BINDINGS)
    before = dict(vars(module.A))
    names = [f"bindings:A.{name}" for name in ("part", "length", "cached")]
    with record(*names, output=program.output):
        assert (module.A().part(2), module.A().length("abc"), module.A().cached(4)) == (3, 3, 4)
    assert vars(module.A) == before
    recording = program.recording()
    assert [recording.arguments(call)[0] for call in recording.calls] == [(2,), ("abc",), (4,)]


@pytest.mark.fault("recorded-modules")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("app.handle", "app is an object: name its class, as in A.handle"),
        ("slot.m", "slot is an object: name its class, as in Slot.m"),
        ("A.dispatched", "is singledispatchmethod, no function"),
        ("Frozen.m", "cannot be replaced: m stays"),
    ],
)
def test_what_cannot_be_replaced_is_refused_and_its_module_is_imported_all_the_same(
    program: Program, name: str, why: str
) -> None:
    program.module("bindings", BINDINGS)
    with pytest.raises(TargetError, match=why), record(f"bindings:{name}", output=program.output):
        pass
    program.forget()
    with record(f"bindings:{name}", output=program.output):
        assert importlib.import_module("bindings").Frozen().m() == 1
    written = blocks.decode(program.output.read_bytes())[0]
    assert why in str([block.fields.get("functions") for block in written])


@pytest.mark.fault("recorded-modules")
def test_a_package_with_objects_that_answer_nothing_is_imported(program: Program) -> None:
    program.write(
        "proxied",
        """
        class Proxy:
            @property
            def __class__(self): raise RuntimeError("working outside of request context")
            def __getattr__(self, name): raise RuntimeError("working outside of request context")
        request = Proxy()
        def f(): return 1
        """,
    )
    with record(package="proxied", output=program.output):
        assert importlib.import_module("proxied").f() == 1
    assert functions(program.recording()) == ["f"]


@pytest.mark.fault("recorded-modules")
def test_what_the_program_puts_there_meanwhile_stays(program: Program) -> None:
    module = program.module("patched", "def f(): return 1\ndef g(): return 2")
    original = module.g
    with record("patched:f", "patched:g", output=program.output):
        module.f = patched = object()
    assert module.f is patched
    assert module.g is original


@pytest.mark.fault("recorded-modules")
def test_modules_that_took_it_from_others_meanwhile_have_it_back(program: Program) -> None:
    module = program.module("taken", "def f(): return 1")
    original = module.f
    with record("taken:f", output=program.output):
        user = program.module("taken_user", "from taken import f")
    assert user.f is module.f is original
    with record("taken:f", output=program.output, force=True):
        assert user.f() == 1
    assert functions(program.recording()) == ["f"]


@pytest.mark.fault("recorded-modules")
def test_a_module_that_is_imported_again_has_one_count(program: Program) -> None:
    module = program.module("again", "def f(): return 1")
    with record("again:f", output=program.output):
        for _ in range(5):
            module.f()
        importlib.reload(module)
        for _ in range(3):
            module.f()
    assert program.recording().totals["again:f"].calls == len(program.recording().calls) == 8


def test_a_recorded_function_is_inspected_as_the_one_it_stands_for(program: Program) -> None:
    module = program.module("inspected", "def quote(a, count=1, *, customer=None): return a\nquote.mark = 1")

    def seen() -> Any:
        quote = module.quote
        return inspect.getfullargspec(quote), inspect.signature(quote), quote.__defaults__, quote.__kwdefaults__

    before, attributes = seen(), dict(vars(module.quote))
    with record("inspected:quote", output=program.output):
        assert seen() == before
        assert module.quote(7) == 7
    assert vars(module.quote) == attributes


def test_a_script_has_nothing_from_the_future_that_it_did_not_import(program: Program) -> None:
    program.write("script", "def f(x: int): pass\nprint(f.__annotations__)")
    done = program.run("--target", "json:dumps", "--", "script.py")
    assert done.stdout == "{'x': <class 'int'>}\n"


def test_a_folder_an_archive_and_a_link_run_as_by_themselves(program: Program) -> None:
    files = {"helper": "name = 'helped'", "__main__": "import sys, helper\nprint(helper.name, sys.argv)"}
    for name, text in files.items():
        program.write(f"folder.{name}", text)
    with zipfile.ZipFile(program.folder / "archive.pyz", "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    (program.folder / "link.py").symlink_to(program.folder / "folder" / "__main__.py")
    for file in ("folder", "archive.pyz", "link.py"):
        done = program.run("--target", "json:dumps", "--force", "--", file, "argument")
        assert (done.stdout, done.returncode) == (f"helped ['{file}', 'argument']\n", 0), done.stderr


def test_what_a_package_lacks_is_said_by_the_package(program: Program) -> None:
    program.write("lacking.__init__", "import no_such_dependency")
    program.write("lacking.__main__", "")
    done = program.run("--target", "json:dumps", "--", "-m", "lacking")
    assert (done.returncode, "No module named 'no_such_dependency'" in done.stderr) == (1, True), done.stderr


def test_arguments_that_are_no_text_reach_the_program(program: Program) -> None:
    program.write("script", "import sys, json\nprint(ascii(sys.argv[1]), json.dumps(1))")
    done = program.run("--target", "json:dumps", "--", "script.py", "\udcff")
    assert (done.returncode, done.stdout) == (0, "'\\udcff' 1\n"), done.stderr
    assert functions(program.recording()) == ["dumps"]


class Says:
    """Cannot be pickled, and says why in words that are no text."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise ValueError("caf\udce9")


@pytest.mark.parametrize("settings", ["values", "sizes"])
def test_a_text_that_cannot_be_written_ends_no_recording(program: Program, settings: str) -> None:
    module = program.module("unwritable", "class Holder:\n    def f(self, value): return value")
    holder = module.Holder()
    holder.__dict__[7] = Says()  # an attribute whose name is no text, either
    with record("unwritable:Holder.f", output=program.output, payloads=settings) as recorder:
        for _ in range(3):
            holder.f(Says())
    assert not recorder.broken
    assert len(program.recording().calls) == 3


def test_what_is_large_and_cannot_be_pickled_is_looked_through_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter(range(10**9))
    monkeypatch.setattr(payloads.time, "perf_counter_ns", lambda: next(moments) * payloads.LONGEST_NS // 100)
    whole: Dict[str, Any] = {"lock": threading.Lock(), "others": []}
    whole["others"] += [{"number": number, "whole": whole} for number in range(200)]
    encoded = payloads.values((whole,))
    assert encoded.pickled is not None
    (kept,) = pickle.loads(encoded.pickled)
    assert kept["lock"].type_name == "_thread.lock"
    assert kept["others"][-1] == Refused("builtins.dict", "too much to look through")


@pytest.mark.fault("recorded-forged")
@pytest.mark.parametrize("fields", [{"kind": "begin"}, {}, {"kind": "begin", "pid": 1, "settings": 3}], ids=str)
def test_blocks_that_are_whole_and_hold_something_else_are_no_recording(program: Program, fields: Any) -> None:
    program.output.write_bytes(blocks.MAGIC + blocks.encode(fields))
    with pytest.raises(NotARecording):
        read(program.output)


@pytest.mark.fault("recorded-forged")
@pytest.mark.parametrize("what", ["functions", "pickles"])
def test_calls_of_which_something_is_not_there_are_no_recording(program: Program, what: str) -> None:
    module = program.module("forged", "def f(): return 1")
    with record("forged:f", output=program.output):
        module.f()
    found, _ = blocks.decode(program.output.read_bytes())
    data = blocks.MAGIC
    for block in found:
        rows = [[99 if what == "functions" else row[0], *row[1:]] for row in block.fields.get("rows", [])]
        data += blocks.encode({**block.fields, "rows": rows}, block.blobs if what == "functions" else [])
    program.output.write_bytes(data)
    with pytest.raises(NotARecording, match="another version"):
        read(program.output)


def test_an_async_call_that_lacks_an_argument_is_a_call_that_raised_and_is_over(program: Program) -> None:
    """All of these are looked at closely, and the last is in none of the others."""
    module = program.module("lacks", "async def f(value): return value")

    async def calls() -> None:
        with pytest.raises(TypeError, match="missing 1 required positional argument"):
            await module.f()
        assert await module.f(1) == 1

    with record("lacks:f", output=program.output):
        asyncio.run(calls())
    assert [(call.raised, call.parent) for call in program.recording().calls] == [("TypeError", 0), ("", 0)]
    assert program.recording().totals["lacks:f"].calls == 2


@pytest.mark.parametrize("payloads", ["values", "sizes"])
def test_an_object_is_asked_for_no_attribute_of_the_recorders_own_wishes(program: Program, payloads: str) -> None:
    """As one that connects where an attribute is asked for, or a mock that has every one."""
    module = program.module(
        "curious",
        """
        asked = []
        class Proxy:
            def __getattr__(self, name):
                asked.append(name)
                raise AttributeError(name)
        def f(value): pass
        """,
    )
    with record("curious:f", output=program.output, payloads=payloads):
        module.f(module.Proxy())
    assert [name for name in module.asked if not name.startswith("__")] == []
