"""The command line: ``python -m scenarios run quick``, and what goes with it."""

import sys

from scenarios.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
