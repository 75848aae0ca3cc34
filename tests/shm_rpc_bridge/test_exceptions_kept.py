"""What a method raises is caught as what it was."""

import builtins
import copy
import copyreg
import dataclasses
import pickle
import sys
import traceback

import pytest

from shm_rpc_bridge import RPCError, RPCMethodError, RPCTimeoutError
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.failures import METHOD_FAILED, described
from shm_rpc_bridge.remote_errors import RemoteTraceback

from .excepting import Plain, TwoArguments, WithState, calling, caught, group

ARGUMENTS = {
    "UnicodeDecodeError": ("utf-8", b"\xff", 0, 1, "why"),
    "UnicodeEncodeError": ("utf-8", "\u00e4", 0, 1, "why"),
    "UnicodeTranslateError": ("\u00e4", 0, 1, "why"),
    "ExceptionGroup": ("several", [ValueError(1), KeyError("k")]),
    "SyntaxError": ("bad", ("file.py", 3, 4, "text")),
}
ARGUMENTS.update(dict.fromkeys(["IndentationError", "TabError", "_IncompleteInputError"], ARGUMENTS["SyntaxError"]))
BUILTIN = sorted(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and kind.__name__ == name
)


@pytest.mark.fault("exceptions-kept")
@pytest.mark.parametrize("name", BUILTIN)
def test_every_builtin_exception_is_caught_as_itself_and_as_rpc_method_error(describing, name):
    kind = getattr(builtins, name)
    original = kind(*ARGUMENTS.get(name, ("text", 7)))
    error = caught(describing, original)
    assert isinstance(error, kind)
    assert isinstance(error, RPCMethodError)
    assert error.may_have_run
    assert (error.remote_type, error.remote_message) == (name, str(original))
    assert str(error) == (f"{name}: {original}" if name == "Exception" else str(original)) or kind is Exception
    if name not in ARGUMENTS:
        assert error.args == original.args
    assert isinstance(error.__cause__, RemoteTraceback)
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is type(error)
        assert (str(again), again.remote_traceback, again.may_have_run) == (str(error), error.remote_traceback, True)
        if name != "ExceptionGroup":
            assert again.args == error.args


@pytest.mark.fault("exceptions-kept")
@pytest.mark.parametrize("name", BUILTIN)
def test_with_pickle_every_builtin_exception_is_itself(name):
    kind = getattr(builtins, name)
    original = kind(*ARGUMENTS.get(name, ("text", 7)))
    error = caught(chosen("pickle"), original)
    assert type(error) is kind
    assert str(error) == str(original)
    assert isinstance(error.__cause__, RemoteTraceback)
    assert not hasattr(error, "may_have_run")  # as documented: it is the method's own, and so the method has run


class Missing(FileNotFoundError):
    """Lost its file's name on the way."""


@pytest.mark.fault("exceptions-kept")
def test_an_os_error_keeps_number_text_and_both_files(codec):
    for original in (
        FileNotFoundError(2, "No such file", "a.txt"),
        OSError(18, "Cross-device", "a", None, "b"),
        BlockingIOError(11, "again"),
        OSError("only text"),
        Missing(2, "a class of one's own", "a.txt"),
    ):
        error = caught(codec, original)
        assert isinstance(error, FileNotFoundError if isinstance(original, Missing) else type(original))
        for part in ("errno", "strerror", "filename", "filename2"):
            assert getattr(error, part) == getattr(original, part)
        assert str(error) == str(original)
        again = pickle.loads(pickle.dumps(error))
        assert (again.errno, again.filename) == (error.errno, error.filename)


def deeper(error):
    raise RuntimeError("outer") from error


@pytest.mark.fault("exceptions-kept")
def test_the_remote_traceback_is_readable_in_the_chain(codec):
    try:
        deeper(ValueError("inner"))
    except RuntimeError as error:
        message = codec.encode_failure(described(METHOD_FAILED, error), error)
    with pytest.raises(RuntimeError) as info:
        codec.decode_response("m", message)
    printed = "".join(traceback.format_exception(type(info.value), info.value, info.value.__traceback__))
    for part in ("in deeper", "ValueError: inner", "RuntimeError: outer", "test_exceptions_kept.py"):
        assert part in printed


class TwoArgumentsNew(LookupError):
    def __new__(cls, code, reason):
        return super().__new__(cls)

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


class KeywordOnly(OSError):
    def __init__(self, *, code):
        super().__init__(5, "I/O", "file")
        self.code = code


class SilentInit(OSError):
    def __init__(self, code):
        self.code = code


class OwnReduce(Exception):
    def __init__(self, a, b):
        super().__init__("own")
        self.code = a + b

    def __reduce__(self):
        return OwnReduce, (self.code, 0)


@pytest.mark.fault("exceptions-kept")
@pytest.mark.parametrize(
    "original",
    [
        Plain("text"),
        TwoArguments(7, "why"),
        TwoArgumentsNew(7, "why"),
        KeywordOnly(code=7),
        SilentInit(7),
        OwnReduce(3, 4),
    ],
    ids=lambda error: type(error).__name__,
)
def test_with_pickle_an_exception_of_ones_own_is_itself_with_its_attributes(original):
    """Unpickled by its own ``__init__``, a class that takes two arguments is the end of a ProcessPoolExecutor."""
    if not isinstance(original, Plain):
        original.more = {"a": (1, 2)}
    error = caught(chosen("pickle"), original)
    assert type(error) is type(original)
    assert str(error) == str(original)
    assert error.args == original.args
    if not isinstance(original, (Plain, OwnReduce)):
        assert vars(error) == vars(original)


@dataclasses.dataclass(frozen=True)
class Frozen(ValueError):
    code: int


class Holding(RuntimeError):
    def __init__(self, cause):
        super().__init__("held", cause)
        self.more = [cause]


@pytest.mark.fault("exceptions-kept")
def test_with_pickle_an_exception_that_holds_others_is_itself():
    """A group of one whose ``__init__`` takes two arguments could not be read, and was described."""
    codec, held = chosen("pickle"), TwoArguments(7, "why")
    error = caught(codec, Holding(held))
    assert type(error) is Holding
    for each in (error.args[1], error.more[0]):
        assert (type(each), each.args, each.code) == (TwoArguments, held.args, 7)
    error = caught(codec, Frozen(3))
    assert (type(error), error.code) == (Frozen, 3)
    error = caught(codec, ImportError("no m", name="m", path="p"))
    assert (error.name, error.path, vars(error)) == ("m", "p", {})
    if sys.version_info >= (3, 11):
        error = caught(codec, group("outer", [group("inner", [held, Frozen(4)])]))
        assert type(error) is builtins.ExceptionGroup
        inner = error.exceptions[0].exceptions
        assert [type(each) for each in inner] == [TwoArguments, Frozen]
        assert (inner[0].code, inner[1].code) == (7, 4)


@pytest.mark.fault("exceptions-kept")
def test_with_pickle_what_a_class_says_of_its_pickling_is_heeded(monkeypatch):
    original = WithState("x")
    original.more = 1
    assert caught(chosen("pickle"), original).restored
    monkeypatch.setitem(copyreg.dispatch_table, Plain, lambda error: (Plain, ("by the table",)))
    assert str(caught(chosen("pickle"), Plain("x"))) == "by the table"


@pytest.mark.fault("exceptions-kept")
def test_an_exception_of_ones_own_is_caught_as_its_nearest_builtin(describing):
    error = caught(describing, KeywordOnly(code=1))
    assert isinstance(error, OSError)
    assert error.remote_type == "KeywordOnly"
    error = caught(describing, TwoArguments(7, "why"))
    assert type(error) is RPCMethodError
    assert str(error) == "TwoArguments: why (7)"


@pytest.mark.fault("exceptions-kept")
@pytest.mark.parametrize("kind", [RPCTimeoutError, RPCError])
def test_with_pickle_an_error_of_a_call_that_the_method_made_is_the_methods(kind):
    """It says that it may have run, for the method has; and the client's channel is kept."""

    def fail():
        raise kind("of another server", may_have_run=False)

    with calling(fail, chosen("pickle"), {"max_channels": 1}) as client:
        for _ in range(3):
            with pytest.raises(kind, match=r"^of another server$") as info:
                client.call("fail")
            assert info.value.may_have_run
            assert isinstance(info.value.__cause__, RemoteTraceback)
            assert client.call("add", 1, 2) == 3


@pytest.mark.fault("exceptions-kept")
def test_an_error_passed_on_by_a_second_server_keeps_type_and_traceback(codec):
    error = caught(codec, caught(codec, KeyError("k")))
    assert isinstance(error, KeyError)
    assert error.args == ("k",)
    assert "raise error" in str(error.__cause__)
