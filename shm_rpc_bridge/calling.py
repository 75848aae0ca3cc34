"""What both clients are beside their calls: a name, a codec, and options, of which a copy may have others."""

import math
from typing import Any, Callable, Dict, Optional, TypeVar, Union

from . import codec as codecs
from . import names
from .channel import validated_sizes
from .exceptions import NOT_SENT, RPCError, RPCTimeoutError, RPCTransportError
from .proxies import Remote, converted, proxy_of, typed
from .upload import refusing_streams
from .waiting import validated_timeout

Interface = TypeVar("Interface")
_Self = TypeVar("_Self", bound="Calling")


class Kept:
    """What an option is that keeps its value."""


KEPT = Kept()


class Calling:
    """The base of :class:`.RPCClient` and :class:`.AsyncRPCClient`."""

    call: Callable[..., Any]
    """In a client."""
    _is_owner = True
    """Whether it is this object that was constructed and must be closed."""

    def __init__(
        self,
        name: str,
        buffer_size: int,
        timeout: Optional[float],
        wait_for_server: Optional[float],
        max_message_size: int,
        codec: Any,
        strict: bool,
    ) -> None:
        """Looks at all of these, and keeps what calls need. ValueError or TypeError for bad ones."""
        names.validated(name)
        validated_sizes(buffer_size, max_message_size)
        self._connect_within = _seconds(wait_for_server)
        self.name = name
        self._timeout = validated_timeout(timeout)
        self._codec = chosen = codecs.chosen(codec, strict)
        self._encode = chosen.encode_request if isinstance(codec, str) else refusing_streams(chosen.encode_request)
        self._decode: Callable[[str, Any], Any] = chosen.decode_response
        self._patience = 0.0
        self._options: Dict[str, Any] = {}

    @property
    def remote(self) -> Any:
        """The server's methods as methods: ``client.remote.add(1, b=2)`` is ``client.call("add", 1, b=2)``."""
        return Remote(self.call)

    def proxy(self, interface: Callable[..., Interface]) -> Interface:
        """The server's methods as `interface`, a class or Protocol, declares them; type checkers know them by that. For
        an :class:`.AsyncRPCClient` it declares them with ``async def``.

        A method whose declared result is a dataclass, a TypedDict or another class returns that, see `returns` of
        :meth:`with_options`. AttributeError for a method that is not declared.
        """
        return proxy_of(interface, self, self._codec.keeps_types)

    def with_options(
        self: _Self,
        *,
        timeout: Union[float, Kept, None] = KEPT,
        wait_for_server: Union[float, Kept, None] = KEPT,
        returns: Any = KEPT,
    ) -> _Self:
        """This client with other options, on the same channels: for one call, or to be kept.

        `timeout`: seconds that a call may take. `wait_for_server`: seconds of them to wait for a server that is not
        there, instead of failing at once. `returns`: the type of the results, which are converted to it: a dataclass,
        a TypedDict, a msgspec.Struct, ``list[Price]``, ``datetime`` and so on; needs msgspec. With codec "pickle"
        results have their types already.
        There is nothing to close: closing this client, or what is returned, closes both.
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self), _is_owner=False, _owner=self)  # which is not dropped before this
        if not isinstance(timeout, Kept):
            other._timeout = validated_timeout(timeout)
        if not isinstance(wait_for_server, Kept):
            other._patience = _seconds(wait_for_server)
            other._options = {**other._options, "wait_for_server": wait_for_server}
        if not isinstance(returns, Kept):
            other._decode = typed(self._codec.decode_response, returns)
            other._options = {**other._options, "returns": returns}
        return other

    def _converted(self, method: str, result: Any) -> Any:
        """What a call has returned that :attr:`_decode` has not seen."""
        returns = self._options.get("returns", Any)
        return result if returns is Any else converted(method, result, returns)

    def _about(self, error: Exception, method: str, timeout: Optional[float]) -> RPCError:
        """What to say of a call that has failed so."""
        took = f" took more than {timeout} s" if isinstance(error, RPCTimeoutError) else ""
        kind = RPCTimeoutError if took else RPCTransportError  # of which posix has subclasses
        told = kind(f"{method!r} on {self.name!r}{took}: {error}")
        vars(told).update(vars(error))  # whether it may have run
        return told

    def _nowhere(self, error: Exception, method: str, lost: Optional[Exception]) -> RPCTransportError:
        """What to say where there is no server; and of a request that the last one has `lost`, how."""
        if lost is not None:
            return RPCTransportError(f"{lost}; {error}")
        return RPCTransportError(f"{method!r} on {self.name!r}: {error} {NOT_SENT}")

    def __copy__(self: _Self) -> _Self:
        raise TypeError("a client is not copied: share it, or construct another one")

    def __deepcopy__(self: _Self, memo: Any) -> _Self:
        return self.__copy__()


def _seconds(wait_for_server: Optional[float]) -> float:
    validated_timeout(wait_for_server, "wait_for_server")
    return math.inf if wait_for_server is None else wait_for_server
