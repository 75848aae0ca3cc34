"""``call`` and ``ping``: a server's methods from the shell."""

import json
import sys
from typing import Any, Dict, List, Optional, Tuple

from ..client import RPCClient
from ..exceptions import RPCError, RPCMethodError
from ..remote_errors import RemoteTraceback
from ..streams import Stream


def seconds(text: str) -> Optional[float]:
    """A number, or "none"."""
    return None if text.lower() == "none" else float(text)


def call(chosen: Any) -> int:
    """Print the result of one call; or on stderr what it came to."""
    try:
        args, params = _parsed(chosen.arguments)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2

    def asked(client: RPCClient) -> Optional[str]:
        result = client.call(chosen.method, *args, **params)
        if not isinstance(result, Stream):
            return _shown(result)
        for item in result:
            print(_shown(item), flush=True)
        return None

    return _said(chosen, asked)


def ping(chosen: Any) -> int:
    """Print how long an empty call takes."""
    chosen.traceback = False
    return _said(chosen, lambda client: f"{chosen.name} has answered in {client.ping() * 1e6:.0f} microseconds")


def _said(chosen: Any, asked: Any) -> int:
    try:
        client = RPCClient(chosen.name, timeout=chosen.timeout, codec=chosen.codec)
    except (ValueError, ImportError) as error:  # a name, timeout or codec that cannot be
        print(error, file=sys.stderr)
        return 2
    except RPCError as error:
        print(_described(error), file=sys.stderr)
        return 1
    with client:
        try:
            text = asked(client)
        except Exception as error:  # with codec "pickle" whatever the method has raised
            remote = error.__cause__ if chosen.traceback else None
            text = str(remote.args[0]).rstrip() if isinstance(remote, RemoteTraceback) else _described(error)
            print(text, file=sys.stderr)
            return 1
    if text is not None:
        print(text)
    return 0


def _described(error: Exception) -> str:
    """ "ValueError: why"; of a method's exception as its server has called it."""
    if isinstance(error, RPCMethodError):
        return f"{error.remote_type}: {error.remote_message}"
    return f"{type(error).__name__}: {error}"


def _shown(result: Any) -> str:
    is_utf = (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")
    try:
        return json.dumps(result, ensure_ascii=not is_utf)
    except (TypeError, ValueError, RecursionError):
        return repr(result)


def _parsed(arguments: List[str]) -> Tuple[List[Any], Dict[str, Any]]:
    """Positional ones, and those by name. Raises ValueError for a name that is given twice."""
    args: List[Any] = []
    params: Dict[str, Any] = {}
    for argument in arguments:
        key, is_named, value = argument.partition("=")
        if not is_named or not key.isidentifier():
            args.append(_value(argument))
        elif key in params:
            raise ValueError(f"{key!r} is given twice: {key}={params[key]!r} and {argument}")
        else:
            params[key] = _value(value)
    return args, params


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
