"""What is private stays so: sizes keep no text, and what is named with redact= is in no file."""

import asyncio
from typing import Any, List

import pytest

from shm_rpc_bridge.record import Redacted, record

from .programs import Program


def test_sizes_keep_no_value(program: Program) -> None:
    module = program.module("private", "def store(text, blob, table): return {'stored': text}")
    with record("private:store", output=program.output, payloads="sizes"):
        module.store("the secret text", b"12345678" * 100, {"secret_key": 1.5})
        module.store(Unpicklable("the secret text"), b"", [Unpicklable("another secret")])
    call = program.recording().calls[0]
    assert call.request is not None
    assert call.response is not None
    assert call.request.beside_bytes == 800
    assert call.response.json_bytes == len('{"stored":"the secret text"}')
    assert call.request.shape == "tuple of 2(tuple of 3(str of 15, bytes of 800, dict of 1{str: float}), dict of 0{})"
    with pytest.raises(LookupError, match="not kept"):
        program.recording().arguments(call)
    assert b"secret" not in whole(program)


class Unpicklable:
    """Says what it holds to whoever tries."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"cannot pickle {self.text}")


@pytest.mark.parametrize("settings", [{"payloads": "sizes"}, {"redact": ["text"]}], ids=str)
def test_what_an_exception_says_of_the_attributes_of_an_object_is_not_kept(program: Program, settings: Any) -> None:
    module = program.module("holder", "class Holder:\n    def look(self, text): return 1")
    holder = module.Holder()
    holder.text = Unpicklable("the secret text")
    with record("holder:Holder.look", output=program.output, **settings):
        holder.look(Unpicklable("another secret"))
    (told,) = program.recording().objects["holder:Holder.look"]
    assert told["attributes"]["text"] == ["Unpicklable", -1, "TypeError"]
    assert b"secret" not in whole(program)


def whole(program: Program) -> bytes:
    """Everything that stands in a file, uncompressed."""
    from shm_rpc_bridge.record import blocks

    found, _ = blocks.decode(program.output.read_bytes())
    return repr(found).encode()


@pytest.mark.fault("recorded-hidden")
def test_what_is_to_be_hidden_is_in_no_file(program: Program) -> None:
    module = program.module("login", "def check(user, password, **more): return password + more['token']")
    with record("login:check", output=program.output, redact=("password", "token", "return")):
        module.check("ada", "very secret", token="also secret")
        module.check(user="ada", password="very secret", token="also secret")
    recording = program.recording()
    first, second = recording.calls
    assert recording.arguments(first) == (("ada", Redacted("str", 11)), {"token": Redacted("str", 11)})
    assert recording.arguments(second)[1]["password"] == Redacted("str", 11)
    assert recording.result(first) == Redacted("str", 22)
    assert b"secret" not in whole(program)


@pytest.mark.parametrize(
    ("signature", "hidden"),
    [
        ("*args", "args"),
        ("first, *args", "args"),
        ("first, *args, later=0", "args"),
        ("**options", "options"),
        ("first=0, **options", "options"),
        ("*args, **options", "args,options"),
        ("args", "args"),
    ],
)
def test_a_name_with_stars_hides_all_that_goes_there_and_nothing_else(
    program: Program, signature: str, hidden: str
) -> None:
    names = hidden.split(",")
    module = program.module("starred", f"def f({signature}): return None")
    args: Any = {"*args": ("secret", "secret"), "first, *args": ("open", "secret", "secret"), "args": ("secret",)}
    given = args.get(signature.partition(", later")[0].partition(", **")[0], ())
    options = {"later": "open"} if "later" in signature else {"a": "secret", "b": "secret"} if "**" in signature else {}
    if "first=0" in signature:
        options["first"] = "open"
    with record("starred:f", output=program.output, redact=names):
        module.f(*given, **options)
    (call,) = (recording := program.recording()).calls
    kept, named = recording.arguments(call)
    assert [isinstance(each, Redacted) for each in kept] == [each == "secret" for each in given]
    assert {name: isinstance(each, Redacted) for name, each in named.items()} == {
        name: each == "secret" for name, each in options.items()
    }
    assert b"secret" not in whole(program)


def test_an_argument_by_name_alone_hides_none_that_has_a_place(program: Program) -> None:
    module = program.module("by_name", "def f(*args, key): return None")
    with record("by_name:f", output=program.output, redact=["key"]):
        module.f(1, 2, key="secret")
    (call,) = (recording := program.recording()).calls
    assert recording.arguments(call) == ((1, 2), {"key": Redacted("str", 6)})


def test_where_the_parameters_are_not_known_nothing_that_has_a_place_is_kept(program: Program) -> None:
    module = program.module(
        "in_c",
        """
        class Function:
            __signature__ = "unknown, as of some functions in C"
            def __call__(self, *args): return args[0]
        next_one = Function()
        """,
    )
    with record("in_c:next_one", output=program.output, redact=["key"]):
        module.next_one("secret", "secreu")
    (call,) = (recording := program.recording()).calls
    assert recording.arguments(call)[0] == (Redacted("str", 6), Redacted("str", 6))


def test_a_change_of_what_is_hidden_is_seen(program: Program) -> None:
    module = program.module("changing", "def f(basket): basket.append(1)")
    with record("changing:f", output=program.output, redact=["basket"]):
        module.f([])
    (call,) = program.recording().calls
    assert call.mutated is True


@pytest.mark.fault("recorded-hidden")
@pytest.mark.parametrize("sample", [1.0, 0.5])
@pytest.mark.parametrize("payloads", ["values", "sizes", "shapes"])
def test_of_no_call_of_many_is_anything_hidden_kept(program: Program, payloads: str, sample: float) -> None:
    """Calls are looked at in several ways, which take turns."""
    module = program.module(
        "secretive",
        """
        def login(password): return password
        async def enter(password): return password
        """,
    )

    async def enter() -> None:
        for _ in range(600):
            await module.enter("s3cret" * 20)

    names = "secretive:login", "secretive:enter"
    with record(*names, output=program.output, payloads=payloads, sample=sample, redact=["password", "return"]):
        for _ in range(600):
            module.login("s3cret" * 20)
        asyncio.run(enter())
    recording = program.recording()
    assert len(recording.calls) > 1_000 * sample - 200
    for call in recording.calls:
        if payloads == "values":
            (kept,), _ = recording.arguments(call)
            assert (type(kept), type(recording.result(call))) == (Redacted, Redacted)
        assert call.request is not None
        assert call.request.json_bytes < 120, "a stand-in, and no text of that length"


@pytest.mark.fault("recorded-hidden")
@pytest.mark.parametrize("payloads", ["values", "sizes", "shapes"])
def test_what_cannot_be_hidden_is_not_kept_either(program: Program, payloads: str) -> None:
    """To hide it its length is asked, which runs its own code."""
    module = program.module("endless", "def store(secret): return len(secret.text)")
    with record("endless:store", output=program.output, payloads=payloads, redact=["secret"]):
        assert [module.store(Endless(["the secret text"])) for _ in range(40)] == [15] * 40
    recording = program.recording()
    assert len(recording.calls) > 30
    assert b"secret text" not in whole(program)


class Endless(List[str]):
    """Has no length that it would tell."""

    def __init__(self, texts: List[str]) -> None:
        super().__init__(texts)
        self.text = texts[0]

    def __len__(self) -> int:
        raise ValueError(f"of {self.text} nobody knows the length")


@pytest.mark.fault("recorded-hidden")
def test_what_an_object_says_when_it_is_looked_at_is_not_kept(program: Program) -> None:
    module = program.module(
        "telling",
        """
        class Account:
            __slots__ = ("password",)
            @property
            def __dict__(self): raise ValueError(f"no attributes beside {self.password}")
            def enter(self, password): self.password = password
        """,
    )
    with record("telling:Account.enter", output=program.output, redact=["password"]) as recorder:
        account = module.Account()
        for _ in range(3):
            account.enter("s3cret")
    assert sum(recorder.failures.values()) > 0
    assert b"s3cret" not in whole(program)


DECORATED = """
import functools
def first(f):
    @functools.wraps(f)
    def inner(*args, **options): return f("db", *args, **options)
    return inner
def last(f):
    @functools.wraps(f)
    def inner(session, *args, **options): return f(*args, **options)
    return inner
def same(f):
    @functools.wraps(f)
    def inner(user, password): return f(user, password)
    return inner
@first
def gets_more(db, user, password): return user
@last
def gets_less(user, password): return user
@functools.lru_cache
@first
def cached(db, user, password): return user
@same
def alike(user, password): return user
@functools.lru_cache
def remembered(user, password): return user
"""


@pytest.mark.fault("recorded-hidden")
@pytest.mark.parametrize(
    ("name", "args", "user_is_hidden"),
    [
        ("gets_more", ("ada", "s3cret"), True),
        ("gets_less", ("session", "ada", "s3cret"), True),
        ("cached", ("ada", "s3cret"), True),
        ("alike", ("ada", "s3cret"), False),
        ("remembered", ("ada", "s3cret"), False),
    ],
)
def test_below_a_decorator_that_takes_others_no_argument_without_a_name_is_kept(
    program: Program, name: str, args: Any, user_is_hidden: bool
) -> None:
    """The signature that is shown is that of the function inside: which place has which parameter is not known."""
    module = program.module("decorated", DECORATED)
    with record(f"decorated:{name}", output=program.output, redact=["password"]):
        assert getattr(module, name)(*args) == "ada"
    (call,) = (recording := program.recording()).calls
    kept = recording.arguments(call)[0]
    assert isinstance(kept[-1], Redacted)
    assert isinstance(kept[-2], Redacted) is user_is_hidden
    assert b"s3cret" not in whole(program)


def test_below_such_a_decorator_arguments_are_kept_where_none_is_to_be_hidden(program: Program) -> None:
    module = program.module("decorated_open", DECORATED)
    with record("decorated_open:gets_more", output=program.output, redact=["token"]):
        module.gets_more("ada", "open")
    (call,) = (recording := program.recording()).calls
    assert recording.arguments(call) == (("ada", "open"), {})
