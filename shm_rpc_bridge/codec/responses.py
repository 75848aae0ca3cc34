"""What all codecs have in common of requests and responses, once they are values. Pure.

request     ["method", {"parameter": value, ...}, argument, ...]
response    [result]
            a failure, see :mod:`shm_rpc_bridge.failures`
"""

from typing import Any, Callable

from ..exceptions import RPCSerializationError
from ..failures import Failure, from_wire, to_wire
from ..frames import Arrived
from ..remote_errors import error_of

UNKNOWN = "(whether it ran is unknown)"


def not_a_request(why: object) -> RPCSerializationError:
    return RPCSerializationError(f"not a request: {why}")


def unreadable(method: str, codec: str, why: object) -> RPCSerializationError:
    """Of bytes that are not the codec's."""
    return RPCSerializationError(f"the response to {method!r} is no {codec}: {why} {UNKNOWN}", may_have_run=True)


def encoded_failure(failure: Failure, dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any]) -> bytes:
    """Never refuses: what cannot be carried is left out."""
    try:
        return dumps(to_wire(failure, lambda value: loads(dumps(value))))
    except Exception:  # arguments that alone were not too deep, or hardly any stack is left
        return dumps(to_wire(failure.bare(), lambda value: value))


def failure_of(method: str, response: Any, message: Arrived) -> Exception:
    """What a response that is no result makes the caller raise."""
    failure = from_wire(response)
    if failure is not None:
        return error_of(failure)
    return RPCSerializationError(
        f"the response to {method!r} is none: {bytes(message)[:80]!r} {UNKNOWN}", may_have_run=True
    )
