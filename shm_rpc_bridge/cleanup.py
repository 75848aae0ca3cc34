"""What is in /dev/shm of ours, who owns it, and removal of what only the dead own.

Life and death are the kernel's locks (see :mod:`shm_rpc_bridge.control`), never a process number. Nothing needs this
to work: a server that starts removes what an earlier one of its name has left. It is for names that never come back.
"""

from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from . import layout, names, posix
from .buffer import identity
from .exceptions import RPCTransportError
from .header import read_header, why_dead
from .rendezvous import creator

_BEING_MADE = 1.0
"""Seconds for which objects without a living owner may be somebody's who has not come to locking them yet."""


_UNKNOWN = posix.Process(0, 0, 0)


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
    process: str = "process unknown"
    """In words: its number, and whether that is of another PID namespace, where it says little here."""


def survey(prefix: str = "") -> List[Owner]:
    """Every owner whose name begins with `prefix`, sorted. Objects of other users are left out."""
    owners = []
    for kind, start in (("server", names.PREFIX), ("transport", names.TRANSPORT_PREFIX)):
        grouped: Dict[str, List[posix.Listed]] = {}
        # Listed before anyone's life is looked at: what a server creates after that is not in the list.
        for listed in posix.list_own_objects(start + prefix):
            grouped.setdefault(listed.name[len(start) :].split(":")[0], []).append(listed)
        owners += [_judged(kind, start, name, objects) for name, objects in sorted(grouped.items())]
    return owners


def remove(owner: Owner) -> List[posix.Listed]:
    """Remove the leftovers of `owner`, unless it has come to life since; return those removed."""
    now = next((found for found in survey(owner.name) if found[:2] == owner[:2]), None)
    still_left = set(owner.leftovers) & set(now.leftovers if now else ())
    return [listed for listed in owner.leftovers if listed in still_left and posix.unlink_object(listed)]


class _Look(NamedTuple):
    """What one segment says of the owner that it belongs to."""

    process: posix.Process
    is_alive: bool
    life: str
    """The part after the name that all objects of this life of it share: a generation, or a token."""
    is_young: bool


_Says = Callable[[posix.LockFile, str], Tuple[posix.Process, bool, str]]
"""What a segment, of which the life is known by its name, tells: the first three of a :class:`_Look`."""


def _judged(kind: str, start: str, name: str, objects: List[posix.Listed]) -> Owner:
    says, first_object = (_transport_says, ":request") if kind == "transport" else (_server_says, "")
    whole = [listed for listed in objects if not listed.odd]
    lives = {life for listed in whole if (life := _life(listed.name))}
    # A life's first object is the one that is locked; it comes to the public name last, and leaves its own then.
    first = [_look_at(f"{start}{name}:{life}{first_object}", says) for life in sorted(lives)]
    public = _look_at(start + name, says)
    seen = [found for found in (public, *first) if found is not None]
    living = {found.life for found in seen if found.is_alive}
    living |= {found.life for found in seen if found.is_young and (public is None or found.life != public.life)}
    is_alive = any(found.is_alive for found in seen)
    # A public name that is not there any more was taken away since it was listed: what has it next lives.
    is_public_left = public is not None and not public.is_alive
    leftovers = [
        listed for listed in whole if (_life(listed.name) not in living if _life(listed.name) else is_public_left)
    ]
    speaker = next((found for found in seen if found.is_alive), seen[0] if seen else None)
    if speaker is None or not speaker.process.pid:
        return Owner(kind, name, 0, is_alive, objects, leftovers)
    process = speaker.process
    return Owner(kind, name, process.pid, is_alive, objects, leftovers, posix.described(process))


def _life(name: str) -> str:
    parts = name.split(":")
    return parts[2] if len(parts) > 2 else ""


def _look_at(segment: str, says: _Says) -> Optional[_Look]:
    """None where there is none, or one that is none of this library's."""
    held: posix.Held = []
    try:
        lock_file = posix.open_lock_file(segment, held)
        return _Look(*says(lock_file, _life(segment)), is_young=lock_file.age() < _BEING_MADE)
    except RPCTransportError:
        return None
    finally:
        posix.let_go(held)


def _server_says(lock_file: posix.LockFile, life: str) -> Tuple[posix.Process, bool, str]:
    header = read_header(lock_file.read(layout.CONTROL_HEADER_SIZE))
    is_alive = not why_dead(lock_file, header)
    return (header.process, is_alive, f"{header.generation:012x}") if header else (_UNKNOWN, is_alive, life)


def _transport_says(lock_file: posix.LockFile, life: str) -> Tuple[posix.Process, bool, str]:
    header = lock_file.read(layout.REGION_HEADER_SIZE)
    found = identity(header)
    is_alive = lock_file.is_locked(layout.CREATOR_LOCK) or lock_file.is_locked(layout.OPENER_LOCK)
    process = creator(header) if found.magic == layout.REGION_MAGIC else _UNKNOWN
    return process, is_alive, f"{found.token:016x}" if found.magic == layout.REGION_MAGIC else life
