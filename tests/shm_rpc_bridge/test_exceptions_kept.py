"""What a method raises is caught as what it was, whatever it is, and costs one call."""

import asyncio
import builtins
import copy
import copyreg
import dataclasses
import pickle
import sys
import traceback
import weakref

import pytest

from shm_rpc_bridge import RPCClient, RPCError, RPCMethodError, RPCServer, RPCTimeoutError
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.failures import METHOD_FAILED, described
from shm_rpc_bridge.remote_errors import RemoteTraceback
from shm_rpc_bridge.testing import in_memory

from .codecs import CODECS, codec_of
from .services import PATIENCE, register_methods, started


@pytest.fixture(params=CODECS)
def codec(request):
    return codec_of(request.param)


@pytest.fixture(params=CODECS[:3])
def describing(request):
    """A codec that carries descriptions of exceptions."""
    return codec_of(request.param)


def sent(codec, error):
    """The response to a call whose method has raised it."""
    try:
        raise error
    except BaseException as raised:
        return codec.encode_failure(described(METHOD_FAILED, raised), raised)


def caught(codec, error):
    with pytest.raises(Exception) as info:  # noqa: PT011
        codec.decode_response("m", sent(codec, error))
    return info.value


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


class Plain(ValueError):
    pass


class TwoArguments(Exception):
    def __init__(self, code, reason):
        super().__init__(f"{reason} ({code})")
        self.code = code


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


class WithState(Exception):
    def __setstate__(self, state):
        vars(self).update(state, restored=True)


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


class Unreadable(ValueError):
    def __reduce__(self):
        return sys.exit, (3,)


class RaisesInState(ValueError):
    def __setstate__(self, state):
        raise SystemExit(3)


class NotPickled(ValueError):
    def __reduce__(self):
        raise SystemExit(3)


def with_attributes(error, **attributes):
    vars(error).update(attributes)
    return error


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize(
    ("original", "why"),
    [
        (Unreadable("text"), "SystemExit: 3"),
        (with_attributes(RaisesInState("text"), a=1), "SystemExit: 3"),
        (NotPickled("text"), "SystemExit: 3"),
        (with_attributes(Plain("text"), lock=(each for each in ())), "TypeError: cannot pickle 'generator' object"),
        (type("Local", (ValueError,), {})("text"), "PicklingError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_with_pickle_an_exception_that_cannot_be_had_is_described_and_says_why(original, why):
    """A SystemExit while it was pickled ended the server, one while it was read the client."""
    error = caught(chosen("pickle"), original)
    assert isinstance(error, ValueError)
    assert isinstance(error, RPCMethodError)
    assert error.remote_type == type(original).__name__
    assert "text (the exception itself cannot be had here: " in str(error)
    assert why in str(error)


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize("argument", [False, True], ids=["class", "argument"])
def test_with_pickle_a_class_that_the_client_cannot_import_is_described(monkeypatch, argument):
    """An argument of such a class made the whole response unreadable."""
    codec = chosen("pickle")
    arguments = ("text", 1, 1.5, True, b"bytes", None)
    message = sent(codec, ValueError(WithState("x")) if argument else Plain(*arguments))
    monkeypatch.delattr(sys.modules[__name__], "WithState" if argument else "Plain")
    with pytest.raises(ValueError, match="cannot be had here: AttributeError") as info:
        codec.decode_response("m", message)
    assert isinstance(info.value, RPCMethodError)
    assert info.value.remote_type == ("ValueError" if argument else "Plain")
    assert argument or info.value.args == arguments


def raising(*_):
    raise SystemExit(3)


ODD_MEMBERS = ["__str__", "__repr__", "__reduce__", "__reduce_ex__", "__eq__", "__hash__", "__getattribute__"]


class OddMeta(type):
    def __getattribute__(cls, name):
        raise SystemExit(3)

    __hash__ = raising
    __eq__ = raising
    __instancecheck__ = raising


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize("base", [Exception, ValueError, BaseException, OSError], ids=lambda base: base.__name__)
def test_an_exception_whose_every_member_raises_is_told(codec, base):
    """Its `__class__` raised out of `isinstance`, and that was the end of the server."""
    odd = property(raising)
    members = {**dict.fromkeys(ODD_MEMBERS, raising), "args": odd, "__class__": odd, "__dict__": odd}
    members.update(dict.fromkeys(("__traceback__", "__cause__", "__context__", "__notes__"), odd))
    error = caught(codec, OddMeta("Odd", (base,), members)("text"))
    assert isinstance(error, RPCMethodError)
    assert error.remote_type == "Odd"
    assert isinstance(error, base) or base is BaseException


class OddArgument:
    __eq__ = raising
    __reduce__ = raising
    __repr__ = raising
    __hash__ = None


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize("argument", [OddArgument(), float("nan"), {1, 2}, 2**70, "\ud800", object, b"x"], ids=type)
def test_an_argument_that_cannot_be_carried_costs_the_arguments_alone(codec, argument):
    error = caught(codec, ValueError(argument, 1))
    assert isinstance(error, ValueError)
    assert isinstance(error.__cause__, RemoteTraceback)


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize("levels", [*range(245, 256), 2000])
def test_arguments_nested_to_the_limit_cost_the_arguments_alone(codec, levels):
    """Each alone could be encoded, and the response that held them could not: the end of the server."""
    deep = 1
    for _ in range(levels):
        deep = [deep]
    assert isinstance(caught(codec, KeyError(deep)), KeyError)


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize(
    "original",
    [SystemExit(3), KeyboardInterrupt(), GeneratorExit("x"), asyncio.CancelledError(), BaseException("base")],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_exception_never_ends_the_client(codec, original):
    error = caught(codec, original)
    assert type(error) is RPCMethodError
    assert error.remote_type == type(original).__name__
    assert error.may_have_run


has_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="has no groups")


def group(title, parts):
    """Looked up by name: Python 3.8 reads this file, too."""
    return builtins.ExceptionGroup(title, parts)


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


@pytest.mark.fault("exceptions-odd")
def test_a_server_and_its_client_go_on_after_each_of_them(codec):
    odd = OddMeta("Odd", (Exception,), {"__class__": property(raising), "__str__": raising})
    errors = [odd("text"), NotPickled("x"), Unreadable("x"), ValueError(OddArgument()), asyncio.CancelledError()]
    errors += [GeneratorExit(), BaseException(), with_attributes(RaisesInState("x"), a=1)]

    def fail(number):
        raise errors[number]

    with in_memory():
        server = RPCServer("odd", codec=codec.name)
        register_methods(server)
        server.register("fail", fail)
        with started(server), RPCClient("odd", timeout=PATIENCE, codec=codec.name) as client:
            for number in range(len(errors)):
                with pytest.raises(RPCMethodError):
                    client.call("fail", number)
                assert client.call("add", 1, 2) == 3


@pytest.mark.fault("exceptions-kept")
@pytest.mark.parametrize("kind", [RPCTimeoutError, RPCError])
def test_with_pickle_an_error_of_a_call_that_the_method_made_is_the_methods(kind):
    """It says that it may have run, for the method has; and the client's channel is kept."""

    def fail():
        raise kind("of another server", may_have_run=False)

    with in_memory():
        server = RPCServer("nested", codec="pickle", max_channels=1)
        register_methods(server)
        server.register("fail", fail)
        with started(server), RPCClient("nested", timeout=PATIENCE, codec="pickle") as client:
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


@pytest.mark.fault("exceptions-large")
@pytest.mark.parametrize("limit", ["max_message_size of the server", "of the client"])
def test_an_exception_whose_text_is_too_large_is_caught_as_what_it_was(codec, limit):
    """With JSON it was no ValueError, with pickle a bare RPCTransportError that said "Message too large"."""
    small = {"max_message_size": 4_000, "buffer_size": 10}
    options = {"codec": codec.name, "timeout": PATIENCE}

    def fail(size):
        raise ValueError("x" * size)

    with in_memory():
        server = RPCServer("large", codec=codec.name, **(small if "server" in limit else {}))
        server.register("fail", fail)
        with started(server), RPCClient("large", **options, **({} if "server" in limit else small)) as client:
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

    with in_memory():
        server = RPCServer("large", codec=describing.name, max_message_size=20_000)
        server.register("fail", fail)
        caught_as = pytest.raises(builtins.ExceptionGroup, match="titletitle")
        with started(server), RPCClient("large", timeout=PATIENCE, codec=describing.name) as client, caught_as as info:
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

    with in_memory():
        server = RPCServer("forgets", codec=codec.name)
        server.register("fail", fail)
        server.register("is_gone", lambda: seen[0]() is None)
        with started(server), RPCClient("forgets", timeout=PATIENCE, codec=codec.name) as client:
            with pytest.raises(ValueError, match="text"):
                client.call("fail")
            assert client.call("is_gone")
