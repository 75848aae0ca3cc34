"""How a failure is described, carried and read: what is kept of it, and what is no description of one."""

import builtins

import pytest

from shm_rpc_bridge import RPCMethodError, RPCSerializationError
from shm_rpc_bridge.failures import (
    HANDED_OUT,
    METHOD_FAILED,
    REQUEST_REFUSED,
    RESULT_REFUSED,
    Failure,
    described,
    from_wire,
    nearest_builtin,
    to_wire,
)
from shm_rpc_bridge.remote_errors import HandedOut, RemoteTraceback, error_of

needs_groups = pytest.mark.skipif(not hasattr(builtins, "ExceptionGroup"), reason="Python has no exception groups")


def group(title, members):
    """Looked up by name: Python 3.8 reads this file, too."""
    return builtins.ExceptionGroup(title, members)


def as_it_is(value):
    return value


WHOLE = Failure(
    METHOD_FAILED,
    "OwnError",
    "text",
    "trace",
    "ValueError",
    [1, "two", None],
    [Failure(METHOD_FAILED, "KeyError", "'a'", "", "KeyError", ["a"], [])],
)


def test_what_was_carried_is_what_was_described():
    assert from_wire(to_wire(WHOLE, as_it_is)) == WHOLE
    assert from_wire(tuple(to_wire(WHOLE, as_it_is))) == WHOLE
    bare = Failure(METHOD_FAILED, "T", "text")
    assert from_wire(to_wire(bare, as_it_is)) == bare._replace(parts=[])
    assert WHOLE.bare() == WHOLE._replace(arguments=None, parts=())


@pytest.mark.parametrize(
    "damage",
    [
        lambda wire: {"kind": "method"},
        lambda wire: "method",
        lambda wire: wire[:-1],
        lambda wire: [*wire, None],
        lambda wire: [wire[0], *wire],
        lambda wire: wire[1:],
        lambda wire: [7, *wire[1:]],
        lambda wire: [*wire[:4], None, *wire[5:]],
        lambda wire: [*wire[:5], "arguments", wire[6]],
        lambda wire: [*wire[:5], {"a": 1}, wire[6]],
        lambda wire: [*wire[:6], None],
        lambda wire: [*wire[:6], "parts"],
        lambda wire: [*wire[:6], [*wire[6], "no part"]],
        lambda wire: [*wire[:6], [wire[6][0][:-1]]],
    ],
)
def test_what_is_no_description_of_a_failure_is_none(damage):
    assert from_wire(damage(to_wire(WHOLE, as_it_is))) is None


def test_descriptions_within_descriptions_are_read_as_deep_as_they_are_written_and_not_deeper():
    """What to_wire makes has 8 levels of groups, and in the last one what says that more were left out."""
    wire = to_wire(Failure(METHOD_FAILED, "T", "innermost"), as_it_is)
    for _ in range(9):
        wire = [METHOD_FAILED, "ExceptionGroup", "", "", "ExceptionGroup", [""], [wire]]
    assert from_wire(wire) is not None
    assert from_wire([METHOD_FAILED, "ExceptionGroup", "", "", "ExceptionGroup", [""], [wire]]) is None


class Incomparable:
    def __eq__(self, other):
        raise SystemExit

    __hash__ = None


@pytest.mark.parametrize(
    ("arguments", "carried"),
    [
        ([(1, 2)], [[1, 2]]),
        ([1], [True]),
        ([1.0], [1]),
        ([[1, 2]], [[1]]),
        ([[1, 2]], [[1, 3]]),
        ([{"a": 1}], [{"a": 2}]),
        ([{1: "a"}], [{"1": "a"}]),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}]),
        (["x"], ["y"]),
        ([Incomparable()], [Incomparable()]),
    ],
)
def test_arguments_that_change_on_the_way_are_left_out_and_nothing_else_is(arguments, carried):
    failure = WHOLE._replace(arguments=arguments, parts=[])
    assert from_wire(to_wire(failure, lambda value: carried)) == failure._replace(arguments=None)


@pytest.mark.parametrize("arguments", [[], [1, 2.5, None, True, "x"], [[1, [2]], {"a": [1]}, (1, (2,))]])
def test_arguments_that_come_back_as_they_were_are_kept(arguments):
    assert from_wire(to_wire(WHOLE._replace(arguments=arguments), as_it_is)).arguments == arguments


@pytest.mark.parametrize("refusal", [ValueError, SystemExit, KeyboardInterrupt])
def test_arguments_that_cannot_be_carried_are_left_out_whatever_is_raised(refusal):
    def refuse(value):
        raise refusal

    assert from_wire(to_wire(WHOLE, refuse)).arguments is None


def test_a_short_text_stays_and_of_a_long_one_the_beginning_and_its_length_do():
    failure = Failure(METHOD_FAILED, "T", "x" * 1500, "trace", "ValueError", ["x" * 1500], ())
    same = failure.shortened(1500)
    assert (same.text, same.traceback, same.builtin) == ("x" * 1500, "trace", "ValueError")
    assert same.arguments is None
    short = failure.shortened(1499, "(why)")
    assert short.text == "x" * 1499 + "... (1,500 characters) (why)"
    assert failure.shortened(3).traceback == "ace"
    assert short.kind == METHOD_FAILED
    assert short.type_name == "T"


def test_of_a_group_ten_parts_are_kept_with_how_many_are_not_and_its_title():
    parts = [Failure(METHOD_FAILED, "T", f"part {number}") for number in range(12)]
    failure = Failure(METHOD_FAILED, "ExceptionGroup", "text", "", "ExceptionGroup", ["title" * 10], parts)
    short = failure.shortened(5)
    assert short.arguments == ["title... (50 characters)"]
    assert [part.text for part in short.parts[:10]] == ["part ... (6 characters)"] * 10
    assert short.parts[10].text == "2 more exceptions, left out on the way"
    assert len(short.parts) == 11
    assert len(failure._replace(parts=parts[:10]).shortened(5).parts) == 10
    assert failure._replace(arguments=None).shortened(5).arguments is None


def raised(error):
    try:
        raise error
    except BaseException as caught:
        return caught


def test_a_method_that_failed_is_described_with_its_traceback_and_a_refusal_without():
    told = described(METHOD_FAILED, raised(ValueError("text", 7)))
    assert told[:3] == (METHOD_FAILED, "ValueError", "('text', 7)")
    assert (told.builtin, told.arguments) == ("ValueError", ("text", 7))
    assert told.traceback.startswith("Traceback (most recent call last):\n")
    assert told.traceback.endswith("ValueError: ('text', 7)\n")
    assert described(REQUEST_REFUSED, raised(ValueError("text"))).traceback == ""
    assert described(METHOD_FAILED, ValueError("never raised")).traceback == ""


def test_a_traceback_that_cannot_be_formatted_says_why():
    def interrupt(self):
        raise KeyboardInterrupt

    told = described(METHOD_FAILED, raised(type("Odd", (Exception,), {"__cause__": property(interrupt)})())).traceback
    assert told == "<formatting the traceback raised KeyboardInterrupt>"


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (SystemExit(3), ""),
        (KeyboardInterrupt(), ""),
        (GeneratorExit(), ""),
        (Exception("plain"), "Exception"),
        (type("Own", (Exception,), {})("own"), ""),
        (type("Own", (KeyError,), {})("own"), "KeyError"),
        (FileNotFoundError(2, "gone", "a"), "FileNotFoundError"),
    ],
)
def test_the_builtin_class_is_said_where_that_says_something(error, builtin):
    told = described(METHOD_FAILED, error)
    assert told.builtin == builtin
    assert (told.arguments is None) is (builtin == "")


def test_an_os_error_is_described_with_both_its_files():
    assert described(METHOD_FAILED, OSError(2, "gone", "a", None, "b")).arguments == (2, "gone", "a", None, "b")


def test_the_nearest_builtin_is_pythons_own_and_not_one_that_has_its_name():
    own = type("ValueError", (KeyError,), {})
    assert nearest_builtin(own) is KeyError
    assert nearest_builtin(ValueError) is ValueError


def texts_of(failure):
    return [part.text for part in failure.parts]


@needs_groups
def test_a_group_is_described_by_its_title_and_parts():
    told = described(METHOD_FAILED, group("title", [ValueError("a"), group("inner", [KeyError("b")])]))
    assert told.builtin == "ExceptionGroup"
    assert told.arguments == ["title"]
    assert texts_of(told) == ["a", "inner (1 sub-exception)"]
    assert texts_of(told.parts[1]) == ["'b'"]
    assert told.parts[0].kind == METHOD_FAILED


@needs_groups
def test_of_a_crowd_a_thousand_are_described_and_the_rest_is_counted():
    told = described(METHOD_FAILED, group("crowd", [ValueError(str(number)) for number in range(1003)]))
    assert texts_of(told) == [*map(str, range(1000)), "3 more exceptions, left out on the way"]
    told = described(METHOD_FAILED, group("crowd", [ValueError(str(number)) for number in range(1000)]))
    assert texts_of(told) == list(map(str, range(1000)))


@needs_groups
def test_the_thousand_are_counted_over_all_groups_within_a_group():
    inner = [group(f"inner {number}", [ValueError()] * 499) for number in range(3)]
    told = described(METHOD_FAILED, group("outer", inner))
    assert [len(part.parts) for part in told.parts[:2]] == [499, 499]
    assert texts_of(told)[2:] == ["1 more exceptions, left out on the way"]


@needs_groups
def test_a_crowds_traceback_is_its_own_and_not_that_of_all_its_members():
    few = described(METHOD_FAILED, raised(group("few", [ValueError("member")])))
    assert "member" in few.traceback
    crowd = described(METHOD_FAILED, raised(group("crowd", [ValueError("member")] * 1001)))
    assert crowd.traceback.startswith("Traceback (most recent call last):\n")
    assert "in raised" in crowd.traceback
    assert crowd.traceback.endswith("ExceptionGroup: crowd (1001 sub-exceptions)\n")
    assert "member" not in crowd.traceback


@needs_groups
def test_groups_within_groups_are_described_down_to_the_eighth():
    error = ValueError("innermost")
    for _ in range(8):
        error = group("group", [error])
    told = described(METHOD_FAILED, error)
    for _ in range(8):
        (told,) = told.parts
    assert told.text == "innermost"
    told = described(METHOD_FAILED, group("outermost", [error]))
    for _ in range(8):
        (told,) = told.parts
    assert texts_of(told) == ["1 more exceptions, left out on the way"]


def test_an_object_that_stays_in_the_server_is_told_by_its_class_and_number():
    came = error_of(Failure(HANDED_OUT, "Account", "7"))
    assert type(came) is HandedOut
    assert (came.class_name, came.number, came.args) == ("Account", 7, ("Account", 7))
    assert type(error_of(Failure(HANDED_OUT, "Account", "-7"))) is RPCMethodError


def test_an_exception_that_cannot_be_constructed_from_what_came_has_its_text_alone():
    error = error_of(Failure(METHOD_FAILED, "OwnDecodeError", "text", "", "UnicodeDecodeError", None))
    assert isinstance(error, UnicodeDecodeError)
    assert isinstance(error, RPCMethodError)
    assert error.args == ("text",)
    assert str(error) == "text"


@needs_groups
def test_a_group_that_python_would_not_make_is_told_as_a_failed_call():
    error = error_of(Failure(METHOD_FAILED, "ExceptionGroup", "empty", "", "ExceptionGroup", ["title"], []))
    assert type(error) is RPCMethodError
    assert (error.remote_type, error.remote_message, error.may_have_run) == ("ExceptionGroup", "empty", True)
    untitled = Failure(METHOD_FAILED, "ExceptionGroup", "text", "", "ExceptionGroup", None, [WHOLE])
    assert error_of(untitled).message == "text"


@pytest.mark.parametrize("builtin", ["", "print", "SystemExit", "NoSuchError", "__doc__"])
def test_what_is_the_name_of_no_exception_is_told_as_a_failed_call(builtin):
    assert type(error_of(Failure(METHOD_FAILED, "T", "text", "", builtin, []))) is RPCMethodError


@pytest.mark.parametrize(("kind", "has_run"), [(RESULT_REFUSED, True), (REQUEST_REFUSED, False)])
def test_a_refusal_says_whether_the_method_has_run(kind, has_run):
    error = error_of(Failure(kind, "RPCSerializationError", "why"))
    assert type(error) is RPCSerializationError
    assert error.may_have_run is has_run
    assert str(error) == f"in the server: why (the method has{'' if has_run else ' not'} run)"


def test_the_cause_is_the_servers_traceback_where_there_is_one():
    error = error_of(Failure(METHOD_FAILED, "T", "text", "trace"))
    assert type(error.__cause__) is RemoteTraceback
    assert str(error.__cause__) == '\n"""\ntrace"""'
    assert error_of(Failure(METHOD_FAILED, "T", "text")).__cause__ is None
