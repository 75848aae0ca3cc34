"""What is dropped without being closed, or closed while something of it is held, is given back."""

import gc
import os
import subprocess
import sys
import threading
import warnings

import pytest

from shm_rpc_bridge import RPCClient, RPCError, RPCTimeoutError, RPCTransportError, SharedMemoryTransport
from shm_rpc_bridge.testing import leftovers

from .services import PATIENCE, calling, server_process, serving


def descriptors():
    return sorted(os.listdir("/proc/self/fd"))


def mapped(name):
    """How many mappings this process has of objects of that name."""
    with open("/proc/self/maps") as maps:
        return sum(f":{name}" in line for line in maps)


@pytest.mark.fault("dropped")
@pytest.mark.parametrize("end", ["creator", "opener"])
def test_a_transport_that_is_dropped_warns_and_gives_everything_back(name, end):
    """Each kept its descriptors, and a creator its names, for the life of the process."""
    before = descriptors()
    ends = {"creator": SharedMemoryTransport.create(name)}
    if end == "opener":
        ends["opener"] = SharedMemoryTransport.open(name)
    with pytest.warns(ResourceWarning, match=f"SharedMemoryTransport '{name}' was never closed") as told:
        del ends[end]
    assert told[0].filename == __file__, "where it was dropped"
    for left in ends.values():
        left.close()
    assert descriptors() == before
    assert mapped(name) == 0
    assert leftovers(name) == []


@pytest.mark.fault("dropped")
def test_a_client_that_is_dropped_warns_and_gives_everything_back(name):
    with server_process(name) as server:
        before = descriptors()
        client = RPCClient(name)
        with pytest.warns(ResourceWarning, match="was never closed") as told:
            del client
        assert told[0].filename == __file__, "where it was dropped"
        assert descriptors() == before
        assert mapped(name) == 0
        with RPCClient(name) as client:
            client.call("stop")
        server.join(PATIENCE)


DAEMON = """
from threading import Event, Thread
Thread(target=lambda kept: Event().wait(), args=(transport,), daemon=True).start()
"""


@pytest.mark.fault("dropped")
@pytest.mark.parametrize(
    "held_by", ["pass", "cycle = [transport]; cycle.append(cycle)", DAEMON], ids=["a module", "a cycle", "a thread"]
)
def test_a_creators_names_are_gone_when_the_interpreter_has_ended(name, held_by):
    """All seven stayed, also after a normal exit."""
    code = (
        f"from shm_rpc_bridge import SharedMemoryTransport\n"
        f"transport = SharedMemoryTransport.create({name!r})\n{held_by}\nprint('made')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, "made\n"), done.stderr
    assert leftovers(name) == []


@pytest.mark.fault("dropped")
@pytest.mark.parametrize("hold", ["view", "slice", "view and slice"])
def test_memory_that_a_view_keeps_goes_with_the_view_though_the_transport_lives(name, hold):
    """200 MB stayed for as long as the closed transport did, which is the whole function after a `with` block."""
    with SharedMemoryTransport.create(name) as creator, SharedMemoryTransport.open(name) as opener:
        opener.send_request(b"x" * 200_000)
        view = creator.view_request()
        part = view[:10]
    assert bytes(view[:3]) == bytes(part[:3]) == b"xxx"
    assert mapped(name) == 1
    if hold == "view":
        del part
    elif hold == "slice":
        del view
    gc.collect()
    assert mapped(name) == 1
    view = part = None
    gc.collect()
    assert mapped(name) == 0
    assert creator.name == opener.name == name


def never_encodable(client):
    client.call("echo", data={1})


def failing(client):
    client.call("divide", a=1, b=0)


def hanging(client):
    client.with_options(timeout=0.01).call("hang")


def unknown(client):
    client.call("nothing of that name")


@pytest.mark.fault("dropped")
@pytest.mark.parametrize("fail", [never_encodable, failing, unknown, hanging])
def test_a_client_that_is_closed_while_its_error_is_handled_keeps_nothing_open(name, fail):
    """The error's frames keep the channel, and that kept its descriptors."""
    release = threading.Event()
    with serving(name) as server:
        server.register("hang", lambda: release.wait(PATIENCE))
        with RPCClient(name) as other:
            other.call("add", a=1, b=2)
        before = descriptors()
        client = RPCClient(name)
        try:
            fail(client)
        except RPCError as error:
            client.close()
            release.set()
            with RPCClient(name, timeout=PATIENCE) as other:  # the server has seen it go
                other.call("add", a=1, b=2)
            assert error.__traceback__ is not None  # noqa: PT017
        else:
            raise AssertionError("it has not failed")
    # The server's own are gone as well: fewer than there were, and none of ours.
    assert set(descriptors()) <= set(before)
    assert mapped(name) == 0


@pytest.mark.fault("dropped")
def test_a_client_closed_in_the_handler_of_its_error_has_let_go_there_and_then(name):
    with server_process(name) as server:
        before = descriptors()
        client = RPCClient(name, timeout=PATIENCE)
        try:
            client.call("divide", a=1, b=0)
        except RPCError as error:
            client.close()
            assert descriptors() == before
            assert mapped(name) == 0
            assert error.remote_type == "ZeroDivisionError"  # noqa: PT017
        with RPCClient(name) as last:
            last.call("stop")
        server.join(PATIENCE)


@pytest.mark.fault("slots-left")
def test_channels_of_clients_that_have_closed_are_free_while_a_method_holds_the_server(name):
    """The third client was told that all channels are in use, and so was everyone until the method ended."""
    entered, release = threading.Event(), threading.Event()
    with serving(name, max_channels=2) as server:
        server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
        with RPCClient(name, timeout=PATIENCE) as holder, calling(holder.call, "hold") as held:
            try:
                assert entered.wait(PATIENCE)
                for _ in range(50):
                    RPCClient(name).close()
                for number in range(20):  # these leave a request behind
                    with RPCClient(name, timeout=0.001) as client, pytest.raises(RPCTimeoutError):
                        client.call("echo", data=f"of client {number}")
                last = RPCClient(name, timeout=PATIENCE)
                with pytest.raises(RPCTransportError, match="all its 2 channels in use"):
                    RPCClient(name)
                with calling(last.call, "echo", data="of the last") as answer:
                    release.set()
                    assert answer.result(PATIENCE) == "of the last"
                assert held.result(PATIENCE) is True
            finally:
                release.set()
            assert last.call("echo", data="again") == "again"
            assert holder.call("echo", data="holder's") == "holder's"
            last.close()
        for number in range(10):
            with RPCClient(name, timeout=PATIENCE) as client:
                assert client.call("echo", data=number) == number


@pytest.mark.fault("dropped")
def test_what_was_closed_does_not_warn(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with SharedMemoryTransport.create(name) as creator, SharedMemoryTransport.open(name) as opener:
            pass
        del creator, opener
        gc.collect()
