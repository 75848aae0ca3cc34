"""``python -m shm_rpc_bridge ls | clean``: look at what the library has in /dev/shm, and remove what the dead left."""

import argparse
import sys
from typing import List, Optional

from . import cleanup
from .exceptions import RPCTransportError


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m shm_rpc_bridge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="ls|clean")
    listing = commands.add_parser("ls", help="list servers and transports with their owners and objects")
    cleaning = commands.add_parser(
        "clean", help="show what dead owners have left, and with --force remove it; the living keep theirs"
    )
    cleaning.add_argument("--force", action="store_true", help="remove, instead of only showing what would be")
    for command in (listing, cleaning):
        command.add_argument("--prefix", default="", help="only servers and transports whose name begins with this")
    chosen = parser.parse_args(arguments)
    try:
        return show(chosen.prefix) if chosen.command == "ls" else clean(chosen.prefix, dry_run=not chosen.force)
    except RPCTransportError as error:
        print(error, file=sys.stderr)
        return 1


def show(prefix: str) -> int:
    """Print every owner with its objects."""
    owners = cleanup.survey(prefix)
    for owner in owners:
        state = "alive" if owner.is_alive else "dead"
        print(f"{owner.kind} {owner.name}: {state}, process {owner.pid or 'unknown'}, {len(owner.objects)} objects")
        for listed in owner.objects:
            kind = "semaphore" if listed.is_semaphore else "segment"
            left = "  left over" if listed in owner.leftovers else ""
            odd = f"  odd: {listed.odd}" if listed.odd else ""
            print(f"    {kind:<10}{listed.size:>12,} bytes  {listed.name}{left}{odd}")
    if not owners:
        print("nothing in shared memory")
    return 0


def clean(prefix: str, dry_run: bool) -> int:
    """Print, and unless `dry_run` remove, what belongs to no living process."""
    count = size = 0
    for owner in cleanup.survey(prefix):
        for listed in owner.leftovers if dry_run else cleanup.remove(owner):
            print(f"{'would remove' if dry_run else 'removed'} {listed.name} ({listed.size:,} bytes)")
            count, size = count + 1, size + listed.size
    print(f"{count} objects, {size:,} bytes" + (" would be removed; --force removes them" if dry_run and count else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
