"""What a user sees of an error: one class that the documents name, one traceback, the remedy."""

import traceback

import pytest

import shm_rpc_bridge
from shm_rpc_bridge import RPCClient, RPCServer, SharedMemoryTransport

from .services import PATIENCE, serving

MISTAKES = {
    "second server": (lambda name, _: RPCServer(name), "is in use by process"),
    "no server": (lambda name, _: RPCClient(f"{name}-x"), "start the server '.*' first$"),
    "no server, waited": (
        lambda name, _: RPCClient(f"{name}-x", wait_for_server=0.01),
        r"first \(waited 0\.01 s for it\)$",
    ),
    "other codec": (lambda name, _: RPCClient(name, codec="pickle"), "has codec='json', this client codec='pickle'"),
    "unknown method": (lambda _, client: client.call("no"), "unknown method 'no'; registered: "),
    "missing parameter": (lambda _, client: client.call("add", 1), r"add\(a, b\): missing a required argument: 'b'"),
    "too many": (lambda _, client: client.call("add", 1, 2, 3), r"add\(a, b\): too many positional arguments"),
    "unexpected": (lambda _, client: client.call("add", 1, 2, c=3), r"add\(a, b\): got an unexpected .* 'c'"),
    "no JSON": (lambda _, client: client.call("add", 1, [{"b": {1}}]), r"argument 2\[0\]\['b'\] of 'add' is a set"),
    "result no JSON": (lambda _, client: client.call("make_set"), "the result of 'make_set' is a set"),
    "too large": (lambda _, client: client.call("echo", "x" * 3000), "Message too large: .* max_message_size is 2,000"),
    "second transport": (
        lambda name, _: SharedMemoryTransport.create(name),
        "is in use: another process has created it, process ",
    ),
    "no transport": (lambda name, _: SharedMemoryTransport.open(f"{name}-x"), "must be created first$"),
    "no transport, waited": (
        lambda name, _: SharedMemoryTransport.open(f"{name}-x", wait_for=0.01),
        r"must be created first \(waited 0\.01 s for it\)$",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_error_of_a_documented_class_without_what_led_to_it(name, mistake):
    """A second server showed two chained tracebacks, a missing one an error of an inner module."""
    with serving(name, max_message_size=2000), RPCClient(name, timeout=PATIENCE) as client:
        make, says = MISTAKES[mistake]
        with SharedMemoryTransport.create(name), pytest.raises(shm_rpc_bridge.RPCError, match=says) as caught:
            make(name, client)
    error = caught.value
    documented = [kind for kind in type(error).__mro__ if kind.__name__ in shm_rpc_bridge.__all__]
    assert type(error) in documented or type(error).__name__ == "TypeError"  # the builtin that it was
    assert "During handling" not in "".join(traceback.format_exception(type(error), error, error.__traceback__))
