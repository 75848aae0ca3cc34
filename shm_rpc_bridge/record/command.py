"""``python -m shm_rpc_bridge.record``: record a program as it is, or say what a recording holds."""

from __future__ import annotations

import argparse
import atexit
import os
import shlex
import sys
from typing import Collection

from shm_rpc_bridge.quantities import bytes_of, duration, size
from shm_rpc_bridge.record import environment, files, recording
from shm_rpc_bridge.record.program import ProgramError, run
from shm_rpc_bridge.record.recorder import BUDGET_BYTES, PAYLOADS, VALUES, Recorder, Settings, Summary

_EPILOG = """examples:
  python -m shm_rpc_bridge.record --target shop.pricing:quote -o calls.rec -- main.py --port 8000
  python -m shm_rpc_bridge.record --package shop --payloads sizes -o calls.rec -- -m gunicorn shop.web:app
  python -m shm_rpc_bridge.record --show calls.rec
  eval "$(python -m shm_rpc_bridge.record --target shop.pricing:quote -o calls.rec --print-environment)"

Arguments and results are kept as pickles: a recording of values is as private as what the program works on, and reading
it can run any code. Processes that the program starts write calls.rec.<pid>, which are read together with calls.rec."""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code where no program was run; a program ends this process as it would have ended its own."""
    arguments = sys.argv[1:] if arguments is None else arguments
    own, program = _split(arguments)
    parser = _parser()
    asked, rest = parser.parse_known_args(own)
    if rest:
        where = "before the program" if "--" not in arguments else "behind all options of the recorder"
        parser.error(f"{' '.join(rest)} is no option of the recorder: put -- {where}, as in: -- script.py args")
    try:
        if asked.show is not None:
            _show(asked.show, asked.trust)
            return 0
        settings = Settings(
            tuple(asked.target), asked.package, asked.payloads, asked.sample, asked.budget, tuple(asked.redact)
        )
        recorder = Recorder(settings, asked.output)
        if not settings.targets and not settings.package:
            parser.error("name what is to be recorded: --target module:function, or --package package")
        if asked.print_environment:
            files.clear(asked.output, force=asked.force)
            for name, value in environment.variables(settings, asked.output).items():
                print(f"export {name}={shlex.quote(value)}")
            return 0
        if not program:
            parser.error("name the program behind --, as in: -- script.py args, or: -- -m module args")
        files.clear(asked.output, force=asked.force)
        os.environ.update(environment.variables(settings, asked.output, recorder.run))
        recorder.program = " ".join(program)
        recorder.start()
    except (ValueError, OSError, ImportError) as error:
        print(f"shm_rpc_bridge.record: {_text(error)}", file=sys.stderr)
        return 2
    atexit.register(_end, recorder)  # behind the program's own, and when its threads have ended
    try:
        run(program)
    except ProgramError as error:
        atexit.unregister(_end)
        recorder.discard()
        print(f"shm_rpc_bridge.record: {error}", file=sys.stderr)
        return 2
    return 0


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shm_rpc_bridge.record",
        usage="%(prog)s --target MODULE:FUNCTION [options] -- script.py args | -m module args",
        description="Record the calls of some functions of a program, without changing a line of it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--target", action="append", default=[], metavar="MODULE:FUNCTION", help="a function or Class.method; repeat it"
    )
    add("--package", default="", metavar="PACKAGE", help="every call from one module of PACKAGE into another")
    add("-o", "--output", default="calls.rec", metavar="FILE", help="default: %(default)s")
    add(
        "--payloads",
        choices=PAYLOADS,
        default=VALUES,
        help="keep arguments and results (default), or only their sizes, or also what they are made of",
    )
    add("--sample", type=float, default=1.0, metavar="SHARE", help="keep this share of the calls, and count the others")
    add("--budget", type=bytes_of, default=BUDGET_BYTES, metavar="SIZE", help="most that a process may write: 64MB")
    add("--redact", action="append", default=[], metavar="NAME", help='a parameter to hide, or "return"; repeat it')
    add("--force", action="store_true", help="replace an earlier recording")
    add("--print-environment", action="store_true", help="print what a program is to be started with to record itself")
    add("--show", metavar="FILE", help="say what a recording holds, and end")
    add("--trust", action="store_true", help="with --show: read another user's recording, too")
    return parser


def _end(recorder: Recorder) -> None:
    """What has been recorded, when the program has ended."""
    whole = recorder.finish()
    if os.getpid() != recorder.pid:
        return  # a child that was forked, and says nothing
    others = len(files.beside(recorder.output))
    more = f", and beside it {others} of other processes: --show adds them up" if others else ""
    written = f"{size(recorder.written_bytes)}, written by a thread that took {duration(recorder.writing_s)}"
    _say(f"shm_rpc_bridge.record: {recorder.output} ({written}){more}")
    for line in _lines(recorder.summary(), recorder.settings.targets):
        _say(line)
    for name in recorder.nothing_to_hide:
        _say(f"  --redact {name}: no recorded function has a parameter of that name")
    for text, count in recorder.failures.items():
        _say(f"  {count:,} calls could not be looked at closely: {text}")
    if recorder.broken:
        _say(f"  nothing more was written after an error: {recorder.broken}")
    if not whole:
        _say("  the disk was too slow: what was not written when the program ended is lost")


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # which the program may have replaced meanwhile


def _lines(rows: list[Summary], named: Collection[str]) -> list[str]:
    """Of a package most functions are never called from another module: only those that were `named` are missed."""
    lines = []
    for row in sorted(rows, key=lambda row: -row.seconds):
        if row.refused:
            lines.append(f"  not recorded: {row.refused}")
        elif not row.calls and row.name in named:
            lines.append(f"  {row.name}: no call was seen: it was not called, or by a reference from before")
        elif row.calls:
            left = f", {row.left_out:,} of them only counted" if row.left_out else ""
            own = f"; recording took {row.own_us:.1f} us a call" if row.own_us is not None else ""
            calls = f"{row.calls:,} call{'s' if row.calls > 1 else ''}"
            lines.append(f"  {row.name}: {calls}{left}, {duration(row.seconds)} in all{own}")
    return lines


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"cannot open {error.filename}: {error.strerror}"
    return str(error)


def _show(path: str, trust: bool) -> None:
    found = recording.read(path, trust=trust)
    for process in found.processes:
        end = "" if process.ended else ", killed or still running"
        torn = f", {process.torn_bytes:,} torn bytes at its end" if process.torn_bytes else ""
        print(f"process {process.pid}: {process.program} (Python {process.python}), {process.seconds:.1f} s{end}{torn}")
    rows = []
    for name, function in found.functions.items():
        totals = found.totals[name]
        own = totals.own_us if totals.own_us == totals.own_us else None
        rows.append(Summary(name, totals.calls, totals.seconds, totals.dropped, own, function.refused))
    print("\n".join(_lines(rows, found.settings["targets"])))
