"""What can be typed: the commands of ``python -m scenarios``, their options, and the numbers those take.

They are done by :mod:`scenarios.cli.commands`. A mistake raises a :class:`scenarios.common.errors.UserError`, as every
other mistake does.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, NoReturn

from contenders.interface import LANES
from scenarios.cli.problems import FORMATS
from scenarios.common.errors import Mistake, UsageError, UserError
from scenarios.common.units import SIZE, UNITS
from scenarios.plan.circumstances import CLIENT_THREAD, NOTHING, SERVER_THREAD
from scenarios.plan.filters import AXES
from scenarios.plan.load import ASLEEP, CALLERS
from scenarios.records import environment
from scenarios.replay import defaults

RESULTS = environment.PROJECT / "results"
DEFAULT = "quick"
EXIT_CODES = """Exit codes: 0 done; 1 some cells failed (`run`), something is slower or lost (`compare`), B is slower
(`ab`), a check failed (`selftest`), a contender failed (`replay`), a prediction did not hold (`proof`); 2 a mistake in
what was asked for, two runs that cannot be compared, a difference that cannot be told (`ab`, and of some groups
`compare`); 130 interrupted, what is done is kept."""
_NUMBER = r"(\d+(?:\.\d+)?)"
_RATE = re.compile(_NUMBER + r"\s*(?:/s)?\Z")
_TIME = re.compile(_NUMBER + r"\s*(ns|us|µs|μs|ms|s)\Z")
_US = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6}


class Parser(argparse.ArgumentParser):
    """Says what is wrong as every other mistake is said."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().strip()}", [Mistake(message)])


def parser() -> Parser:
    """The command line; ``command`` of what it parses is the command's name."""
    whole = Parser(
        prog="python -m scenarios",
        description="Measure ways to call a function in another process of this host.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    name = {"metavar": "SCENARIO", "help": "a name from `list`, or the path of a .toml file"}
    scenario = shared(("scenario", name))
    one_scenario = shared(
        ("scenario", name | {"nargs": "?", "help": f"{name['help']} (default: {DEFAULT}; with --resume: any)"})
    )
    run_help = "a run's folder or id (default: the latest)"
    one_run = shared(("run", {"metavar": "RUN", "nargs": "?", "help": run_help}))
    results = shared(
        ("--results", {"type": Path, "default": RESULTS, "metavar": "DIR", "help": "default: %(default)s"})
    )
    several = {"action": "append", "default": [], "metavar": "AXIS=VALUE[,VALUE]"}
    chosen = shared(
        ("--only", several | {"help": f"cells that have one of these; AXIS is one of {', '.join(AXES)}"}),
        ("--skip", several | {"help": "all but the cells that have one of these; both can be given several times"}),
    )
    errors = shared(
        ("--errors", {"choices": FORMATS, "default": "text", "help": "json: one object per problem and line on stderr"})
    )

    def add(name: str, text: str, *parents: Parser) -> Parser:
        command = commands.add_parser(
            name, help=text, description=text, parents=[*parents, errors], allow_abbrev=False, epilog=EXIT_CODES
        )
        command.set_defaults(command=name)
        return command

    text = "measure a scenario, then print its table, draw its plots and write its report"
    run = add("run", text, one_scenario, chosen, results)
    run.add_argument("--resume", action="store_true", help="go on with the newest unfinished run")
    run.add_argument("--reruns", type=count, metavar="N", help="measure a disturbed cell again, at most N times")
    text = "show the cells of a scenario and the expected time, without measuring; calls: at most so many per client"
    add("plan", f"{text}: a slow contender stops after `seconds` with fewer", scenario, chosen)
    add("plots", "draw the plots of a run again", one_run, chosen, results)
    add("report", "write the report.html of a run again", one_run, results)
    add("table", "print the table of a run again", one_run, chosen, results)
    compare = add("compare", "what is slower, faster or the same in RUN_B than in RUN_A", results)
    compare.add_argument("before", metavar="RUN_A", help="a run's folder or id")
    compare.add_argument("after", metavar="RUN_B", help="a run's folder or id")
    compare.add_argument("--floor", type=share, default=0.05, metavar="5%", help="smaller changes do not matter")
    compare.add_argument("--floor-us", type=share, default=1.0, metavar="1", help="nor do those of fewer µs")
    compare.add_argument("--percentile", choices=("p50", "p90", "p99"), default="p50", help="default: %(default)s")
    compare.add_argument("--json", action="store_true", help="one JSON object on standard output")
    compare.add_argument("--force", action="store_true", help="compare what cannot be compared, and say so")
    text = "whether the library is slower in one checkout than in another: both in turns, with an A/A test of their own"
    ab = add("ab", f"{text}; one minute")
    path_help = "a folder that holds shm_rpc_bridge, or a revision of this repository"
    ab.add_argument("before", metavar="PATH_A", help=path_help)
    ab.add_argument("after", metavar="PATH_B", help="likewise; may be the same, for an A/A test alone")
    ab.add_argument("--threshold", type=share, default=0.03, metavar="3%", help="how much slower matters; default: 3%%")
    ab.add_argument("--payload", default="100B", metavar="SIZE", help="text, there and back; default: %(default)s")
    ab.add_argument("--codec", metavar="NAME", help="default: the library's, json")
    ab.add_argument("--wait", metavar="HOW", help="adaptive, block or spin; default: the library's, adaptive")
    ab.add_argument("--rate", metavar="CALLS", help="per second, all clients together, evenly; default: back to back")
    ab.add_argument("--clients", type=at_least_one, default=1, metavar="N", help="default: %(default)s")
    beside_help = "a thread that computes all the time, in each client or in the server; default: %(default)s"
    ab.add_argument("--beside", choices=(NOTHING, CLIENT_THREAD, SERVER_THREAD), default=NOTHING, help=beside_help)
    ab.add_argument("--blocks", type=at_least_one, default=21, metavar="N", help="of each side; default: %(default)s")
    ab.add_argument("--seconds", default="0.3s", metavar="TIME", help="of calls in a block; default: %(default)s")
    ab.add_argument("--seed", type=count, default=1, metavar="N", help="of the order; default: %(default)s")
    ab.add_argument("--json", action="store_true", help="one JSON object on standard output, progress on stderr")
    text = "search the highest rate whose p99 stays under a limit, in an open loop; about 40 s per contender"
    capacity = add("capacity", text, results)
    capacity.add_argument("--contender", default="shm", metavar="NAME[,NAME]", help="default: %(default)s")
    capacity.add_argument("--lane", choices=LANES, default="native", help="default: %(default)s")
    capacity.add_argument("--payload", default="100B", metavar="SIZE", help="100B, 20KB, 2MB; default: %(default)s")
    capacity.add_argument("--p99", default="1ms", metavar="TIME", help="500us, 1ms, 1s; default: %(default)s")
    capacity.add_argument("--clients", type=at_least_one, default=1, metavar="N", help="default: %(default)s")
    capacity.add_argument("--seconds", default="1.5s", metavar="TIME", help="of a trial; default: %(default)s")
    capacity.add_argument("--constant", action="store_true", help="an even pace instead of random moments")
    text = "let the harness measure what it must find: floor, known delay, stopped server, no difference in A/A"
    add("selftest", f"{text}; one minute", results)
    add("publish", "make a finished run the committed results/reference", one_run, results)
    add("readme", "write the reference run into README.md and docs/", results)
    advise = add("advise", "say which contender fits a payload, a rate and a handler's time", results)
    advise.add_argument(
        "--payload", required=True, metavar="SIZE", help="of a request, the answer as large: 100B, 20KB"
    )
    advise.add_argument(
        "--rate", metavar="CALLS", help="per second, all clients together: 2000; needed but for --items"
    )
    advise.add_argument(
        "--items",
        type=at_least_one,
        metavar="N",
        help="a stream of so many instead, --payload each: what an item costs",
    )
    advise.add_argument(
        "--handler",
        default="0us",
        metavar="TIME",
        help="what the called function takes: 500us; default: %(default)s",
    )
    advise.add_argument("--clients", type=at_least_one, default=1, metavar="N", help="that share the rate; default: 1")
    advise.add_argument(
        "--caller",
        default=ASLEEP,
        choices=CALLERS,
        help="what it did before it calls: slept, computed (awake), or had its last answer just now (busy); default: "
        "%(default)s",
    )
    advise.add_argument(
        "--beside",
        default=NOTHING,
        metavar="WHAT",
        help="what runs beside: 2-burners, quota-100%%; default: %(default)s",
    )
    advise.add_argument("--lane", default="native", metavar="LANE", help=f"{', '.join(LANES)} (default: %(default)s)")
    advise.add_argument(
        "--run", metavar="RUN", help="a run's folder or id (default: the newest finished one that can answer)"
    )
    advise.add_argument("--json", action="store_true", help="print the answer as one JSON object")
    cuts = add("cuts", "say where a recorded package is best cut: what would cross, and what that costs", results)
    cuts.add_argument("recording", metavar="FILE", help="of python -m shm_rpc_bridge.record --package NAME")
    contender_help = "several times, or all; the first one ranks; default: shm, mp-pipe, zmq-ipc, grpc-uds"
    cuts.add_argument("--contender", action="append", default=[], metavar="NAME[,NAME]", help=contender_help)
    cuts.add_argument("--group", action="append", default=[], metavar="MODULE[,MODULE]", help="cut there; repeat it")
    cuts.add_argument("--run", metavar="RUN", help="whose figures calls are given; default: the reference")
    cuts.add_argument("--lane", choices=LANES, default="native", help="of that run; default: %(default)s")
    cuts.add_argument("--trust", action="store_true", help="read another user's recording, too")
    cuts.add_argument("--json", action="store_true", help="print the answer as one JSON object")
    _replay(add("replay", "what it would cost to split a program of one's own, from a recording of its calls", results))
    proof = add("proof", "whether a replay was right: its prediction beside the program that was really split")
    runs_help = (
        "a folder with a replay --with-handler (replay-*), recordings of the program as it is (today*.rec) and split "
        "(split*.rec); several are runs of their own"
    )
    proof.add_argument("runs", nargs="+", type=Path, metavar="DIR", help=runs_help)
    proof.add_argument("--contender", default="shm", metavar="NAME", help="it was split with; default: %(default)s")
    proof.add_argument("--output", type=Path, metavar="DIR", help="write proof.json there, too")
    proof.add_argument("--json", action="store_true", help="print the answer as one JSON object")
    add("list", "list the scenarios and the contenders there are, with a sentence each")
    return whole


def _replay(replay: Parser) -> None:
    replay.add_argument("recording", type=Path, metavar="CALLS", help="what python -m shm_rpc_bridge.record wrote")
    several: dict[str, Any] = {"action": "append", "default": []}
    contender_help = (
        f"behind which; can be given several times; all: every one there is; default: {', '.join(defaults.CONTENDERS)}"
    )
    replay.add_argument("--contender", **several, metavar="NAME[,NAME]", help=contender_help)
    replay.add_argument("--function", **several, metavar="NAME", help="only these; the end of a name will do")
    path_help = "put a folder on sys.path, for the modules that the recorded values need"
    replay.add_argument("--path", **several, type=Path, metavar="DIR", help=path_help)
    replay.add_argument("--travel", action="store_true", help="say what can travel, and measure nothing")
    handler_help = "what runs in the server: nothing, or something that takes as long as recorded; default: %(default)s"
    replay.add_argument(
        "--handler", choices=(defaults.NOTHING, defaults.RECORDED), default=defaults.NOTHING, help=handler_help
    )
    with_help = "run the functions themselves in the server, many times each, and compare their results"
    replay.add_argument("--with-handler", action="store_true", help=with_help)
    changed_help = "take a codec that changes values, tuples to lists, where it refuses none"
    replay.add_argument("--allow-changed", action="store_true", help=changed_help)
    calls_help = "of each function at most, drawn at random; default: %(default)s"
    replay.add_argument("--calls", type=at_least_one, default=defaults.CALLS, metavar="N", help=calls_help)
    most_help = "functions, those that take most time, where none are named; default: %(default)s"
    replay.add_argument("--most", type=at_least_one, default=defaults.MOST, metavar="N", help=most_help)
    rounds_help = f"back to back, {defaults.FEWEST_ROUNDS} or more, or 0: the rhythm alone; default: %(default)s"
    replay.add_argument("--rounds", type=count, default=defaults.ROUNDS, metavar="N", help=rounds_help)
    seconds_help = "of the recorded rhythm, for each contender, 0s: none; default: %(default)s"
    replay.add_argument("--seconds", default=f"{defaults.RHYTHM_S:g}s", metavar="TIME", help=seconds_help)
    callers_help = "in parallel, for the bound on how much more the program could do; default: %(default)s"
    replay.add_argument("--callers", type=at_least_one, default=1, metavar="N", help=callers_help)
    replay.add_argument("--workers", type=at_least_one, default=1, metavar="W", help="processes that serve; likewise")
    seed_help = "of the sample and of the order; default: %(default)s"
    replay.add_argument("--seed", type=count, default=defaults.SEED, metavar="N", help=seed_help)
    replay.add_argument("--trust", action="store_true", help="read a recording of another user: it can run any code")
    replay.add_argument("--json", action="store_true", help="one JSON object on standard output, progress on stderr")


def shared(*arguments: tuple[str, dict[str, Any]]) -> Parser:
    """Arguments that several commands have."""
    parser = Parser(add_help=False)
    for name, how in arguments:
        parser.add_argument(name, **how)
    return parser


def share(text: str) -> float:
    """``5%`` or ``0.05``: a number from 0."""
    number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def count(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {text!r}")
    return int(text)


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, not {text!r}")
    return int(text)


class QuantityError(UserError):
    """A number on the command line that cannot be read; names the option and what is allowed."""


def size_bytes(text: str, option: str) -> float:
    """Bytes in decimal units, as in scenario files: ``20000``, ``100 B``, ``20KB``, ``2MB``."""
    match = SIZE.match(text if re.search(r"[BKM]", text) else f"{text}B")
    if match is None or float(match[1]) == 0:
        raise QuantityError(f"{option} {text!r} is not a size; allowed: bytes above 0, as 20000, 100B, 20KB, 2MB")
    return float(match[1]) * UNITS[match[2]]


def rate_per_s(text: str, option: str) -> float:
    """Calls per second: ``2000`` or ``2000/s``."""
    match = _RATE.match(text)
    if match is None or float(match[1]) == 0:
        raise QuantityError(f"{option} {text!r} is not a rate; allowed: calls per second above 0, as 2000 or 2000/s")
    return float(match[1])


def time_us(text: str, option: str) -> float:
    """µs, from a time with its unit: ``0us``, ``500us``, ``1.5ms``, ``1s``."""
    match = _TIME.match(text)
    if match is None:
        raise QuantityError(
            f"{option} {text!r} is not a time; allowed: a number with its unit, as 0us, 500us, 1.5ms, 1s"
        )
    return float(match[1]) * _US[match[2]]
