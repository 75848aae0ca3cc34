"""The command line: ``python -m scenarios run quick``, and what goes with it."""

import shlex
import sys
from pathlib import Path

from scenarios.cli.problems import Reporter, errors_format
from scenarios.common.errors import UsageError

OWN = ("scenarios", "contenders", "shm_rpc_bridge")
ENVIRONMENT = Path(__file__).parents[1] / ".venv" / "bin" / "python"


def main() -> int:
    """Run the command as typed. A Python that lacks what the harness needs is told where there is one that does not."""
    if sys.version_info < (3, 11):  # noqa: UP036  whoever types this may have any Python
        return _refused(f"is {sys.version.split()[0]}, and the harness needs 3.11 or newer")
    try:
        from scenarios.cli.commands import main as run

        return run()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in OWN:
            raise
        return _refused(f"has no module {missing}, which the harness needs")


def _refused(why: str) -> int:
    typed = shlex.join(["-m", "scenarios", *sys.argv[1:]])
    first = "" if ENVIRONMENT.exists() else "make venv, then "
    remedy = f"type instead: {first}.venv/bin/python {typed}"
    Reporter(errors_format(sys.argv[1:])).error(UsageError(f"this Python ({sys.executable}) {why}; {remedy}"))
    return UsageError.exit_code


if __name__ == "__main__":
    sys.exit(main())
