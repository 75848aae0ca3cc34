"""Codecs that encode any value by themselves: made of two functions, one to bytes and one back."""

from typing import Any, Callable, Dict, Optional, Sequence, Tuple

from ..classes import class_name
from ..exceptions import NOT_SENT, RPCSerializationError
from ..failures import Failure, to_wire
from .protocol import Encoded
from .responses import failure_of, not_a_request, unreadable


class Values:
    """See :class:`.protocol.Codec`."""

    keeps_types = False

    def __init__(self, name: str, dumps: Callable[[Any], bytes], loads: Callable[[Encoded], Any]) -> None:
        """`dumps` and `loads` may raise any Exception for what they do not take."""
        self.name = name
        self._dumps = dumps
        self._loads = loads

    def encode_request(self, method: str, args: Sequence[Any], params: Dict[str, Any]) -> bytes:
        if type(method) is not str:
            raise TypeError(f"method must be a str, not {class_name(method)}")
        try:
            return self._dumps((method, params, *args) if args else (method, params))
        except Exception as error:
            what = f"a parameter of {method!r} cannot be encoded as {self.name}"
            raise RPCSerializationError(f"{what}: {_said(error)} {NOT_SENT}") from error

    def decode_request(self, message: Encoded) -> Tuple[str, Sequence[Any], Dict[str, Any]]:
        try:
            request = self._loads(message)
            if len(request) == 2:  # the cheaper way, also for the call
                method, params = request
                args: Sequence[Any] = ()
            else:
                method, params, *args = request
        except Exception as error:
            raise not_a_request(f"not readable as {self.name}: {_said(error)}") from error
        if type(method) is not str or type(params) is not dict:
            raise not_a_request("[method, params, ...] expected")
        return method, args, params

    def encode_result(self, method: str, result: Any) -> bytes:
        try:
            return self._dumps((result,))
        except Exception as error:
            what = f"the result of {method!r}, {class_name(result)}, cannot be encoded as {self.name}"
            raise RPCSerializationError(f"{what}: {_said(error)}") from error

    def encode_failure(self, failure: Failure, error: Optional[BaseException]) -> bytes:
        return self._dumps(to_wire(failure, self._carried))

    def decode_response(self, method: str, message: Encoded) -> Any:
        try:
            response = self._loads(message)
        except Exception as error:
            raise unreadable(method, self.name, _said(error)) from error
        if type(response) in (tuple, list) and len(response) == 1:
            return response[0]
        raise failure_of(method, response, message)

    def _carried(self, value: Any) -> Any:
        return self._loads(self._dumps(value))


def _said(error: Exception) -> str:
    return f"{class_name(error)}: {error}"
