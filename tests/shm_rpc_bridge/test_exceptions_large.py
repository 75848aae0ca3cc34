"""Groups are caught by their parts, and what is too large as what it was."""

import builtins
import copy
import pickle
import weakref

import pytest

from shm_rpc_bridge import RPCMethodError
from shm_rpc_bridge.codec import chosen

from .excepting import calling, caught, group, has_groups


@has_groups
@pytest.mark.fault("exceptions-groups")
def test_a_group_is_caught_by_its_parts(codec):
    inner = group("inner", [KeyError("k"), OSError(2, "No such file")])
    error = caught(codec, group("outer", [ValueError("v"), inner]))
    found, rest = error.split(OSError)
    assert found.exceptions[0].exceptions[0].errno == 2
    assert rest.subgroup(ValueError).exceptions[0].args == ("v",)
    scope = {"error": error, "seen": []}
    exec(
        "try:\n raise error\nexcept* ValueError as e:\n seen.append('v')\nexcept* LookupError as e:\n"
        " seen.append('k')\nexcept* OSError as e:\n seen.append('o')",
        scope,
    )
    assert scope["seen"] == ["v", "k", "o"]
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert str(again) == str(error)
        assert len(again.exceptions) == 2


@has_groups
@pytest.mark.fault("exceptions-groups")
def test_a_group_of_10_000_says_how_many_are_left_out(describing):
    error = caught(describing, group("many", [ValueError(number) for number in range(10_000)]))
    assert [part.args[0] for part in error.exceptions[:1000]] == list(range(1000))
    assert "9,000 more exceptions, left out" in str(error.exceptions[-1])
    assert len(caught(chosen("pickle"), group("many", [ValueError()] * 10_000)).exceptions) == 10_000


@has_groups
@pytest.mark.fault("exceptions-groups")
def test_groups_within_groups_to_any_depth_and_breadth_cost_one_call(codec):
    """Of one member shared at each of ten levels there were 100 ** 10 to be described: for ever."""
    deep = wide = ValueError("at the bottom")
    for _ in range(3000):
        deep = group("deep", [deep])
    for _ in range(10):
        wide = group("wide", [wide] * 100)
    for each in (deep, wide):
        error = caught(codec, each)
        assert isinstance(error, builtins.ExceptionGroup)
        assert "ExceptionGroup: " in str(error.__cause__)


@has_groups
@pytest.mark.fault("exceptions-groups")
def test_groups_of_what_is_no_exception_and_of_own_classes_are_told(codec):
    assert isinstance(caught(codec, builtins.BaseExceptionGroup("b", [SystemExit(3)])), RPCMethodError)
    odd = type("Odd", (builtins.ExceptionGroup,), {"__init__": lambda self, *_: BaseException.__init__(self, 7)})
    error = caught(codec, odd("own", [ValueError("v")]))
    assert isinstance(error, builtins.ExceptionGroup)
    assert error.message == "own"


@pytest.mark.fault("exceptions-large")
@pytest.mark.parametrize("limit", ["max_message_size of the server", "of the client"])
def test_an_exception_whose_text_is_too_large_is_caught_as_what_it_was(codec, limit):
    """With JSON it was no ValueError, with pickle a bare RPCTransportError that said "Message too large"."""
    small = {"max_message_size": 4_000, "buffer_size": 10}

    def fail(size):
        raise ValueError("x" * size)

    with calling(fail, codec, **{"of_server" if "server" in limit else "of_client": small}) as client:
        for size in (1_500, 5_000, 300_000):
            with pytest.raises(ValueError, match=r"^x{100}") as info:
                client.call("fail", size)
            if size > 4_000:
                assert isinstance(info.value, RPCMethodError)
                for part in (f"({size:,} characters)", "shortened on the way: Message too large", "is 4,000"):
                    assert part in str(info.value)
            assert "in fail" in str(info.value.__cause__) or "xxx" in str(info.value.__cause__)


@has_groups
@pytest.mark.fault("exceptions-large")
def test_a_group_that_is_too_large_is_caught_by_its_parts(describing):
    def fail():
        raise group("title" * 1_000, [ValueError("x" * 1_000), KeyError("k"), *map(OSError, range(100))])

    caught_as = pytest.raises(builtins.ExceptionGroup, match="titletitle")
    with calling(fail, describing, {"max_message_size": 20_000}) as client, caught_as as info:
        client.call("fail")
    kinds = [KeyError if isinstance(each, KeyError) else type(each).__name__ for each in info.value.exceptions]
    assert kinds == ["ValueError", KeyError, *["OSError"] * 8, "RPCMethodError"]
    assert "92 more exceptions" in str(info.value.exceptions[-1])


@pytest.mark.fault("exceptions-large")
def test_what_a_failed_method_had_is_not_kept_by_the_server(codec):
    """To shorten what it has told a server keeps the exception, until it has told it."""

    class Large:
        pass

    seen = []

    def fail():
        large = Large()
        seen.append(weakref.ref(large))
        raise ValueError("text")

    with calling(fail, codec, is_gone=lambda: seen[0]() is None) as client:
        with pytest.raises(ValueError, match="text"):
            client.call("fail")
        assert client.call("is_gone")
