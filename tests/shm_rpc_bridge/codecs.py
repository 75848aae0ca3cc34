"""The codecs that most tests of what a call carries go through, by name."""

import pytest

from shm_rpc_bridge.codec import chosen

CODECS = ["json", "json+types", "msgpack", "pickle"]


def codec_of(name):
    """That codec; skips the test where what it needs is not installed."""
    if name == "msgpack":
        pytest.importorskip("msgspec")
    return chosen(name)
