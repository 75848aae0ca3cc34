"""What of a name is in shared memory."""

from typing import List

from .. import names, posix


def leftovers(name: str) -> List[str]:
    """The objects of the server and of the transport `name`, sorted; semaphores begin with ``sem.`` as their files do.

    An empty list is what a closed server, or a dead one that was started again and closed, must leave. A running
    server has two: its control segment and its doorbell, and those of channels which it has not opened yet.
    """
    owned = (names.control(name), names.public_transport(name))
    return sorted(
        ("sem." if listed.is_semaphore else "") + listed.name
        for prefix in owned
        for listed in posix.list_own_objects(prefix)
        if listed.name == prefix or listed.name.startswith(prefix + ":")
    )
