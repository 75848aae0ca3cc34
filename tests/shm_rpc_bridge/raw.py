"""Bytes that no codec has made, sent as a message."""

import ast
import contextlib
from time import monotonic

from shm_rpc_bridge import RPCServer
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.connection import Connection
from shm_rpc_bridge.testing import in_memory

from .services import PATIENCE, register_methods, started


class Plus:
    """A codec of one's own, of two methods: what JSON is not."""

    name = "own"

    @staticmethod
    def dumps(value):
        return repr(value).encode()

    @staticmethod
    def loads(message):
        return ast.literal_eval(message.decode())


@contextlib.contextmanager
def raw_channel(codec):
    """To a server of that codec, for bytes."""
    with in_memory():
        server = RPCServer("raw", codec=codec)
        register_methods(server)
        with started(server):
            connection = Connection("raw", chosen(codec).name)
            connection.open()
            channel = connection.new_channel()
            channel.open(1000, 100_000, "adaptive")
            yield lambda message: bytes(channel.exchange(message, monotonic() + PATIENCE))
            connection.close_channel(channel)
            connection.is_retired = True
            assert connection.reap()
