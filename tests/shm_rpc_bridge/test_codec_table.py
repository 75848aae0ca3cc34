"""What the documents say of each codec is what it does."""

import sys

import pytest


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the table is made on Python 3.11 and later")
def test_the_table_of_what_changes_on_the_way_is_true():
    """Written again by `python -m tests.shm_rpc_bridge.codec_table`."""
    pytest.importorskip("msgspec")
    pytest.importorskip("numpy")
    from .codec_table import committed, table

    assert committed() == table()
