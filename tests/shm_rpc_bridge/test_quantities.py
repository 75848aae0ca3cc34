"""Bytes and seconds as people write and read them."""

import argparse

import pytest

from shm_rpc_bridge.quantities import bytes_of, duration, size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("65536", 65_536),
        ("12B", 12),
        ("64kB", 64_000),
        ("64 KB", 64_000),
        (" 3mb ", 3_000_000),
        ("1.5GB", 1_500_000_000),
        ("0.0015 kB", 1),
    ],
)
def test_bytes_are_read_as_people_write_them(text, count):
    assert bytes_of(text) == count


@pytest.mark.parametrize("text", ["", "kB", "-1", "1.", ".5kB", "64kiB", "64 k", "1e6", "1 2", "12B more"])
def test_what_is_no_size_is_refused_with_what_is(text):
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        bytes_of(text)
    assert str(refused.value) == f"{text!r} is no size: 65536, 500kB, 64MB or 1.5GB"


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (9_999, "9999 B"),
        (10_000, "10 kB"),
        (64_400, "64 kB"),
        (9_999_499, "9999 kB"),
        (9_999_999, "10000 kB"),
        (10_000_000, "10 MB"),
        (9_999_000_000, "9999 MB"),
        (9_999_999_999, "10000 MB"),
        (10_000_000_000, "10 GB"),
        (123_456_000_000, "123 GB"),
    ],
)
def test_a_size_is_shown_in_a_unit_in_which_it_has_two_digits(count, shown):
    assert size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 us"),
        (0.000_123_499_95, "123 us"),
        (0.000_123_500_05, "124 us"),
        (0.001, "1 ms"),
        (0.999, "999 ms"),
        (1.0, "1 s"),
        (119.0, "119 s"),
        (120.0, "2 min"),
        (5_400.0, "90 min"),
        (7_199.5, "120 min"),
        (7_200.0, "2 h"),
        (9_017.9, "2.5 h"),
        (9_018.1, "2.51 h"),
    ],
)
def test_a_duration_is_shown_in_the_unit_it_is_read_in(seconds, shown):
    assert duration(seconds) == shown
