"""Arrays of every kind, and whether one is as another."""

import pytest

from shm_rpc_bridge.codec import chosen

numpy = pytest.importorskip("numpy")
GRID = numpy.arange(12.0).reshape(3, 4)
READ_ONLY = GRID.copy()
READ_ONLY.flags.writeable = False

ARRAYS = {
    "C order": GRID,
    "Fortran order": numpy.asfortranarray(GRID),
    "read-only": READ_ONLY,
    "read-only, Fortran order": READ_ONLY.T,
    "a number": numpy.array(3.5),
    "empty": numpy.empty((0, 3), "i4"),
    "empty, Fortran order": numpy.empty((4, 0, 2), "i4", order="F"),
    "structured": numpy.zeros(3, [("a", "f4"), ("b", "i8", (2,)), ("c", [("d", "S3")])]),
    "structured and aligned": numpy.zeros(2, numpy.dtype([("a", "u1"), ("b", "f8")], align=True)),
    "with titles": numpy.zeros(2, [(("title", "a"), "f4")]),
    "dates": numpy.array(["2024-05-01T12:00:00.000000005", "NaT"], "M8[ns]"),
    "durations": numpy.array([5], "m8[s]"),
    "byte strings": numpy.array([b"ab", b"c"], "S3"),
    "texts": numpy.array(["a", "bcd"]),
    "of no bytes": numpy.array([b"", b""], "S0"),
    "big-endian": numpy.ones(3, ">f4"),
    "complex": numpy.array([1 + 2j]),
    "bool": numpy.array([True, False]),
    "half": numpy.array([1.5], "f2"),
    "long double": numpy.array([1.5], numpy.longdouble),
    "32 dimensions": numpy.zeros((1,) * 32),
    "4 MB": numpy.arange(1_000_000, dtype="f4"),
}

each_codec = pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])


def chosen_or_skipped(codec):
    if codec == "msgpack":
        pytest.importorskip("msgspec")
    return chosen(codec)


def is_same(one, other):
    if type(one) is not type(other):
        return False
    if type(one) is numpy.ndarray:
        return (
            (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
            and one.flags.writeable == other.flags.writeable
            and one.flags.c_contiguous == other.flags.c_contiguous
        )
    if type(one) is memoryview:
        of_one = one.format, one.shape, one.readonly, one.tobytes()
        return of_one == (other.format, other.shape, other.readonly, other.tobytes())
    if type(one) is dict:
        return list(one) == list(other) and all(map(is_same, one.values(), other.values()))
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other
