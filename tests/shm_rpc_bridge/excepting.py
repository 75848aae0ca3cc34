"""Exceptions on their way from a method to its caller, without a server between them and with one."""

import builtins
import sys
from contextlib import contextmanager

import pytest

from shm_rpc_bridge import RPCClient, RPCServer
from shm_rpc_bridge.failures import METHOD_FAILED, described
from shm_rpc_bridge.testing import in_memory

from .services import PATIENCE, register_methods, started


def sent(codec, error):
    """The response to a call whose method has raised it."""
    try:
        raise error
    except BaseException as raised:
        return codec.encode_failure(described(METHOD_FAILED, raised), raised)


def caught(codec, error):
    with pytest.raises(Exception) as info:  # noqa: PT011
        codec.decode_response("m", sent(codec, error))
    return info.value


@contextmanager
def calling(fail, codec, of_server=None, of_client=None, **methods):
    """A client of a server that has this method `fail`, others, and those of :mod:`services`."""
    with in_memory():
        server = RPCServer("failing", codec=codec.name, **of_server or {})
        register_methods(server)
        for name, method in {"fail": fail, **methods}.items():
            server.register(name, method)
        with started(server), RPCClient("failing", timeout=PATIENCE, codec=codec.name, **of_client or {}) as client:
            yield client


class Plain(ValueError):
    pass


class TwoArguments(Exception):
    def __init__(self, code, reason):
        super().__init__(f"{reason} ({code})")
        self.code = code


class WithState(Exception):
    def __setstate__(self, state):
        vars(self).update(state, restored=True)


class Unreadable(ValueError):
    def __reduce__(self):
        return sys.exit, (3,)


class NotPickled(ValueError):
    def __reduce__(self):
        raise SystemExit(3)


has_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="has no groups")


def group(title, parts):
    """Looked up by name: Python 3.8 reads this file, too."""
    return builtins.ExceptionGroup(title, parts)
