"""What is in /dev/shm of ours, who owns it, and removal of what only the dead own.

Life and death are the kernel's locks (see :mod:`shm_rpc_bridge.control`), never a process number. Nothing needs this
to work: a server that starts removes what an earlier one of its name has left. It is for names that never come back.
"""

from typing import Dict, List, NamedTuple

from . import layout, names, posix
from .control import server_pid


class Owner(NamedTuple):
    """One server or transport, dead or alive, and its objects."""

    kind: str
    """"server" or "transport"."""
    name: str
    pid: int
    """Of the process that created it, as it says itself; 0 when unknown. For people, not for decisions."""
    is_alive: bool
    objects: List[posix.Listed]
    leftovers: List[posix.Listed]
    """Those of `objects` that belong to nobody alive: all of a dead owner's, and of an earlier life of its name."""


def survey(prefix: str = "") -> List[Owner]:
    """Every owner whose name begins with `prefix`, sorted. Objects of other users are left out."""
    owners = []
    for kind, start in (("server", names.PREFIX), ("transport", names.TRANSPORT_PREFIX)):
        grouped: Dict[str, List[posix.Listed]] = {}
        # Listed before anyone's life is looked at: what a server creates after that is not in the list.
        for listed in posix.list_own_objects(start + prefix):
            grouped.setdefault(listed.name[len(start) :].split(":")[0], []).append(listed)
        judge = _server if kind == "server" else _transport
        owners += [judge(name, objects) for name, objects in sorted(grouped.items())]
    return owners


def remove(owner: Owner) -> List[posix.Listed]:
    """Remove the leftovers of `owner`, unless it has come to life since; return those removed."""
    now = next((found for found in survey(owner.name) if found[:2] == owner[:2]), None)
    still_left = set(owner.leftovers) & set(now.leftovers if now else ())
    return [listed for listed in owner.leftovers if listed in still_left and posix.unlink_object(listed)]


def _server(name: str, objects: List[posix.Listed]) -> Owner:
    try:
        lock_file = posix.open_lock_file(names.control(name))
    except posix.NotFoundError:
        return Owner("server", name, 0, False, objects, objects)
    try:
        header = lock_file.read(layout.CONTROL_HEADER_SIZE)
        is_alive = lock_file.is_locked(layout.SERVER_LOCK)
    finally:
        lock_file.close()
    pid = server_pid(header)
    leftovers = objects
    if is_alive:
        generation = layout.CONTROL.unpack_from(header, 0)[5] if pid else None
        # While a server starts it removes by itself what earlier lives have left.
        own = names.generation_prefix(name, generation) if generation else names.control(name)
        leftovers = [listed for listed in objects if listed.name != names.control(name)]
        leftovers = [listed for listed in leftovers if not listed.name.startswith(own)]
    return Owner("server", name, pid, is_alive, objects, leftovers)


def _transport(name: str, objects: List[posix.Listed]) -> Owner:
    try:
        lock_file = posix.open_lock_file(names.transport(name).request)
    except posix.NotFoundError:
        return Owner("transport", name, 0, False, objects, objects)
    try:
        header = lock_file.read(layout.REGION_HEADER_SIZE)
        is_alive = lock_file.is_locked(layout.CREATOR_LOCK) or lock_file.is_locked(layout.OPENER_LOCK)
    finally:
        lock_file.close()
    pid = 0
    if len(header) == layout.REGION_HEADER_SIZE:
        pid = layout.REGION_IDENTITY.unpack_from(header, layout.REGION_IDENTITY_OFFSET)[2]
    return Owner("transport", name, pid, is_alive, objects, [] if is_alive else objects)
