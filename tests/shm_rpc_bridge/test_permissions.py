"""What is created is private, and what is not is refused."""

import os

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, SharedMemoryTransport, names

from .children import open_as_nobody, unlink_as_nobody
from .services import PATIENCE, channel_names, context, process, serving

pytestmark = pytest.mark.fault("permissions")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to have a second user")


def test_what_is_open_to_others_is_refused(name):
    """Without the look at the mode (`refuse_if_odd`) it was used."""
    with SharedMemoryTransport.create(name):
        os.chmod(f"/dev/shm/{names.public_transport(name)}", 0o666)
        with pytest.raises(RPCTransportError, match=r"open to other users \(mode 0666, expected 0600"):
            SharedMemoryTransport.open(name)


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_everything_is_private_under_any_umask(name, umask):
    """Without `fchmod` after creating, under umask 0777 they had mode 0, which locks out their owner as well."""
    before = os.umask(umask)
    try:
        transport = SharedMemoryTransport.create(name)
    finally:
        os.umask(before)
    modes = {os.stat(entry.path).st_mode & 0o777 for entry in os.scandir("/dev/shm") if f":{name}" in entry.name}
    transport.close()
    assert modes == {0o600}


def test_everything_of_a_server_is_private_too(name):
    before = os.umask(0)
    try:
        with RPCServer(name), RPCClient(name):
            mine = [entry for entry in os.scandir("/dev/shm") if f"srb:{name}" in entry.name]
            modes = {entry.stat().st_mode & 0o777 for entry in mine}
    finally:
        os.umask(before)
    assert len(mine) == 8
    assert modes == {0o600}


@as_root
def test_another_user_is_refused(name):
    outcome = context.SimpleQueue()
    with serving(name), SharedMemoryTransport.create(name), process(open_as_nobody, name, outcome) as child:
        child.join(PATIENCE)
        assert child.exitcode == 0
        for _ in range(3):
            assert "may not be used: a file of user 0" in outcome.get()
        with RPCClient(name) as client:
            assert client.call("add", a=1, b=2) == 3


@as_root
@pytest.mark.parametrize("planted", ["request", "sem.request_full"])
def test_what_another_user_has_planted_is_refused_and_its_owner_named(name, planted):
    """Root may open everything: without the look at the owner it would use what anyone has put there."""
    with SharedMemoryTransport.create(name):
        prefix, _, field = planted.rpartition(".")
        path = f"/dev/shm/{prefix}{prefix and '.'}{getattr(channel_names(name), field)}"
        os.chown(path, 65534, 65534)
        with pytest.raises(RPCTransportError, match="belongs to user 65534, not to this process's 0"):
            SharedMemoryTransport.open(name)


@as_root
def test_what_another_user_has_planted_does_not_end_who_cleans_up(name):
    """Its PermissionsError went through `RPCServer.start`, and through `close` half way."""
    outcome = context.SimpleQueue()
    planted = [names.slot(name, 1, 0, 5).request, "sem." + names.slot(name, 1, 0, 5).request_full]
    for each in planted:
        os.close(os.open(f"/dev/shm/{each}", os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with process(unlink_as_nobody, name, outcome) as child:
            child.join(PATIENCE)
            assert [outcome.get(), outcome.get()] == [False, False]
    finally:
        for each in planted:
            os.unlink(f"/dev/shm/{each}")
