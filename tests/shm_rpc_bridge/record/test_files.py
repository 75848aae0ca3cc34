"""Files of recordings: what is read of a whole one, of a torn one, of another's."""

import os
from pathlib import Path

import pytest

from shm_rpc_bridge.record import NotARecording, blocks, read, record

from .programs import Program


def recorded_calls(program: Program) -> None:
    name = f"some_calls_{len(program._written)}"
    module = program.module(name, "def f(value): return value")
    with record(f"{name}:f", output=program.output):
        for value in ("a", "b" * 100):
            module.f(value)


@pytest.mark.fault("recorded-killed")
def test_a_file_that_is_cut_anywhere_reads_as_far_as_it_is_whole(program: Program) -> None:
    recorded_calls(program)
    data = program.output.read_bytes()
    whole, torn = blocks.decode(data)
    assert torn == 0
    ends = []
    for cut in range(len(blocks.MAGIC), len(data)):
        found, torn = blocks.decode(data[:cut])
        assert found == whole[: len(found)]
        assert torn < len(data)
        ends.append(len(found))
    assert ends == sorted(ends)
    assert ends[-1] == len(whole) - 1


def test_a_file_with_a_changed_byte_is_read_up_to_there(program: Program) -> None:
    recorded_calls(program)
    data = program.output.read_bytes()
    whole, _ = blocks.decode(data)
    for place in range(len(blocks.MAGIC), len(data), 7):
        found, _ = blocks.decode(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        assert found == whole[: len(found)]
        assert len(found) < len(whole)


@pytest.mark.parametrize("text", [b"", b"shmrec9\n", b"PNG", blocks.MAGIC, blocks.MAGIC + b"BLOK"])
def test_another_file_is_no_recording(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "other.rec").write_bytes(text)
    with pytest.raises(NotARecording):
        read(tmp_path / "other.rec")


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.rec")


def test_another_users_recording_is_read_only_by_who_trusts_it(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded_calls(program)
    owner = program.output.stat().st_uid
    if owner == 0:
        os.chown(program.output, 12345, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(PermissionError, match="can run any code"):
        read(program.output)
    assert len(read(program.output, trust=True).calls) == 2


def test_a_recording_is_for_its_user_alone(program: Program) -> None:
    before = os.umask(0)
    try:
        recorded_calls(program)
    finally:
        os.umask(before)
    assert program.output.stat().st_mode & 0o777 == 0o600


def test_of_processes_of_another_recording_nothing_is_read(program: Program) -> None:
    recorded_calls(program)
    other = program.output.rename(program.folder / "other.rec")
    recorded_calls(program)
    other.rename(program.folder / "calls.rec.77")
    (program.folder / "calls.rec.78").write_text("something else")
    assert len(program.recording().processes) == 1
