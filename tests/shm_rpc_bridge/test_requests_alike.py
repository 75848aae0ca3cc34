"""A request of one lent array is read by what is known of the last one: never where anything but its items differs."""

import itertools

import numpy
import pytest

from shm_rpc_bridge import codec
from shm_rpc_bridge.frames import Framed, Unopened

LENDS = frozenset({"look", "see"})
REQUESTS = {
    "float": ("look", (numpy.arange(16, dtype="f4"),), {}),
    "others": ("look", (numpy.arange(16, 32, dtype="f4"),), {}),
    "int": ("look", (numpy.arange(16, dtype="i4"),), {}),
    "shape": ("look", (numpy.arange(16, dtype="f4").reshape(4, 4),), {}),
    "order": ("look", (numpy.asfortranarray(numpy.arange(16, dtype="f4").reshape(4, 4)),), {}),
    "named": ("look", (), {"a": numpy.arange(16, dtype="f4")}),
    "named b": ("look", (), {"b": numpy.arange(16, dtype="f4")}),
    "method": ("see", (numpy.arange(16, dtype="f4"),), {}),
    "not lent": ("copy", (numpy.arange(16, dtype="f4"),), {}),
    "more": ("look", (numpy.arange(16, dtype="f4"), 1), {}),
    "two": ("look", (numpy.arange(8, dtype="f4"), numpy.arange(8, dtype="f4")), {}),
    "bytes": ("look", (bytes(64),), {}),
    "empty": ("look", (numpy.empty(0, "f4"),), {}),
    "structured": ("look", (numpy.zeros(8, [("a", "i4"), ("b", "f4")]),), {}),
}


@pytest.mark.parametrize("name", ["json", "json+types"])
@pytest.mark.parametrize(("before", "after"), [*itertools.product(REQUESTS, repeat=2)])
def test_each_request_is_read_as_it_would_be_alone(name: str, before: str, after: str) -> None:
    ours = codec.chosen(name)
    for which in (before, after, before, before):
        method, args, params = REQUESTS[which]
        said, got_args, got_params = ours.decode_request(arrived(ours.encode_request(method, args, params)))
        assert (said, len(got_args), set(got_params)) == (method, len(args), set(params))
        for sent, got in zip([*args, *params.values()], [*got_args, *got_params.values()]):
            if isinstance(sent, numpy.ndarray):
                assert (got.dtype, got.shape) == (sent.dtype, sent.shape)
                assert got.flags.c_contiguous == sent.flags.c_contiguous
                assert got.flags.writeable == (method not in LENDS or not sent.nbytes)
                numpy.testing.assert_array_equal(got, sent)
            else:
                assert got == sent


def arrived(message: object) -> object:
    """As the server's side gives it to the codec."""
    if not isinstance(message, Framed):
        return message  # "json+types" has few bytes in the message
    memory = bytearray(len(message))
    message.write_into(memory, 0)
    return Unopened(memoryview(memory), LENDS)
