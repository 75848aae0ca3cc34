"""A full or slow disk stops or thins the recording, and not the program."""

import errno
import os
import threading

import pytest

from shm_rpc_bridge.record import record, writer

from .programs import Program


@pytest.mark.fault("recorded-disk")
def test_a_full_disk_stops_the_recording_and_not_the_program(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    module = program.module("full", "def f(): return 1")
    with record("full:f", output=program.output) as recorder:
        with monkeypatch.context() as patch:

            def write(descriptor: int, data: bytes) -> int:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            patch.setattr(writer.os, "write", write)
            assert module.f() == 1
            while not recorder.broken:
                threading.Event().wait(0.001)
        assert module.f() == 1
        assert "No space left" in recorder.broken
    assert recorder.summary()[0].calls == 2


@pytest.mark.fault("recorded-disk")
def test_a_slow_disk_holds_up_no_call_and_what_finds_no_room_is_counted(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = program.module("slow", "def f(): return 1")
    writing, go_on = threading.Event(), threading.Event()
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        writing.set()
        go_on.wait(60)
        return real(descriptor, data)

    monkeypatch.setattr(writer, "MOST_ROWS", 200)
    recorder = record("slow:f", output=program.output).start()
    try:
        monkeypatch.setattr(writer.os, "write", write)
        module.f()
        assert writing.wait(60)
        for _ in range(1_000):
            assert module.f() == 1
    finally:
        go_on.set()
        recorder.finish()
    totals = program.recording().totals["slow:f"]
    assert totals.calls == 1_001
    assert 200 <= len(program.recording().calls) <= 200 + 2 * 32
    assert totals.dropped == 1_001 - len(program.recording().calls)
