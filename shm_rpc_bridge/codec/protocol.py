"""What a codec is to client and server."""

from typing import Any, Dict, Optional, Protocol, Sequence, Tuple, Union

from ..failures import Failure

Encoded = Union[bytes, bytearray, memoryview]
"""A message that has arrived. It is valid until the next one does: what is decoded shares no memory with it."""


class Codec(Protocol):
    """Requests and responses as bytes, and back. Pure; used by several threads at once.

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

    def encode_request(self, method: str, args: Sequence[Any], params: Dict[str, Any]) -> bytes: ...

    def decode_request(self, message: Encoded) -> Tuple[str, Sequence[Any], Dict[str, Any]]: ...

    def encode_result(self, method: str, result: Any) -> bytes: ...

    def encode_failure(self, failure: Failure, error: Optional[BaseException]) -> bytes:
        """Never refuses. `error` is what `failure` describes, if anything, for who can send it as it is."""
        ...

    def decode_response(self, method: str, message: Encoded) -> Any:
        """The result; or raises what the response says."""
        ...
