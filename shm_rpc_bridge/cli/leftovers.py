"""``ls`` and ``clean``: what the library has in /dev/shm, and removal of what the dead have left there."""

import sys
from typing import Any, List

from .. import cleanup
from ..exceptions import RPCTransportError


def show(chosen: Any) -> int:
    """Print the living with their objects, then the dead: as a number, or likewise. What is odd is always printed."""
    try:
        owners = cleanup.survey(chosen.prefix)
    except RPCTransportError as error:
        print(error, file=sys.stderr)
        return 1
    dead = [owner for owner in owners if not owner.is_alive]
    for owner in owners:
        if owner.is_alive:
            _show(owner)
    for owner in dead:
        if chosen.all or any(listed.odd for listed in owner.objects):
            _show(owner)
    if dead:
        _count(dead)
    if not owners:
        print("nothing in shared memory")
    return 0


def _show(owner: cleanup.Owner) -> None:
    state = "alive" if owner.is_alive else "dead"
    print(f"{owner.kind} {owner.name}: {state}, {owner.process}, {len(owner.objects)} objects")
    for listed in owner.objects:
        kind = "semaphore" if listed.is_semaphore else "segment"
        left = "  left over" if listed in owner.leftovers else ""
        odd = f"  odd: {listed.odd}" if listed.odd else ""
        print(f"    {kind:<10}{listed.size:>12,} bytes  {listed.name}{left}{odd}")


def _count(dead: List[cleanup.Owner]) -> None:
    objects = [listed for owner in dead for listed in owner.leftovers]
    size = sum(listed.size for listed in objects)
    print(
        f"dead: {len(dead)} servers and transports, which have left {len(objects)} objects, {size:,} bytes; "
        "`ls --all` lists them, `clean --force` removes them"
    )


def clean(chosen: Any) -> int:
    """Print, and if forced remove, what belongs to no living process."""
    count = size = 0
    try:
        for owner in cleanup.survey(chosen.prefix):
            for listed in cleanup.remove(owner) if chosen.force else owner.leftovers:
                print(f"{'removed' if chosen.force else 'would remove'} {listed.name} ({listed.size:,} bytes)")
                count, size = count + 1, size + listed.size
    except RPCTransportError as error:
        print(error, file=sys.stderr)
        return 1
    remedy = " would be removed; --force removes them" if count and not chosen.force else ""
    print(f"{count} objects, {size:,} bytes{remedy}")
    return 0
