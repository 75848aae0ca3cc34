"""`clean --force` while others live takes nothing of theirs, and is not ended by odd files."""

import os
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, SharedMemoryTransport, cleanup, names, posix
from shm_rpc_bridge.__main__ import main
from shm_rpc_bridge.posix import processes
from shm_rpc_bridge.testing import leftovers, watched

from .services import PATIENCE, context, process, register_methods, serving, started
from .strangers import clean_forever, plant, remove, server_that_dies

pytestmark = pytest.mark.fault("clean-living")


def cleaning_at_each_step(name, cleaned):
    """A hook that cleans up, and notes at which step that was; not at the steps of cleaning itself."""
    inside = threading.local()

    def hook(step):
        if not getattr(inside, "is_cleaning", False):
            inside.is_cleaning = True
            try:
                assert main(["clean", "--force", "--prefix", name]) == 0
            finally:
                inside.is_cleaning = False
            cleaned.append(step)

    return hook


def test_cleaning_at_every_step_of_a_transport_disturbs_nobody(name):
    """What was created and not locked yet was removed: the creator died of FileNotFoundError, or was never found."""
    cleaned = []
    with watched(cleaning_at_each_step(name, cleaned)):
        for _ in range(2):
            with SharedMemoryTransport.create(name) as creator, SharedMemoryTransport.open(name) as opener:
                opener.send_request(b"question")
                assert creator.receive_request(PATIENCE) == b"question"
                creator.send_response(b"answer")
                assert opener.receive_response(PATIENCE) == b"answer"
    assert len(cleaned) > 50
    assert leftovers(name) == []


def test_cleaning_at_every_step_of_a_server_and_its_clients_disturbs_nobody(name):
    cleaned = []
    with watched(cleaning_at_each_step(name, cleaned)):
        server = RPCServer(name)
        register_methods(server)
        with started(server):
            for number in range(3):
                with RPCClient(name, timeout=PATIENCE) as client:
                    assert client.call("add", a=number, b=2) == number + 2
    assert len(cleaned) > 100
    assert leftovers(name) == []


def test_another_process_that_cleans_again_and_again_disturbs_nobody(name):
    """Before, one in some thirty transports could not be opened, or could not be created."""
    cleaning = context.Event()
    with process(clean_forever, name, cleaning) as cleaner:
        assert cleaning.wait(PATIENCE)
        for number in range(300):
            with SharedMemoryTransport.create(name) as creator, SharedMemoryTransport.open(name) as opener:
                opener.send_request(b"%d" % number)
                assert creator.receive_request(PATIENCE) == b"%d" % number
        for number in range(30):
            with serving(name):
                for _ in range(3):
                    with RPCClient(name, timeout=PATIENCE) as client:
                        assert client.call("add", a=number, b=2) == number + 2
        assert cleaner.is_alive()


ODD = {
    "srb:{}-mode": "file",
    "srb:{}-link": "link",
    "srb:{}-folder": "directory",
    "srbt:{}-folder": "directory",
    "srb:{}-fifo": "fifo",
    "srbt:{}-fifo:1:request": "fifo",
    "sem.srb:{}-folder:1:doorbell": "directory",
    "sem.srbt:{}-link:1:request_full": "link",
}


def test_odd_files_named_like_ours_are_listed_as_such_and_the_rest_is_cleaned(name, capsys):
    """The first of them ended `ls` and `clean` with a traceback."""
    odd = {pattern.format(name): kind for pattern, kind in ODD.items()}
    with process(server_that_dies, name) as child:
        child.join(PATIENCE)
    assert len(leftovers(name)) == 2
    try:
        for file, kind in odd.items():
            plant(f"/dev/shm/{file}", kind)
        (mode,) = [file for file in odd if file.endswith("-mode")]
        with open(f"/dev/shm/{mode}") as opened:
            os.fchmod(opened.fileno(), 0o644)
        assert main(["ls", "--prefix", name]) == 0
        shown = capsys.readouterr().out.splitlines()
        for file in odd:
            (line,) = [line for line in shown if file.replace("sem.", "") in line.split() and "odd:" in line][:1]
            assert "remove it" in line
        assert sum("odd:" in line for line in shown) == len(odd)
        assert main(["clean", "--force", "--prefix", name]) == 0
        assert "2 objects" in capsys.readouterr().out
        assert leftovers(name) == []
        assert main(["ls", "--prefix", name]) == 0
        assert capsys.readouterr().out.count("odd:") == len(odd)
    finally:
        for file in odd:
            remove(f"/dev/shm/{file}")


@pytest.mark.parametrize("start", [names.PREFIX, names.TRANSPORT_PREFIX])
def test_a_name_that_was_taken_away_since_it_was_listed_is_nobodys_leftover(name, monkeypatch, start):
    """Whoever had the name next lost it, once in some hundred thousand transports."""
    gone = posix.Listed(start + name, False, 64)
    monkeypatch.setattr(posix, "list_own_objects", lambda prefix: [gone] if prefix.startswith(start) else [])
    (owner,) = cleanup.survey(name)
    assert owner.leftovers == []
    with RPCServer(name) if start == names.PREFIX else SharedMemoryTransport.create(name):
        assert cleanup.remove(owner._replace(leftovers=[gone])) == []


def test_a_process_number_that_counts_elsewhere_says_so(name, monkeypatch, capsys):
    """As a server in a container with a /dev/shm of this host: nothing here has to do with its number."""
    with serving(name):
        (here,) = cleanup.survey(name)
        assert here.process == f"process {os.getpid()}"
        monkeypatch.setattr(processes, "_namespace", lambda: 1)
        (elsewhere,) = cleanup.survey(name)
        assert elsewhere.process == f"process {os.getpid()} of another PID namespace (a container)"
        assert main(["ls", "--prefix", name]) == 0
    assert f"{elsewhere.process}, " in capsys.readouterr().out


def test_so_does_that_of_a_transports_creator(name, monkeypatch):
    with SharedMemoryTransport.create(name):
        number = f"process {os.getpid()}"
        (here,) = cleanup.survey(name)
        assert here.process == number
        with pytest.raises(RPCTransportError, match=f"is in use: another process has created it, {number}$"):
            SharedMemoryTransport.create(name)
        monkeypatch.setattr(processes, "_namespace", lambda: 1)
        (elsewhere,) = cleanup.survey(name)
        assert elsewhere.process == f"{number} of another PID namespace (a container)"
        with pytest.raises(
            RPCTransportError, match=r"created it, process \d+ of another PID namespace \(a container\)"
        ):
            SharedMemoryTransport.create(name)
