"""A codec made of one's own ``dumps`` and ``loads``, as any by name is: what it is told, and what it may raise."""

import ast

import pytest

from shm_rpc_bridge import RPCMethodError, RPCSerializationError
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.failures import METHOD_FAILED, Failure

REFUSED = object()


class Literals:
    """Literals of Python, without those that somebody forbids."""

    name = "literals"

    def __init__(self, error=ValueError):
        self.error = error

    def dumps(self, value):
        if "object" in repr(value):
            raise self.error("no literal")
        return repr(value).encode()

    def loads(self, message):
        if b"explode" in message:
            raise self.error("exploded")
        return ast.literal_eval(message.decode())


OWN = chosen(Literals())


@pytest.mark.parametrize("args", [(), (1,), (1, [2])])
@pytest.mark.parametrize("params", [{}, {"a": (1, 2), "b": None}])
def test_a_call_arrives_as_it_was_made(args, params):
    method, arrived, named = OWN.decode_request(OWN.encode_request("f", args, params))
    assert (method, tuple(arrived), named) == ("f", args, params)
    assert OWN.name == "literals"
    assert not OWN.keeps_types


@pytest.mark.parametrize("result", [None, [], [1], (1,), {"a": 1}, 7])
def test_a_result_arrives_as_it_was_returned(result):
    assert OWN.decode_response("f", OWN.encode_result("f", result)) == result


def test_a_codec_whose_tuples_arrive_as_lists_is_as_good():
    class Lists(Literals):
        def loads(self, message):
            value = super().loads(message)
            return list(value) if type(value) is tuple else value

    lists = chosen(Lists())
    assert lists.decode_response("f", lists.encode_result("f", 7)) == 7
    failure = lists.encode_failure(Failure(METHOD_FAILED, "KeyError", "'k'", "", "KeyError"), None)
    with pytest.raises(KeyError) as caught:
        lists.decode_response("f", failure)
    assert isinstance(caught.value, RPCMethodError)


def test_a_method_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match=r"^method must be a str, not int$"):
        OWN.encode_request(7, (), {})


@pytest.mark.parametrize(
    "message", [b"7", b"()", b"('f',)", b"(7, {})", b"('f', [])", b"('f', 1, 2)", b"{'f': 1, 2: 3}"]
)
def test_what_is_no_request_is_refused(message):
    with pytest.raises(RPCSerializationError, match=r"^not a request: ") as caught:
        OWN.decode_request(message)
    assert not caught.value.may_have_run


@pytest.mark.parametrize("message", [b"7", b"()", b"[]", b"(1, 2)", b"{1: 2}", b"'x'", repr("x" * 100).encode()])
def test_what_is_no_response_is_an_error_that_shows_how_it_begins(message):
    with pytest.raises(RPCSerializationError, match=r"^the response to 'f' is none: ") as caught:
        OWN.decode_response("f", message)
    assert caught.value.may_have_run
    assert f": {message[:80]!r} (" in str(caught.value)


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit])
def test_whatever_it_raises_is_one_error_that_says_so(error):
    own = chosen(Literals(error))
    with pytest.raises(RPCSerializationError, match=rf"^argument 1 of 'f' is an object .* \({error.__name__}: no lit"):
        own.encode_request("f", (REFUSED,), {})
    with pytest.raises(RPCSerializationError, match=rf"^the result of 'f' is an object .* \({error.__name__}: no lit"):
        own.encode_result("f", REFUSED)
    with pytest.raises(RPCSerializationError, match=f"^not a request: not readable as literals: {error.__name__}: "):
        own.decode_request(b"explode")
    with pytest.raises(RPCSerializationError, match=f"^the response to 'f' is no literals: {error.__name__}: exploded"):
        own.decode_response("f", b"explode")


def test_a_keyboard_interrupt_is_passed_on():
    own = chosen(Literals(KeyboardInterrupt))
    for use in (
        lambda: own.encode_request("f", (REFUSED,), {}),
        lambda: own.encode_result("f", REFUSED),
        lambda: own.decode_request(b"explode"),
        lambda: own.decode_response("f", b"explode"),
    ):
        with pytest.raises(KeyboardInterrupt):
            use()


@pytest.mark.parametrize("use", [lambda own: own.encode_request("f", (1,), {}), lambda own: own.encode_result("f", 1)])
def test_a_keyboard_interrupt_that_comes_once_is_passed_on(use):
    class InterruptedOnce(Literals):
        def dumps(self, value):
            if interrupts:
                raise interrupts.pop()
            return super().dumps(value)

    interrupts = [KeyboardInterrupt]
    with pytest.raises(KeyboardInterrupt):
        use(chosen(InterruptedOnce()))


def test_a_keyboard_interrupt_while_a_refusals_place_is_looked_for_is_passed_on():
    class Interrupted(Literals):
        def dumps(self, value):
            if value is REFUSED:
                raise KeyboardInterrupt
            return super().dumps(value)

    with pytest.raises(KeyboardInterrupt):
        chosen(Interrupted()).encode_result("f", [REFUSED])


@pytest.mark.parametrize(
    ("result", "place"),
    [
        (REFUSED, ""),
        ([1, REFUSED, REFUSED], r" at \[1\]"),
        ((1, {"a": 1, "b": [REFUSED]}), r" at \[1\]\['b'\]\[0\]"),
        ({1: REFUSED}, r" at \[1\]"),
    ],
)
def test_the_innermost_part_that_it_refuses_is_named(result, place):
    expected = f"^the result of 'f'{place} is an object that cannot be encoded as literals: send what it consists of"
    with pytest.raises(RPCSerializationError, match=expected) as caught:
        OWN.encode_result("f", result)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_whole_whose_parts_are_all_taken_alone_is_named_itself():
    class Short(Literals):
        def dumps(self, value):
            encoded = super().dumps(value)
            if len(encoded) > 20:
                raise ValueError("too long")
            return encoded

    with pytest.raises(RPCSerializationError, match=r"^the result of 'f' at \[0\] is a list that cannot .*too long"):
        chosen(Short()).encode_result("f", [["x" * 10, "y" * 10], 1])


def test_a_value_in_itself_is_refused_after_as_many_steps_as_a_message_may_have():
    circle = []
    circle += [circle, REFUSED]
    with pytest.raises(RPCSerializationError, match=r"^the result of 'f' at (\[0\])+ \.\.\. .*is a list that cannot"):
        OWN.encode_result("f", circle)


def test_what_is_returned_in_place_of_bytes_is_refused_and_what_is_like_them_is_taken():
    class Texts(Literals):
        def dumps(self, value):
            return bytearray(super().dumps(value)) if value != ("text",) else "text"

    texts = chosen(Texts())
    assert texts.decode_response("f", texts.encode_result("f", 7)) == 7
    assert type(texts.encode_result("f", 7)) is bytes
    with pytest.raises(RPCSerializationError, match="dumps must return bytes, not str"):
        texts.encode_result("f", "text")
