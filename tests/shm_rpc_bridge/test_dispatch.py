"""The one answer to each request, without a server: what it says, and what is kept of it afterwards."""

import gc
import weakref
from types import SimpleNamespace

import pytest

from shm_rpc_bridge import RPCMethodError, RPCSerializationError, RPCTransportError, codec
from shm_rpc_bridge.dispatch import Dispatch
from shm_rpc_bridge.failures import CALL_OBJECT, LET_GO, PING
from shm_rpc_bridge.messages import ONE
from shm_rpc_bridge.remote_errors import HandedOut

JSON = codec.chosen("json")
CLIENT = 4711
"""Its process."""


class Counter:
    def __init__(self):
        self.count = 0

    def more(self):
        self.count += 1
        return self.count


class Channel(SimpleNamespace):
    """As much of a served channel as a dispatch sees."""

    def __init__(self):
        super().__init__(objects=None, request=SimpleNamespace(creator=lambda: CLIENT))


def _never(*_):
    raise AssertionError("there is nothing to be awaited")


class Server:
    """Asks a dispatch as a client would that has one channel."""

    def __init__(self, spoken=JSON, max_objects=2):
        self.channel = Channel()
        self.asked_about = []
        self.dispatch = Dispatch(spoken, max_objects, self._kept, _never)

    def _kept(self, client):
        self.asked_about.append(client)
        return len(self.channel.objects or ())

    def message(self, method, *args, **params):
        return self.dispatch.answer((self.channel, 1, JSON.encode_request(method, args, params), ONE))

    def call(self, method, *args, **params):
        return JSON.decode_response(method, self.message(method, *args, **params))


@pytest.fixture
def server():
    server = Server()
    server.dispatch.add({"add": lambda a, b: a + b, "make": Counter})
    server.dispatch.keep_objects_of(Counter, frozenset({"more"}))
    return server


def number_of(server):
    with pytest.raises(HandedOut) as came:
        server.call("make")
    return came.value.number


def test_a_ping_is_answered_and_is_no_method_that_is_told(server):
    assert server.call(PING) is None
    with pytest.raises(RPCMethodError, match=r"unknown method 'sub'; registered: add, make$") as caught:
        server.call("sub")
    assert not caught.value.may_have_run
    with pytest.raises(RPCMethodError, match="registered: none"):
        Server().call("sub")


def test_an_unknown_method_is_told_which_one_may_have_been_meant(server):
    with pytest.raises(RPCMethodError, match=r"unknown method 'maker': did you mean 'make'\?; registered: add, make$"):
        server.call("maker")
    with pytest.raises(RPCMethodError, match=r"make'; registered: add, make$"):  # none is looked for among the known
        server.call("make" * 1000)


@pytest.mark.parametrize("name", [CALL_OBJECT, LET_GO, PING])
def test_names_of_the_librarys_own_are_refused(server, name):
    with pytest.raises(ValueError, match=r"library's own|registered already"):
        server.dispatch.add({name: print})
    assert server.dispatch.add({name: print}, prefix="my.") == ["my." + name]


@pytest.mark.parametrize(
    ("functions", "prefix", "told"),
    [
        ({"add": max}, 7, "^prefix must be a str, not int$"),
        ({7: max}, "", "^a method's name must be a str, not int$"),
        ({"none": None}, "", "^method 'none' must be callable, not NoneType$"),
    ],
)
def test_what_cannot_be_a_method_is_refused_and_what_came_with_it_is_not_added(server, functions, prefix, told):
    with pytest.raises(TypeError, match=told):
        server.dispatch.add({"first": max, **functions}, prefix)
    assert server.dispatch.add({"first": max}) == ["first"]


def test_an_answer_that_is_a_result_leaves_nothing_to_settle(server):
    assert server.call("add", 1, 2) == 3
    assert server.dispatch.failure is None
    number_of(server)
    assert server.dispatch.failure is None


def test_what_was_told_is_kept_until_it_is_settled_and_not_longer(server):
    held = []

    def fail():
        counter = Counter()
        held.append(weakref.ref(counter))
        raise ValueError("its frame has a counter")

    server.dispatch.add({"fail": fail})
    with pytest.raises(ValueError, match="its frame"):
        server.call("fail")
    gc.collect()
    assert held[0]() is not None
    assert server.dispatch.failure is not None
    server.dispatch.settle()
    gc.collect()
    assert held[0]() is None
    assert server.dispatch.failure is None


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_process_is_told_first_and_raised_when_that_is_settled(server, kind):
    def leave():
        raise kind(7)

    server.dispatch.add({"leave": leave})
    with pytest.raises(RPCMethodError, match=f"{kind.__name__}: 7") as caught:
        server.call("leave")
    assert caught.value.may_have_run
    with pytest.raises(kind):
        server.dispatch.settle()


def test_a_request_that_cannot_be_read_is_told_as_such_and_no_method_runs(server):
    answer = server.dispatch.answer((server.channel, 1, b"no request", ONE))
    with pytest.raises(RPCSerializationError, match=r"in the server: .*\(the method has not run\)"):
        JSON.decode_response("add", answer)


def test_a_request_that_there_is_no_memory_to_read_is_told_as_such():
    """A MemoryError has no text: its caller read "in the server:  (the method has not run)"."""

    class Short:
        name = "short"
        encode_result, encode_failure = JSON.encode_result, JSON.encode_failure

        def decode_request(self, message):
            raise MemoryError

    short = Server(Short())
    with pytest.raises(RPCSerializationError, match=r"MemoryError.* \(the method has not run\)"):
        short.call("add", 1, 2)


def test_an_error_that_the_codec_cannot_encode_is_an_answer_that_is_none():
    class Speechless:
        name = "speechless"
        decode_request, encode_result = JSON.decode_request, JSON.encode_result

        def encode_failure(self, failure, error):
            raise KeyboardInterrupt

    with pytest.raises(RPCSerializationError, match="is no JSON"):
        Server(Speechless()).call("add", 1, 2)


def test_an_object_is_called_by_its_number_until_it_is_let_go(server):
    number = number_of(server)
    assert [server.call(CALL_OBJECT, number, "more") for _ in range(2)] == [1, 2]
    assert server.call(LET_GO, number) is None
    with pytest.raises(RPCMethodError, match=f"there is no object {number}") as caught:
        server.call(CALL_OBJECT, number, "more")
    assert not caught.value.may_have_run


@pytest.mark.parametrize("args", [(), (1,)])
def test_a_call_of_no_object_or_no_method_of_one_is_an_unknown_method(server, args):
    number_of(server)
    with pytest.raises(RPCMethodError, match=r"unknown method '\$call'") as caught:
        server.call(CALL_OBJECT, *args)
    assert caught.value.remote_type == "LookupError"


def test_a_call_of_an_object_by_who_has_none_is_an_unknown_method(server):
    with pytest.raises(RPCMethodError, match=r"unknown method '\$call'"):
        server.call(CALL_OBJECT, 1, "more")


def test_an_unknown_method_with_arguments_of_who_has_objects_is_told_as_unknown(server):
    number_of(server)
    with pytest.raises(RPCMethodError, match="unknown method 'sub'"):
        server.call("sub", 1, 2)


def test_wrong_parameters_of_an_objects_method_are_told_by_the_name_it_was_called_by(server):
    number = number_of(server)
    with pytest.raises(TypeError, match=r"^more\(\): too many positional arguments$") as caught:
        server.call(CALL_OBJECT, number, "more", 1)
    assert not caught.value.may_have_run


def test_a_client_that_has_as_many_objects_as_it_may_is_told_the_remedy_and_keeps_those(server):
    first, second = number_of(server), number_of(server)
    with pytest.raises(LookupError, match=f"process {CLIENT} has 2 objects here, max_objects: close some handles"):
        server.call("make")
    assert server.asked_about == [CLIENT] * 3
    assert server.call(CALL_OBJECT, first, "more") == server.call(CALL_OBJECT, second, "more") == 1
    server.call(LET_GO, first)
    assert number_of(server) not in (first, second)


def told(server, refusal):
    return [server_error(answer) for answer in server.dispatch.instead(refusal)]


def server_error(answer):
    with pytest.raises((RPCMethodError, RPCTransportError)) as caught:
        JSON.decode_response("fail", answer)
    return caught.value


REFUSAL = RPCTransportError("Message too large: more than there is room for")


def test_of_a_failure_too_large_to_be_sent_less_and_less_is_offered_and_at_last_that_it_was(server):
    def fail():
        raise ValueError("x" * 300_000)

    server.dispatch.add({"fail": fail})
    server.message("fail")
    errors = told(server, REFUSAL)
    assert [str(error).count("x") for error in errors[:-1]] == [100_000, 1_000, 100_000, 1_000, 100]
    assert all("(shortened on the way: Message too large" in str(error) for error in errors[:-1])
    assert all(isinstance(error, ValueError) for error in errors[:-1])
    assert str(REFUSAL) in str(errors[-1])


def test_in_place_of_a_result_too_large_to_be_sent_it_is_told_so(server):
    server.message("add", 1, 2)
    (error,) = told(server, REFUSAL)
    assert type(error) is RPCTransportError
    assert str(REFUSAL) in str(error)
    assert error.may_have_run
