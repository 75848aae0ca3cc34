"""What JSON cannot hold is refused with the name of the place, whatever its class does meanwhile."""

import datetime
import enum
import os
import re
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

import pytest

from shm_rpc_bridge import RPCSerializationError

from .values import DEEP, JSON, UTC, Number, OwnDict, OwnInt, OwnStr, Pair, Point, refusals

ROOT = Path(__file__).parent.parent.parent

CRASHES = {
    "a tzinfo that raises": """
        class T(datetime.tzinfo):
            def utcoffset(self, moment):
                raise ValueError
        value = datetime.datetime(2024, 5, 1, tzinfo=T())
        said = "is a datetime that cannot be read: it raised ValueError"
        """,
    "a tzinfo without utcoffset": """
        class T(datetime.tzinfo):
            pass
        value = datetime.datetime(2024, 5, 1, tzinfo=T())
        said = "is a datetime that cannot be read: it raised NotImplementedError"
        """,
    "a slot that is not set": """
        @dataclasses.dataclass
        class D:
            __slots__ = ("a", "b")
            a: int
            b: int
        value = D(1, 2)
        del value.b
        said = {"a": 1}
        """,
    "a slot that raises": """
        @dataclasses.dataclass
        class D:
            __slots__ = ("a",)
            a: int
        value = D(1)
        D.a = property(lambda self: 1 // 0)
        said = "is a D that cannot be read: it raised ZeroDivisionError"
        """,
    "an attribute without a name": """
        @dataclasses.dataclass
        class D:
            a: int
        value = D(1)
        setattr(value, "", 2)
        said = {"a": 1, "": 2}
        """,
    "a list that loses its items meanwhile": """
        class T(datetime.tzinfo):
            def utcoffset(self, moment):
                value.clear()
                value.extend(range(100_000))
                value.clear()
        value = [datetime.datetime(2024, 5, 1, tzinfo=T()), *({"a": n} for n in range(10_000))]
        said = ["2024-05-01T00:00:00+00:00", *value[1:]]
        """,
}


@pytest.mark.parametrize("what", CRASHES)
@pytest.mark.parametrize("direction", ["request", "result"])
def test_a_value_that_orjson_reads_without_looking_does_not_end_the_process(what, direction):
    """Each ended it, with SIGSEGV or SIGILL inside orjson, before orjson was told to leave such kinds alone."""
    program = """
        import dataclasses, datetime
        from shm_rpc_bridge import RPCSerializationError
        from shm_rpc_bridge.codec import chosen

        JSON = chosen("json")

        def encoded():
            if {direction!r} == "request":
                return JSON.decode_request(JSON.encode_request("f", (), {{"data": value}}))[2]["data"]
            return JSON.decode_response("f", JSON.encode_result("f", value))
        """
    program = textwrap.dedent(program.format(direction=direction)) + textwrap.dedent(CRASHES[what])
    program += textwrap.dedent(
        """
        try:
            answer = encoded()
        except RPCSerializationError as error:
            assert said in str(error), error
        else:
            assert answer == said, answer
        """
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)


def test_a_uuid_with_an_impossible_number_is_refused():
    """It was a SystemError, and with some versions another UUID."""
    broken = object.__new__(uuid.UUID)
    object.__setattr__(broken, "int", 2**128)
    for value in ([Pair(1, 2), broken], [Pair(1, 2), object.__new__(uuid.UUID)]):
        assert "parameter data[1] of 'f' is a UUID that cannot be read" in refusals(value)[0]


class Opaque:
    pass


class WithItems:
    def keys(self):
        raise AssertionError

    def __iter__(self):
        raise AssertionError


CIRCLE = {"a": [1]}
CIRCLE["a"].append({"b": CIRCLE})


REFUSED = [
    ({"items": [0, 1, 2, Point(1, 1j)]}, "['items'][3].y", "is a complex, which JSON cannot say: send a list of two"),
    ([type("Bytes", (bytes,), {})(b"b")], "[0]", "is a Bytes, which JSON cannot say: send bytes(value)"),
    ({"a": {1}}, "['a']", "is a set, which JSON cannot say: send a list"),
    ({"a b": (1, range(3))}, "['a b'][1]", "is a range, which JSON cannot say: send a list"),
    ([iter([])], "[0]", "is a list_iterator, which JSON cannot say: send a list"),
    (Pair(1, 2**64), "[1]", "is an integer beyond the 64-bit range: send text, for example str(value)"),
    ([-(2**63) - 1], "[0]", "is an integer beyond the 64-bit range"),
    ([OwnInt(2**70)], "[0]", "is an integer beyond the 64-bit range"),
    ([{"a": {1: 2}}], "[0]['a']", "has an int as a key, which JSON cannot say: send text, for example str(key)"),
    ({("a", 1): 2}, "", "has a tuple as a key, which JSON cannot say: send text, for example str(key)"),
    ([{Number.ONE: 2}], "[0]", "has a Number as a key, which JSON cannot say: send text, for example str(key)"),
    ({"a": ["ab\ud800"]}, "['a'][0]", "is text with surrogates, at position 2, which JSON cannot say: send base64"),
    ({"a": [OwnStr("\ud800")]}, "['a'][0]", "is text with surrogates, at position 0"),
    ([{"\ud800": 1}], "[0]", "has a key that is text with surrogates, at position 0"),
    (Opaque(), "", "is an Opaque, which JSON cannot say: send a dict, a list or text"),
    ([WithItems()], "[0]", "is a WithItems, which JSON cannot say: send a dict"),
    ([Opaque], "[0]", "is a type, which JSON cannot say: "),
    ([1j], "[0]", "is a complex, which JSON cannot say: send a list of two floats"),
    ([datetime.time(1, tzinfo=UTC)], "[0]", "is a time, which JSON cannot say: send its isoformat()"),
    (DEEP, "[0]" * 50 + " ... " + "[0]" * 50, "is nested deeper than the 254 levels of a message: send it flatter"),
    ([CIRCLE], "[0]", "contains itself as ['a'][1]['b']: send its parts once"),
    ({"k" * 1000: {1}}, "['" + "k" * 60 + "'...]", "is a set"),
    ({"k": enum.Enum("E", {"A": [{1}]}).A}, "['k'].value[0]", "is a set"),
]


@pytest.mark.parametrize(("value", "place", "reason"), REFUSED, ids=[reason for _, _, reason in REFUSED])
def test_a_refusal_names_the_place_and_what_to_send_instead(value, place, reason):
    """It named the parameter and orjson's reason: "Type is not JSON serializable: bytes", somewhere in it."""
    of_call, of_result = refusals(value)
    assert of_result.startswith(f"the result of 'f'{' at ' + place if place else ''} {reason}")
    if " ... " not in place:
        assert of_call.startswith(f"parameter data{place} of 'f' {reason}")


def test_parameters_and_methods_that_cannot_be_named_are_refused_with_the_call():
    for method, params, said in (
        ("f", {"a b": {1}}, "parameter 'a b' of 'f' is a set"),
        ("f", {"a\ud800": 1}, "a call of 'f' has a key that is text with surrogates"),
        ("f", {1: 1}, "a call of 'f' has an int as a key"),
        ("\ud800", {}, r"a call of '\ud800' cannot be encoded: str is not valid UTF-8"),
    ):
        with pytest.raises(RPCSerializationError, match=re.escape(said)):
            JSON.encode_request(method, (), params)


def angry(*_, **__):
    raise RuntimeError("angry")


class AngryMeta(type):
    __name__ = __module__ = __mro__ = __dict__ = property(angry)
    __hash__ = __eq__ = __repr__ = __instancecheck__ = __subclasscheck__ = angry


NAMES = """
    __class__ __dict__ __len__ __iter__ __getitem__ __getattribute__ __repr__ __str__ __eq__ __hash__ __bool__
    __index__ __int__ __float__ __format__ __contains__ items keys values copy encode isascii startswith
"""


def angry_class(base, **own):
    return AngryMeta("Angry", (base,), {**dict.fromkeys(NAMES.split(), angry), **own})


def angry_key(base, *content):
    return base.__new__(angry_class(base, __hash__=base.__hash__, __eq__=base.__eq__), *content)


def angry_dataclass():
    kind = angry_class(object)
    type.__setattr__(kind, "__dataclass_fields__", property(angry))
    return object.__new__(kind)


ANGRY = {
    "object": lambda: object.__new__(angry_class(object)),
    "str": lambda: str.__new__(angry_class(str), "a"),
    "int": lambda: int.__new__(angry_class(int), 7),
    "float": lambda: float.__new__(angry_class(float), 1.5),
    "list": lambda: list.__new__(angry_class(list)),
    "tuple": lambda: tuple.__new__(angry_class(tuple), (1, {2})),
    "dict": lambda: dict.__new__(angry_class(dict)),
    "class": lambda: angry_class(object),
    "dataclass": angry_dataclass,
    "set": lambda: set.__new__(angry_class(set)),
    "key": lambda: {angry_key(object): 1},
    "text key": lambda: {angry_key(str, "a"): [{1}]},
    "key in a dict of its own": lambda: OwnDict({angry_key(str, "a"): [{1}]}),
    "bytes": lambda: bytes.__new__(angry_class(bytes), b"b"),
}


@pytest.mark.parametrize("kind", ANGRY)
@pytest.mark.parametrize("around", [lambda value: value, lambda value: [value, {1}], Point])
def test_of_classes_whose_methods_raise_becomes_a_value_or_one_error(kind, around):
    value = around(ANGRY[kind]())
    for encode in (JSON.encode_result, lambda method, data: JSON.encode_request(method, (), {"data": data})):
        try:
            encode("f", value)
        except RPCSerializationError as error:
            assert re.search("Angry.*|set, which JSON", str(error))  # noqa: PT017


def test_an_interrupt_while_a_value_is_read_is_no_refusal():
    class Interrupted(datetime.tzinfo):
        def utcoffset(self, moment):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        JSON.encode_result("f", datetime.datetime(2024, 5, 1, tzinfo=Interrupted()))
