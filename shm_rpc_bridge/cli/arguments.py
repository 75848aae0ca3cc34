"""serve a module, call, ping and watch a server, and look after what is in /dev/shm."""

import argparse
import os
import sys
from typing import Any, List, Optional

from ..channel import DEFAULT_BUFFER_SIZE, DEFAULT_MAX_MESSAGE_SIZE
from ..codec import NAMES as CODECS
from ..quantities import bytes_of
from ..waiting import STRATEGIES
from . import calls, leftovers, serve, stat


def main(arguments: Optional[List[str]] = None) -> int:
    """The exit status of one command."""
    chosen = _parser().parse_args(arguments)
    try:
        status = int(chosen.run(chosen))
        if sys.stdout is not None:  # as it is where there was no such stream to begin with
            sys.stdout.flush()
    except BrokenPipeError:  # whoever reads it has seen enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at the exit
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shm_rpc_bridge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve|call|ping|stat|ls|clean")
    _add_serve(commands)
    _add_calls(commands)
    _add_stat(commands)
    _add_leftovers(commands)
    return parser


def _add_serve(commands: Any) -> None:
    command = commands.add_parser("serve", help="serve the functions of a module until SIGINT or SIGTERM")
    command.add_argument("module", help="such as mypackage.pricing; the current directory is looked in first")
    command.add_argument("--name", help="of the server; without it that of the module")
    command.add_argument("--only", metavar="F,G", help="these functions instead of the public ones")
    command.add_argument("--prefix", default="", help="before the functions' names")
    command.add_argument("--borrow", metavar="F,G", help="these get arrays as views of shared memory, not as copies")
    command.add_argument("--codec", choices=CODECS, default="json", help="pickle trusts every process of this user")
    command.add_argument("--strict", action="store_true", help="refuse results that JSON would change")
    command.add_argument("--threads", type=int, default=0, metavar="N", help="run N calls at once; 0: one at a time")
    command.add_argument("--processes", type=int, default=0, metavar="N", help="the same in N processes, on N cores")
    command.add_argument("--statistics", action="store_true", help="time each call, for `stat`")
    command.add_argument("--functions", help=argparse.SUPPRESS)  # see shm_rpc_bridge.forwarding
    command.add_argument("--wait", choices=STRATEGIES, default="adaptive")
    command.add_argument("--buffer-size", type=bytes_of, default=DEFAULT_BUFFER_SIZE, metavar="SIZE")
    command.add_argument("--max-message-size", type=bytes_of, default=DEFAULT_MAX_MESSAGE_SIZE, metavar="SIZE")
    command.add_argument("--max-memory", type=bytes_of, metavar="SIZE", help="64MB: all clients' buffers together")
    command.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    command.add_argument("--lifeline", type=int, help=argparse.SUPPRESS)  # see shm_rpc_bridge.lifeline
    command.set_defaults(run=serve.run)


def _add_calls(commands: Any) -> None:
    call = commands.add_parser(
        "call",
        help="call a method and print its result as JSON",
        description="Call a method and print its result as JSON; what JSON cannot say is printed as Python would. "
        "Exit status 1: it failed. Options come before NAME.",
    )
    ping = commands.add_parser("ping", help="ask whether a server answers; exit status 1: it does not")
    for command in (call, ping):
        command.add_argument("--codec", choices=CODECS, default="json", help="the server's")
        command.add_argument("--timeout", type=calls.seconds, default=5.0, metavar="SECONDS", help="or none; default 5")
        command.add_argument("name", metavar="NAME", help="of the server")
    call.add_argument("--traceback", action="store_true", help="of a method that has raised, from its server")
    call.add_argument("method", metavar="METHOD")
    call.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="VALUE or KEY=VALUE; JSON, or else text")
    call.set_defaults(run=calls.call)
    ping.set_defaults(run=calls.ping)


def _add_stat(commands: Any) -> None:
    command = commands.add_parser(
        "stat",
        help="show what a server has counted and what its clients wait for",
        description="Show what a server has counted and what its clients wait for right now, without asking it: it may "
        "be stuck. Of each method only if it was made with statistics=True, or served with --statistics.",
    )
    command.add_argument(
        "--watch", type=float, nargs="?", const=1.0, metavar="SECONDS", help="again and again until Ctrl-C; default 1"
    )
    command.add_argument("--json", action="store_true", help="as one JSON object, or one a line with --watch")
    command.add_argument("name", metavar="NAME", help="of the server")
    command.set_defaults(run=stat.show)


def _add_leftovers(commands: Any) -> None:
    listing = commands.add_parser("ls", help="list servers and transports with their owners and objects")
    listing.add_argument("--all", action="store_true", help="each of the dead, too, instead of their number")
    listing.set_defaults(run=leftovers.show)
    cleaning = commands.add_parser(
        "clean", help="show what dead owners have left, and with --force remove it; the living keep theirs"
    )
    cleaning.add_argument("--force", action="store_true", help="remove, instead of only showing what would be")
    cleaning.set_defaults(run=leftovers.clean)
    for command in (listing, cleaning):
        command.add_argument("--prefix", default="", help="only servers and transports whose name begins with this")
