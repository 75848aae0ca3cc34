"""Processes without standard streams."""

import pytest

from shm_rpc_bridge import SharedMemoryTransport

from .forks import connected_to, daemon_server
from .services import PATIENCE, calling, process, serving


@pytest.mark.fault("descriptors-closed")
def test_with_closed_standard_streams_nothing_of_ours_is_taken_for_them(name):
    """What was opened first got numbers 0 to 2, and the first `print` went into the control segment. Without
    `above_standard_streams` it does again."""
    other = f"{name}-other"
    with serving(other), process(daemon_server, name, other) as server, connected_to(name) as client:
        for size in (10, 1_000_000):  # the buffers grow: what is mapped anew is opened anew
            assert client.call("standard_streams") == ["OSError"] * 3
            assert client.call("echo", data="x" * size) == "x" * size
            assert client.call("call_other", data="y" * size)
        with SharedMemoryTransport.open(name) as transport, calling(client.call, "exchange") as call:
            transport.send_request(b"z" * 1_000_000, PATIENCE)
            assert transport.receive_response(PATIENCE) == b"z" * 1_000_000
            assert call.result(PATIENCE)
            descriptors = client.call("shared_memory_descriptors")
        assert len(descriptors) > 3
        assert not {"0", "1", "2"} & set(descriptors)
        client.call("stop")
        server.join(PATIENCE)
        assert server.exitcode == 0
