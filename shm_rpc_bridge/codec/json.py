"""The codec "json": by orjson, for values that JSON can say. Pure: bytes in, values out.

On the way:

    tuple, namedtuple                           list
    dict with keys of a subclass of str         dict with those keys as str
    subclass of str, int, float, list, dict     what it is a subclass of
    NumPy's int, float, bool                    int, float, bool
    NaN, the infinities                         None
    enum                                        its value
    datetime, date, time, UUID                  text; of a datetime the offset in whole minutes, none counts as UTC
    dataclass                                   dict; without attributes that begin with `_` or are not set
    bytes, bytearray, memoryview, array         themselves, as frames beside the JSON, see :mod:`.beside`
    text of 40 KB and more                      itself, and mostly as such a frame
    integer beyond 64 bits, set, other class,   refused with RPCSerializationError, which names the place in the value
    key that is no text, text with surrogates,  and what to send instead
    more than 254 levels, array of objects

What the codec cannot prevent: an enum whose `value` raises or is itself and a UUID without its number end the process
inside orjson, which reads both without looking; so does a text when there is not sixteen times its size in memory.
"""

import random
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import orjson

from ..classes import class_name, said, text_of
from ..exceptions import NOT_SENT, RPCSerializationError
from ..failures import Failure
from ..frames import Arrived, Outgoing, Unopened, is_framed, lends, opened
from .beside import LONG, Beside, OneArray, one_array, put_in_place, values_of
from .jsonable import OPTIONS as _OPTIONS
from .jsonable import Refused, part_of_call, plain, shown
from .responses import encoded_failure, failure_of, not_a_request, unreadable

_dumps = orjson.dumps
_loads: Callable[[Any], Any] = orjson.loads


class Json:
    """See :class:`.protocol.Codec`."""

    name = "json"
    keeps_types = False
    _last: Optional[OneArray] = None
    """The last request, if it was one array that was lent: the next one is most likely alike but for its items."""

    def __init__(self) -> None:
        # Of the object itself, where Python finds it in a tenth of the time.
        self._had_long = False
        """Whether the last message had a long text, so that the next one may be encoded without it at once."""

    def encode_request(self, method: str, args: Sequence[Any], params: Dict[str, Any]) -> Outgoing:
        """Raises RPCSerializationError naming the place in the parameter that cannot be encoded."""
        if type(method) is not str:
            raise TypeError(f"method must be a str, not {class_name(method)}")
        if self._had_long and (framed := self._with_long((method,), args, params)):
            return framed
        try:
            encoded = _dumps((method, params, *args) if args else (method, params), None, _OPTIONS)
        except Exception:  # TypeError: orjson.JSONEncodeError; SystemError: a UUID with an impossible number
            return self._request_apart(method, args, params)
        if len(encoded) <= LONG:
            return encoded
        # To have made this took a tenth of the time that the other side would need to read it.
        return self._with_long((method,), args, params) or encoded

    def decode_request(self, message: Arrived) -> Tuple[str, Sequence[Any], Dict[str, Any]]:
        """Method, positional arguments and params. Raises RPCSerializationError for anything that is no request."""
        try:
            request = self._framed_request(message) if type(message) is Unopened else _loads(message)
            if len(request) == 2:  # the cheaper way, also for the call
                method, params = request
                args: Sequence[Any] = ()
            else:
                method, params, *args = request
        except (ValueError, TypeError) as error:  # JSONDecodeError; not that many
            if not is_framed(message):
                raise not_a_request(error) from None
            method, params, *args = self._framed_request(message)
        if type(method) is not str or type(params) is not dict:
            raise not_a_request("[method, params, ...] expected")
        return method, args, params

    def encode_result(self, method: str, result: Any) -> Outgoing:
        """Raises RPCSerializationError naming the method and the place in its result that cannot be encoded."""
        if self._had_long and (framed := self._with_long((), (result,), None)):
            return framed
        try:
            encoded = _dumps((result,), None, _OPTIONS)
        except Exception:
            return self._result_apart(method, result)
        return encoded if len(encoded) <= LONG else self._with_long((), (result,), None) or encoded

    def encode_failure(self, failure: Failure, error: Optional[BaseException]) -> bytes:
        return encoded_failure(failure, _dumps, _loads)

    def decode_response(self, method: str, message: Arrived) -> Any:
        try:
            response = _loads(message)
        except ValueError as error:
            if not is_framed(message):
                raise unreadable(method, "JSON", error) from None
            response = self._framed_response(method, message)
        if type(response) is list and len(response) == 1:
            return response[0]
        raise failure_of(method, response, message)

    def _framed_request(self, message: Arrived) -> List[Any]:
        try:
            last = self._last
            request = None if last is None else last.read(message)
            if request is None:
                request = self._read(message, "")
                self._last = one_array(message, request)
            if len(request) < 2:
                raise ValueError(f"{len(request)} values")
            return request
        except MemoryError:
            raise
        except Exception as error:
            raise not_a_request(said(error)) from None

    def _framed_response(self, method: str, message: Arrived) -> Any:
        try:
            return self._read(message, method)
        except Exception as error:
            raise unreadable(method, self.name, said(error)) from None

    def _read(self, message: Arrived, method: str) -> List[Any]:
        """Of a message with frames; `method`: of a response. Raises anything for what is none."""
        parts = opened(message)
        value = _loads(parts.body)
        if type(value) is not list:
            raise ValueError("a list expected")
        return self._filled(value, *values_of(parts, lends(message, method or value[0])))

    def _filled(self, value: List[Any], word: str, values: List[Any]) -> List[Any]:
        put_in_place(value, word, values)
        return value

    def _request_apart(self, method: str, args: Sequence[Any], params: Dict[str, Any]) -> Outgoing:
        try:
            return self._beside((method,), args, params) or self._encoded_apart(
                lambda value: (method, *value), [params, *args]
            )
        except Refused as refused:
            what = f"{part_of_call(refused.steps)} of {method!r} {refused.reason}"
            raise RPCSerializationError(f"{what} {NOT_SENT}") from None

    def _result_apart(self, method: str, result: Any) -> Outgoing:
        try:
            return self._beside((), (result,), None) or self._encoded_apart(lambda value: (value,), result)
        except Refused as refused:
            at = f" at {shown(refused.steps)}" if refused.steps else ""
            raise RPCSerializationError(f"the result of {method!r}{at} {refused.reason}") from None

    def _with_long(
        self, first: Tuple[Any, ...], args: Sequence[Any], params: Optional[Dict[str, Any]]
    ) -> Optional[Outgoing]:
        """A message as :meth:`_beside` makes one, mostly for its long texts."""
        framed = self._beside(first, args, params)
        self._had_long = framed is not None
        return framed

    def _beside(
        self, first: Tuple[Any, ...], args: Sequence[Any], params: Optional[Dict[str, Any]]
    ) -> Optional[Outgoing]:
        """A message whose arrays, bytes and long texts are not far inside of it; None for any other."""
        beside = Beside(_WORD)
        try:
            values = [beside.without_frames(value) for value in (args if params is None else (params, *args))]
            if not beside:
                return None
            encoded = _dumps((*first, *values), None, _OPTIONS)
        except Exception:  # of which it is to be said where in the value
            return None
        # Else the word stands in a text of the value, too.
        is_clear = encoded.count(_WORD_ENCODED) == len(beside) and self._comes_back(values, encoded)
        return beside.message(encoded) if is_clear and beside.is_worth(encoded) else None

    def _comes_back(self, values: List[Any], encoded: bytes) -> bool:
        """Whether that is all right with what JSON has made of them."""
        return True

    def _encoded_apart(self, message_of: Callable[[Any], Tuple[Any, ...]], value: Any) -> Outgoing:
        """Encode what orjson has refused. Raises Refused."""
        reason = ""
        for thorough in (False, True):
            try:
                for word in _words():
                    beside = Beside(word)
                    encoded = _dumps(message_of(plain(value, beside.replaced, thorough)), None, _OPTIONS)
                    if not beside:
                        return encoded
                    if encoded.count(word.encode()) == len(beside):  # else it stands in a text of the value, too
                        return beside.message(encoded)
            except Refused:
                raise
            except Exception as error:  # orjson's, or hardly any stack is left
                reason = text_of(error)
        raise Refused(f"cannot be encoded: {reason}")


_WORD = "(frame)"
_WORD_ENCODED = _WORD.encode()


def _words() -> Iterator[str]:
    """With which what stands for a frame begins: of letters that JSON writes as they are."""
    yield _WORD
    while True:
        yield f"(frame {random.getrandbits(64):016x})"
