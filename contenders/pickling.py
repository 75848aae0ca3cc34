"""Requests and responses as pickles of protocol 5, for contenders of lane ``pickle`` that do not pickle by themselves.

A request is ``(method, payload)``, a response ``(result,)`` or ``(None, type, message)``. Pure; thread-safe.

Reading a pickle can run any code: this is for processes of one program.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from contenders.interface import CallError
from contenders.service import Methods

if TYPE_CHECKING:
    from contenders.codec import Message  # which imports orjson, and that no subinterpreter can

PROTOCOL = 5
CODEC = f"pickle, protocol {PROTOCOL}"
OWN_CODEC = f"pickle, protocol {pickle.DEFAULT_PROTOCOL}: that of multiprocessing, which cannot be chosen"
"""As settings print them. Protocol 4, the default until Python 3.13, writes the values of lane ``pickle`` with the same
bytes but for the one that names the protocol."""


def encode_request(method: str, payload: Any) -> bytes:
    """Raises what pickle does for what it cannot pickle."""
    return pickle.dumps((method, payload), PROTOCOL)


def decode_response(message: Message) -> Any:
    """The result. Raises :class:`CallError` when the response is an error."""
    response = pickle.loads(message)
    if len(response) == 1:
        return response[0]
    raise CallError(response[1], response[2])


def answer(methods: Methods, request: Message) -> bytes:
    """Decode `request`, run its method, encode what came of it: exactly one response, whatever happens."""
    try:
        method, payload = pickle.loads(request)
        return pickle.dumps((methods[method](payload),), PROTOCOL)
    except Exception as error:  # a user's handler ran: anything may come out of it
        return pickle.dumps((None, type(error).__name__, str(error)), PROTOCOL)
