"""Codecs that encode any value by themselves: made of two functions, one to bytes and one back."""

from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from ..classes import class_name, said, with_article
from ..exceptions import NOT_SENT, RPCSerializationError
from ..failures import Failure
from ..frames import Arrived, Outgoing, is_framed
from .jsonable import LEVELS, part_of_call, shown, step_to_item
from .responses import encoded_failure, failure_of, not_a_request, unreadable


class Values:
    """See :class:`.protocol.Codec`."""

    keeps_types = False

    def __init__(
        self,
        name: str,
        dumps: Callable[[Any], Outgoing],
        loads: Callable[[Arrived], Any],
        remedy_for: Callable[[type], str] = lambda kind: "send what it consists of",
        loads_framed: Optional[Callable[[Arrived, str], Any]] = None,
    ) -> None:
        """`dumps` and `loads` may raise anything for what they do not take; KeyboardInterrupt alone is passed on.

        `remedy_for`: what to do instead of sending an object of a class that `dumps` does not take. `loads_framed`: for
        messages with frames, where `dumps` makes such, with the method of a response, "" for a request.
        """
        self.name = name
        self._remedy_for = remedy_for
        self._dumps = dumps
        self._loads = loads
        self._loads_framed = loads_framed

    def encode_request(self, method: str, args: Sequence[Any], params: Dict[str, Any]) -> Outgoing:
        if type(method) is not str:
            raise TypeError(f"method must be a str, not {class_name(method)}")
        try:
            return self._dumps((method, params, *args) if args else (method, params))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            steps, why = self._refusal((params, *args), error)
            raise RPCSerializationError(f"{part_of_call(steps)} of {method!r} {why} {NOT_SENT}") from error

    def decode_request(self, message: Arrived) -> Tuple[str, Sequence[Any], Dict[str, Any]]:
        try:
            request = self._loads(message)
            if len(request) == 2:  # the cheaper way, also for the call
                method, params = request
                args: Sequence[Any] = ()
            else:
                method, params, *args = request
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if not self._has_frames(message):
                raise not_a_request(f"not readable as {self.name}: {said(error)}") from error
            method, params, *args = self._framed_request(message)
        if type(method) is not str or type(params) is not dict:
            raise not_a_request("[method, params, ...] expected")
        return method, args, params

    def encode_result(self, method: str, result: Any) -> Outgoing:
        try:
            return self._dumps((result,))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            steps, why = self._refusal(result, error)
            at = f" at {shown(steps)}" if steps else ""
            raise RPCSerializationError(f"the result of {method!r}{at} {why}") from error

    def encode_failure(self, failure: Failure, error: Optional[BaseException]) -> bytes:
        return encoded_failure(failure, lambda value: bytes(self._dumps(value)), self._loads)

    def decode_response(self, method: str, message: Arrived) -> Any:
        try:
            response = self._loads(message)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if not self._has_frames(message):
                raise unreadable(method, self.name, said(error)) from error
            response = self._framed_response(method, message)
        if type(response) in (tuple, list) and len(response) == 1:
            return response[0]
        raise failure_of(method, response, message)

    def _has_frames(self, message: Arrived) -> bool:
        return self._loads_framed is not None and is_framed(message)

    def _framed_request(self, message: Arrived) -> Sequence[Any]:
        assert self._loads_framed is not None
        try:
            method, params, *args = self._loads_framed(message, "")
            return [method, params, *args]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise not_a_request(f"not readable as {self.name}: {said(error)}") from error

    def _framed_response(self, method: str, message: Arrived) -> Any:
        assert self._loads_framed is not None
        try:
            return self._loads_framed(message, method)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise unreadable(method, self.name, said(error)) from error

    def _refusal(self, value: Any, error: BaseException) -> Tuple[List[str], str]:
        """The way to the innermost part that is refused by itself, and why it is: found by trying each."""
        steps: List[str] = []
        for _ in range(LEVELS):
            for key, part in _items(value):
                refusal = self._refused(part)
                if refusal is not None:
                    steps.append(step_to_item(key))
                    value, error = part, refusal
                    break
            else:
                break
        kind = type(value)
        why = f"is {with_article(kind)} that cannot be encoded as {self.name}: {self._remedy_for(kind)} ({said(error)})"
        return steps, why

    def _refused(self, value: Any) -> Optional[BaseException]:
        try:
            self._dumps(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return error
        return None


def method_of(value: Any) -> str:
    """The method of a request; "" of anything else that a codec is given to encode."""
    return value[0] if type(value) is tuple and len(value) > 1 and type(value[0]) is str else ""


def _items(value: Any) -> Iterable[Tuple[Any, Any]]:
    if type(value) is dict:
        return list(value.items())
    return enumerate(list(value)) if type(value) in (list, tuple) else ()
