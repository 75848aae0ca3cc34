#!/usr/bin/env python3
"""Remove what dead servers and clients have left in shared memory: the same as ``python -m shm_rpc_bridge clean``."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from shm_rpc_bridge.__main__ import main as command


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="list everything, the living included, and remove nothing")
    parser.add_argument("--dry-run", action="store_true", help="show what would be removed")
    parser.add_argument("--prefix", default="", help="only servers and transports whose name begins with this")
    chosen = parser.parse_args()
    what = ["ls", "--all"] if chosen.list else ["clean"] if chosen.dry_run else ["clean", "--force"]
    return command([*what, "--prefix", chosen.prefix])


if __name__ == "__main__":
    sys.exit(main())
