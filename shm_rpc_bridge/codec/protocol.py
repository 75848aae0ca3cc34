"""What a codec is to client and server."""

from typing import Any, Dict, Optional, Protocol, Sequence, Tuple

from ..failures import Failure
from ..frames import Arrived, Outgoing


class Codec(Protocol):
    """Requests and responses as bytes, and back. Pure; used by several threads at once.

    What is decoded shares no memory with its message.

    Refuses with RPCSerializationError, whose text says what and where in the value.
    """

    @property
    def name(self) -> str:
        """By which both sides know that they speak the same."""
        ...

    @property
    def keeps_types(self) -> bool:
        """Whether values arrive as objects of their own classes."""
        ...

    def encode_request(self, method: str, args: Sequence[Any], params: Dict[str, Any]) -> Outgoing: ...

    def decode_request(self, message: Arrived) -> Tuple[str, Sequence[Any], Dict[str, Any]]: ...

    def encode_result(self, method: str, result: Any) -> Outgoing: ...

    def encode_failure(self, failure: Failure, error: Optional[BaseException]) -> bytes:
        """Never refuses. `error` is what `failure` describes, if anything, for who can send it as it is."""
        ...

    def decode_response(self, method: str, message: Arrived) -> Any:
        """The result; or raises what the response says."""
        ...
