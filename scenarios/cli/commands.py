"""From what was typed to the command that does it, and to its exit code. What can be typed is in
:mod:`scenarios.cli.arguments`; the commands are in :mod:`scenarios.cli.measure` and :mod:`scenarios.cli.finished`.

A command imports what it needs when it is called: `list` need not wait for pandas and matplotlib.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path

from rich.console import Console

from contenders.registry import Registered
from scenarios.cli import finished, measure
from scenarios.cli.arguments import RESULTS, parser
from scenarios.cli.problems import Reporter, errors_format
from scenarios.common.errors import RunError, UserError

PLAIN_WIDTH = 200
"""Columns of a table that goes into a file or a pipe, where rich would assume 80. COLUMNS says otherwise."""
NOT_WRITABLE = tuple(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG")
)
"""What the system answers where a folder cannot be written, for the user to put right."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    say = Reporter(errors_format(arguments))
    asked = argparse.Namespace()
    try:
        parser().parse_args(arguments, asked)
        console = Console()
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console = Console(width=PLAIN_WIDTH)
        return COMMANDS[asked.command](asked, console, say)
    except UserError as error:
        say.error(error)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output left, as head does
        sys.stderr.close()
        return 1
    except OSError as error:
        results = getattr(asked, "results", RESULTS)
        is_results = error.errno == errno.ENOENT and Path(error.filename or "").is_relative_to(results)
        if error.errno not in NOT_WRITABLE and not is_results:
            raise
        say.error(_unwritable(error, results))
        return UserError.exit_code
    except KeyboardInterrupt:
        say.interrupted("interrupted")
        return 130


def _unwritable(error: OSError, results: Path) -> RunError:
    where = error.filename2 or error.filename or results
    return RunError(
        f"cannot write {where}: {error.strerror}; make it writable or make room, or name another folder with "
        f"--results (now {results}); what is measured already is kept"
    )


def _list(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.cli import listing

    listing.show(Registered(), console)
    return 0


def _proof(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.cli import proof

    return proof.run(asked, console, say)


def _cuts(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.cli import cuts

    return cuts.run(asked, console, say)


COMMANDS = {
    "run": measure.run,
    "plan": measure.plan,
    "plots": finished.plots,
    "report": finished.report,
    "table": finished.table,
    "compare": finished.compare,
    "ab": measure.ab,
    "capacity": measure.capacity,
    "selftest": measure.selftest,
    "publish": finished.publish,
    "readme": finished.readme,
    "advise": finished.advise,
    "cuts": _cuts,
    "replay": measure.replay,
    "proof": _proof,
    "list": _list,
}
