"""Starting, stopping, dying, coming back: of servers and clients, in threads and processes."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCServer, RPCTimeoutError, RPCTransportError, cleanup, posix

from .services import PATIENCE, process, register_methods, server_process, serving, spawn


def test_without_a_server_the_error_says_to_start_it_first(name):
    with pytest.raises(RPCTransportError, match=f"Cannot find shared memory 'srb:{name}': start the server .* first"):
        RPCClient(name)


def test_a_client_can_wait_for_a_server_that_starts_later(name):
    waiting = threading.Event()
    answers = []

    def connect():
        waiting.set()
        with RPCClient(name, wait_for_server=PATIENCE) as client:
            answers.append(client.call("add", a=1, b=2))

    thread = threading.Thread(target=connect)
    thread.start()
    assert waiting.wait(PATIENCE)
    with serving(name):
        thread.join(PATIENCE)
    assert answers == [3]


def test_a_second_server_of_the_same_name_is_told_by_whom_it_is_in_use_and_the_first_goes_on(name):
    with server_process(name) as first, RPCClient(name) as client:
        with pytest.raises(RPCTransportError, match=f"server name '{name}' is in use by process {first.pid}"):
            RPCServer(name)
        assert client.call("add", a=1, b=2) == 3
        client.call("stop")
        first.join(PATIENCE)


def test_clients_may_connect_before_start(name):
    server = RPCServer(name)
    register_methods(server)
    with RPCClient(name) as client:
        thread = threading.Thread(target=server.start)
        thread.start()
        assert client.call("add", a=1, b=2) == 3
        server.stop()
        thread.join(PATIENCE)


def test_a_method_can_stop_its_server_and_is_answered(name):
    with server_process(name) as child, RPCClient(name) as client:
        assert client.call("stop") is None
        child.join(PATIENCE)
        assert child.exitcode == 0
        with pytest.raises(RPCTransportError, match="start the server"):
            client.call("add", a=1, b=2)


def test_stop_and_close_are_idempotent_and_a_closed_server_cannot_start(name):
    with RPCServer(name) as server:
        server.stop()
        server.start()  # a stop that came before is not forgotten
        server.stop()
        server.close()
        server.close()
        with pytest.raises(RPCTransportError, match="is closed"):
            server.start()


def test_a_server_cannot_be_started_twice(name):
    with serving(name) as server, RPCClient(name) as client:
        client.call("add", a=1, b=2)
        with pytest.raises(RPCTransportError, match="is running already"):
            server.start()


def test_start_in_a_thread_leaves_the_signal_handlers_alone(name):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with serving(name), RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_start_in_the_main_thread_stops_at_a_signal_and_restores_the_handlers(name, number):
    before = signal.getsignal(number)
    server = RPCServer(name)
    server.register("interrupt", lambda: os.kill(os.getpid(), number))
    answers = []

    def call():
        with RPCClient(name) as client:
            answers.append(client.call("interrupt"))

    thread = threading.Thread(target=call)
    thread.start()
    server.start()
    thread.join(PATIENCE)
    assert answers == [None]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_parked_server_stops_cleanly_at_a_signal(name, number):
    with server_process(name, wait="block") as child:
        os.kill(child.pid, number)
        child.join(PATIENCE)
        assert child.exitcode == 0
    assert cleanup.survey(name) == []


def test_an_idle_timeout_ends_the_server_with_an_error(name):
    server = RPCServer(name, timeout=0.05)
    with pytest.raises(RPCTimeoutError, match=r"had no request for 0\.05 s"):
        server.start()


def test_a_server_never_closed_is_removed_when_the_interpreter_exits(name):
    code = f"import shm_rpc_bridge; server = shm_rpc_bridge.RPCServer({name!r})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
    assert cleanup.survey(name) == []


def test_after_a_killed_server_the_next_one_starts_and_an_old_client_reconnects(name):
    with server_process(name) as first:
        client = RPCClient(name, wait_for_server=PATIENCE)
        assert client.call("add", a=1, b=2) == 3
        first.kill()
        first.join(PATIENCE)
        with server_process(name) as second:
            assert client.call("add", a=2, b=2) == 4
            client.call("stop")
            second.join(PATIENCE)
        client.close()


def call_stop_forever(name, entered):
    server = RPCServer(name)

    def hang():
        entered.set()
        threading.Event().wait()

    server.register("hang", hang)
    server.start()


def test_a_server_killed_during_a_call_is_named_and_the_outcome_called_unknown(name):
    entered = spawn.Event()
    with process(call_stop_forever, name, entered) as child, RPCClient(
        name, timeout=PATIENCE, wait_for_server=PATIENCE
    ) as client:
        errors = []

        def call():
            try:
                client.call("hang")
            except RPCTransportError as error:
                errors.append(str(error))

        thread = threading.Thread(target=call)
        thread.start()
        assert entered.wait(PATIENCE)
        child.kill()
        thread.join(PATIENCE)
        assert len(errors) == 1
        assert f"server '{name}' (process {child.pid}) is dead (whether it ran is unknown)" in errors[0]
    for owner in cleanup.survey(name):
        cleanup.remove(owner)


def test_a_call_to_a_server_that_died_while_idle_never_ran(name):
    with server_process(name) as child:
        client = RPCClient(name)
        assert client.call("add", a=1, b=2) == 3
        child.kill()
        child.join(PATIENCE)
        with pytest.raises(RPCTransportError, match=r"is dead \(the server had not taken it, so it never runs"):
            client.call("add", a=1, b=2)
        with pytest.raises(RPCTransportError, match="start the server"):
            client.call("add", a=1, b=2)
        client.close()
    for owner in cleanup.survey(name):
        cleanup.remove(owner)


def test_closing_the_server_ends_a_waiting_call_with_an_error(name):
    server = RPCServer(name)
    with RPCClient(name, timeout=PATIENCE) as client:
        errors = []

        def call():
            try:
                client.call("add", a=1, b=2)
            except RPCTransportError as error:
                errors.append(str(error))

        thread = threading.Thread(target=call)
        thread.start()
        server.close()
        thread.join(PATIENCE)
        assert len(errors) == 1


def test_closing_a_client_ends_the_call_of_another_thread(name):
    entered, release = threading.Event(), threading.Event()
    with serving(name) as server:
        server.register("hang", lambda: entered.set() or release.wait(PATIENCE))
        client = RPCClient(name, timeout=PATIENCE)
        errors = []

        def call():
            try:
                client.call("hang")
            except RPCTransportError as error:
                errors.append(str(error))

        thread = threading.Thread(target=call)
        thread.start()
        assert entered.wait(PATIENCE)
        client.close()
        thread.join(PATIENCE)
        release.set()
        assert len(errors) == 1
        assert "the client was closed during the call" in errors[0]
        with pytest.raises(RPCTransportError, match="is closed"):
            client.call("add", a=1, b=2)
        client.close()


def killed_client(name, connected):
    client = RPCClient(name)
    client.call("add", a=1, b=2)
    connected.set()
    threading.Event().wait()


def test_a_killed_client_leaves_no_object_and_its_channel_is_used_again(name):
    with serving(name, max_channels=1):
        for _ in range(3):
            connected = spawn.Event()
            with process(killed_client, name, connected):
                assert connected.wait(PATIENCE)
                with pytest.raises(RPCTransportError, match="all its 1 channels in use"):
                    RPCClient(name)
            with connect_when_free(name) as client:
                assert client.call("add", a=1, b=2) == 3


def connect_when_free(name):
    while True:
        try:
            return RPCClient(name)
        except RPCTransportError as error:
            if "channels in use" not in str(error):
                raise


def test_while_a_client_is_connected_its_objects_have_no_names(name):
    with serving(name), RPCClient(name) as client:
        client.call("add", a=1, b=2)
        kinds = [listed.name.rpartition(":")[2] for listed in posix.list_own_objects(f"srb:{name}")]
        assert kinds == [name, "doorbell"]


def test_a_forked_childs_client_calls_on_its_own_and_the_parents_goes_on(name):
    with server_process(name) as child, RPCClient(name) as client:
        assert client.call("add", a=1, b=1) == 2
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if client.call("add", a=2, b=2) == 4 else 2
                client.close()
            finally:
                os._exit(status)
        assert client.call("add", a=3, b=3) == 6
        assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 0
        assert client.call("add", a=4, b=4) == 8
        client.call("stop")
        child.join(PATIENCE)


def test_a_forked_childs_copy_of_a_server_removes_nothing(name):
    server = RPCServer(name)
    register_methods(server)
    pid = os.fork()
    if pid == 0:
        server.close()
        os._exit(0)
    os.waitpid(pid, 0)
    with RPCClient(name) as client:
        thread = threading.Thread(target=server.start)
        thread.start()
        assert client.call("add", a=1, b=2) == 3
        server.stop()
        thread.join(PATIENCE)


def test_system_exit_in_a_method_answers_the_caller_and_ends_the_server(name):
    with process(run_exiting_server, name) as child, RPCClient(name, wait_for_server=PATIENCE) as client:
        with pytest.raises(RPCMethodError, match="SystemExit: 7"):
            client.call("leave")
        child.join(PATIENCE)
        assert child.exitcode == 7


def run_exiting_server(name):
    server = RPCServer(name)
    server.register("leave", lambda: sys.exit(7))
    server.start()


def test_a_client_never_closed_warns(name):
    with serving(name), pytest.warns(ResourceWarning, match="was never closed"):
        RPCClient(name).__del__()


def test_restarting_100_times_leaves_nothing(name):
    for _ in range(100):
        with serving(name), RPCClient(name) as client:
            assert client.call("add", a=1, b=2) == 3
    assert cleanup.survey(name) == []


def test_a_half_made_control_segment_is_in_nobodys_way(name):
    posix.create_segment(f"srb:{name}", 4096).close()  # as left by a server killed before it took its lock
    with pytest.raises(RPCTransportError, match="start the server"):
        RPCClient(name)
    with serving(name), RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def test_connecting_calling_and_closing_leaks_no_file_descriptor(name):
    with serving(name):
        RPCClient(name).close()
        before = open_descriptors()
        for _ in range(20):
            with RPCClient(name) as client:
                client.call("add", a=1, b=2)
        assert open_descriptors() <= before + 10  # the server closes its ends a moment later
    assert open_descriptors() < before


def test_failing_to_connect_leaks_no_file_descriptor(name):
    """Without letting go of the connection this ran a suite of tests out of 20,000 descriptors."""
    with serving(name, max_channels=1), RPCClient(name) as connected:
        connected.call("add", a=1, b=2)  # the server has opened its ends by now
        before = open_descriptors()
        for _ in range(20):
            with pytest.raises(RPCTransportError, match="channels in use"):
                RPCClient(name)
        assert open_descriptors() == before
