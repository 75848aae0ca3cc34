"""What cannot be recorded is refused with what to name instead, and no file is replaced unasked."""

from typing import Any

import pytest

from shm_rpc_bridge.record import TargetError, record

from .programs import Program, functions


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("refused:generates", "is a generator, whose items would have to travel one by one"),
        ("refused:generates_async", "is a generator"),
        ("refused:Kind", "is a class: name one of its methods"),
        ("refused:NUMBER", "is int, no function"),
        ("refused:missing", "there is no missing; there are"),
        ("refused:Kind.missing", "there is no missing; there are work"),
        ("refused:Other.work", "has no Other"),
        ("refused.work", "is not module:function, as in mypackage.pricing:quote"),
        ("refused:wo rk", "is not module:function"),
        ("__main__:work", "put them into a module it imports"),
        ("builtins:str.join", "cannot be replaced"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_what_to_name_instead(program: Program, name: str, why: str) -> None:
    module = program.module(
        "refused",
        """
        NUMBER = 1
        def generates(): yield 1
        async def generates_async(): yield 1
        class Kind:
            def work(self): return 1
        """,
    )
    before = dict(vars(module))
    with pytest.raises(TargetError, match=why), record("refused:Kind.work", name, output=program.output):
        pass
    assert vars(module) == before
    assert module.Kind().work() == 1
    assert not program.output.exists()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"payloads": "everything"}, "values or sizes"),
        ({"sample": 0}, "over 0 and at most 1"),
        ({"budget_bytes": 10}, "at least 1,000,000"),
        ({"package": "my package"}, "not the name of a package"),
    ],
)
def test_settings_that_make_no_sense_are_refused(program: Program, settings: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        record("json:dumps", output=program.output, **settings)


def test_an_earlier_recording_is_replaced_only_when_that_is_asked_for(program: Program) -> None:
    program.module("earlier", "def f(): return 1")
    other = program.folder / "calls.rec.123"
    with record("earlier:f", output=program.output):
        pass
    earlier = program.output.read_bytes()
    other.write_bytes(earlier)
    with pytest.raises(FileExistsError, match="--force"):
        record("earlier:f", output=program.output)
    assert program.output.read_bytes() == earlier
    with record("earlier:f", output=program.output, force=True):
        pass
    assert not other.exists()
    assert program.recording().processes[0].ended


@pytest.mark.fault("recorded-forged")
@pytest.mark.parametrize("name", ["calls.rec", "calls.rec.123"])
def test_what_is_no_recording_is_never_replaced(program: Program, name: str) -> None:
    program.module("precious", "def f(): return 1")
    precious = program.folder / name
    precious.write_bytes(b"precious")
    version = program.folder / "calls.rec.v2"
    version.write_bytes(b"shmrec1\n")
    with pytest.raises(FileExistsError, match="is no recording, so it is not replaced"):
        record("precious:f", output=program.output, force=True)
    precious.unlink()
    with record("precious:f", output=program.output, force=True):
        pass
    assert version.exists(), "that is not how a process names its file"


def test_two_recordings_at_once_are_refused(program: Program) -> None:
    module = program.module("once", "def f(): return 1")
    with record("once:f", output=program.output):
        second = record("once:f", output=program.folder / "other.rec")
        with pytest.raises(RuntimeError, match="one recording at a time"):
            second.start()
        assert module.f() == 1
    assert functions(program.recording()) == ["f"]
