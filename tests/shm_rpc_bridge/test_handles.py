"""Handles: objects that stay in the server, for as long as somebody holds on to them from elsewhere."""

import contextlib
import gc
import math
import pickle
import threading
import weakref
from typing import ClassVar

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCServer, RPCTimeoutError, RPCTransportError
from shm_rpc_bridge.testing import in_memory

from .services import PATIENCE, context, started
from .steps import until

pytestmark = pytest.mark.fault("handles")


class Account:
    """Knows what it has; lends another one."""

    alive: ClassVar["weakref.WeakSet[Account]"] = weakref.WeakSet()

    def __init__(self, total=0):
        self.total = total
        self.alive.add(self)

    def add(self, amount):
        self.total += amount
        return self.total

    def split(self):
        self.total //= 2
        return Account(self.total)

    def wait(self, seconds):
        threading.Event().wait(seconds)

    def fail(self):
        raise ValueError("no more")

    def close(self):
        return "closed by hand"

    def _secret(self):
        return 1


def wait_until_alive(count):
    for _ in until(PATIENCE):
        gc.collect()
        if len(Account.alive) == count:
            return
    pytest.fail(f"{len(Account.alive)} objects are alive, not {count}")


@pytest.fixture
def bank(name):
    Account.alive = weakref.WeakSet()
    server = RPCServer(name, max_objects=3)
    server.register("open_account", Account)
    server.register("add", lambda a, b: a + b)
    server.register_class(Account)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        yield client


def test_an_object_stays_where_it_is_and_keeps_its_state(bank):
    with bank.call("open_account", 5) as account:
        assert account.add(1) == 6
        assert account.add(amount=2) == 8
        assert account.call("close") == "closed by hand"
        assert "Account" in repr(account)


def test_an_exception_keeps_its_type(bank):
    with bank.call("open_account") as account, pytest.raises(ValueError, match="no more"):
        account.fail()


@pytest.mark.parametrize("method", ["_secret", "nothing"])
def test_only_public_methods_are_called(bank, method):
    with bank.call("open_account") as account, pytest.raises(RPCMethodError, match="registered: add, close") as caught:
        account.call(method)
    assert caught.value.may_have_run is False


@pytest.mark.parametrize(
    ("kind", "methods", "refusal"),
    [
        (Account, ["ad"], "class Account has no method 'ad': did you mean 'add'"),
        (Account, "add", "methods must be a list of names"),
        (Account, [], "methods is empty"),
        (Account(), None, "a class is needed, not a Account object"),
        (type("Empty", (), {}), None, "class Empty has no public methods"),
    ],
)
def test_a_class_with_nothing_to_call_is_refused_at_once(kind, methods, refusal):
    with in_memory(), RPCServer("bank") as server, pytest.raises((ValueError, TypeError), match=refusal):
        server.register_class(kind, methods)


def test_closing_a_handle_lets_go_of_the_object(bank):
    account = bank.call("open_account")
    account.close()
    account.close()
    wait_until_alive(0)
    with pytest.raises(RPCTransportError, match=r"'Account\.add': the handle is closed .*never runs"):
        account.add(1)


def test_an_object_of_an_object_goes_alone_and_the_other_stays(bank):
    with bank.call("open_account", 10) as account:
        other = account.split()
        assert (account.add(0), other.add(1)) == (5, 6)
        other.close()
        wait_until_alive(1)
        assert account.add(1) == 6
    wait_until_alive(0)


def test_dropping_the_last_handle_is_closing_it(bank):
    account = bank.call("open_account")
    del account
    gc.collect()
    bank.call("open_account").close()  # the client finds what was lost when it next opens or closes a channel
    wait_until_alive(0)


def hold_an_account(name, outcome):
    client = RPCClient(name, timeout=PATIENCE)
    account = client.call("open_account", 7)
    outcome.put(account.add(1))
    threading.Event().wait()


def test_the_death_of_a_client_lets_go_of_its_objects(name, bank):
    outcome = context.Queue()
    child = context.Process(target=hold_an_account, args=(name, outcome))
    child.start()
    assert outcome.get(timeout=PATIENCE) == 8
    assert len(Account.alive) == 1
    child.kill()
    child.join(PATIENCE)
    wait_until_alive(0)


def test_a_client_that_takes_too_many_is_told_and_others_get_theirs(name, bank):
    held = [bank.call("open_account") for _ in range(3)]
    with pytest.raises(RPCMethodError, match="3 objects here, max_objects: close some"):
        bank.call("open_account")
    outcome = context.Queue()
    child = context.Process(target=hold_an_account, args=(name, outcome))
    child.start()
    assert outcome.get(timeout=PATIENCE) == 8
    child.kill()
    child.join(PATIENCE)
    held.pop().close()
    wait_until_alive(2)
    for account in [*held, bank.call("open_account")]:
        account.close()


def test_a_call_that_times_out_ends_its_handle_and_no_other():
    with in_memory():
        server = RPCServer("bank")
        server.register("open_account", Account)
        server.register_class(Account)
        with started(server), RPCClient("bank", timeout=PATIENCE) as client:
            other = client.call("open_account")
            with client.with_options(timeout=0.05).call("open_account") as account:
                with pytest.raises(RPCTimeoutError, match=r"'Account\.wait' on"):
                    account.wait(0.2)
                with pytest.raises(RPCTransportError, match="the handle is lost"):
                    account.add(1)
            assert other.add(1) == 1
            other.close()


def test_a_server_that_has_ended_has_lost_its_objects(name):
    server = RPCServer(name)
    server.register("open_account", Account)
    server.register_class(Account)
    with started(server):
        client = RPCClient(name, timeout=PATIENCE)
        account = client.call("open_account")
        server.stop()
    with client, account, pytest.raises(RPCTransportError, match="the handle is lost"):
        account.add(1)


def test_threads_share_a_handle(bank):
    with bank.call("open_account") as account:
        threads = [threading.Thread(target=lambda: [account.add(1) for _ in range(200)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert account.add(0) == 800


def test_a_handle_is_not_handed_over_and_says_so(bank):
    with bank.call("open_account") as account, pytest.raises(TypeError, match="cannot be copied or pickled"):
        pickle.dumps(account)


def test_what_python_asks_of_any_object_is_no_method_of_a_handle(bank):
    with bank.call("open_account") as account:
        assert not hasattr(account, "__array__")
        assert callable(account.add)


def test_handles_are_closed_with_their_client(name, bank):
    with RPCClient(name, timeout=PATIENCE) as another:
        account = another.call("open_account")
    with pytest.raises(RPCTransportError, match="is lost"):
        account.add(1)
    wait_until_alive(0)


@pytest.mark.parametrize("method", ["$call", "$let go"])
@pytest.mark.parametrize("arguments", [(), (99, "add", 1), ("x", [], {}), ([], "add"), ({}, "add"), (1, ["add"])])
def test_a_request_for_an_object_that_there_is_not_costs_one_call(bank, method, arguments):
    with pytest.raises(RPCMethodError):
        bank.call(method, *arguments)
    with bank.call("open_account") as account:
        origin = account._origin
        with contextlib.suppress(RPCMethodError):  # letting go of what is not there is no error
            origin._exchange(method, "odd", arguments, {}, origin.channel, math.inf)
        assert origin.channel.is_clean
    assert bank.call("add", 1, 2) == 3
