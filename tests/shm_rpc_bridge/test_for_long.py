"""For long: nothing grows, nobody starves, idling costs nothing. Short forms here, long ones by `make soak`."""

import os
import time
from pathlib import Path

import pytest

from shm_rpc_bridge import RPCClient
from shm_rpc_bridge.testing import leftovers

from .children import checking_client, checking_server, counting_client
from .services import PATIENCE, context, process, server_process
from .steps import until


class Usage:
    """What a process has at this moment."""

    def __init__(self, pid):
        self.rss = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.mappings = Path(f"/proc/{pid}/maps").read_text().count("\n")


def cpu_seconds(pid):
    """CPU time of all its threads so far, which Linux counts in nanoseconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@pytest.mark.fault("soak")
@pytest.mark.parametrize("calls", [10_000, pytest.param(10_000_000, marks=pytest.mark.soak)])
def test_calls_of_mixed_sizes_by_clients_that_come_and_go_make_nothing_grow(name, calls, figures):
    """Two processes call at once; each connects anew after every 2,000 calls. Every request and answer is checked."""
    calls, batch, done = figures.scaled(calls), 2000, 0
    results = context.SimpleQueue()
    with process(checking_server, name) as server:
        RPCClient(name, wait_for_server=PATIENCE).close()
        shares = [(name, seed, calls // 2, batch, results) for seed in (1, 2)]
        clients = [context.Process(target=checking_client, args=share) for share in shares]
        for client in clients:
            client.start()
        early = None
        for _ in figures.progress("calls checked, in steps of 2,000", range(2 * -(-calls // 2 // batch))):
            done += results.get()
            now = Usage(server.pid)
            if done >= calls / 10 and early is None:
                early = now
            objects = len(leftovers(name))
            assert objects <= 2 + 2 * 6  # of the clients that are just connecting
        for client in clients:
            client.join(PATIENCE)
            assert client.exitcode == 0
        for _ in until(PATIENCE):
            late = Usage(server.pid)
            if late.descriptors <= early.descriptors:
                break
        assert len(leftovers(name)) == 2
        with RPCClient(name) as client:
            client.call("stop")
        server.join(PATIENCE)
    assert late.descriptors <= early.descriptors
    assert late.mappings <= early.mappings + 10
    assert late.rss <= early.rss + 4 * 2**20
    figures.record("soak", "calls whose checksums were right on both sides", done, "calls", done)
    growth = (late.rss - early.rss) / 2**20
    figures.record("soak", "growth of the server's memory after the first tenth", growth, "MiB", done)
    figures.record("soak", "growth of its descriptors", late.descriptors - early.descriptors, "descriptors", done)
    figures.record("soak", "objects left in /dev/shm", len(leftovers(name)), "objects", done)


@pytest.mark.fault("clients-64")
@pytest.mark.parametrize(("clients", "seconds"), [(8, 0.3), pytest.param(64, 30.0, marks=pytest.mark.soak)])
def test_clients_that_call_as_often_as_they_can_get_about_the_same(name, clients, seconds, figures):
    """The server takes turns: taking the first full channel it finds starves the last ones."""
    seconds = max(0.3, seconds * figures.scaled(100) / 100)
    counts, start = context.SimpleQueue(), context.Barrier(clients)
    with server_process(name) as server:
        arguments = name, start, seconds, counts
        children = [context.Process(target=counting_client, args=arguments) for _ in range(clients)]
        for child in children:
            child.start()
        for child in children:
            child.join(PATIENCE + 2 * seconds)
            assert child.exitcode == 0
        each = [counts.get() for _ in children]
        with RPCClient(name) as client:
            client.call("stop")
        server.join(PATIENCE)
    assert min(each) > 0
    if clients == 64 and seconds > 1:
        assert max(each) <= 2 * min(each)
    figures.record("clients-64", "calls per client, most to least", max(each) / min(each), "to 1", clients)
    figures.record("clients-64", "calls answered a second, all together", sum(each) / seconds, "calls/s", clients)


@pytest.mark.fault("idle")
@pytest.mark.parametrize(("clients", "seconds"), [(64, 1.0), pytest.param(64, 60.0, marks=pytest.mark.soak)])
def test_a_server_with_silent_clients_sleeps(name, clients, seconds, figures):
    """Without parking (`wait="spin"`) it takes a whole core."""
    seconds = max(1.0, seconds * figures.scaled(100) / 100)
    with server_process(name) as server:
        silent = [RPCClient(name) for _ in range(clients)]
        for client in silent:
            assert client.call("add", a=1, b=2) == 3
        before, start = cpu_seconds(server.pid), time.monotonic()
        time.sleep(seconds)  # what is measured: a server that nobody calls
        share = (cpu_seconds(server.pid) - before) / (time.monotonic() - start) * 100
        for client in silent[1:]:
            client.close()
        silent[0].call("stop")
        silent[0].close()
        server.join(PATIENCE)
    assert share < (0.1 if seconds > 10 else 2.0)
    figures.record("idle", f"CPU of a server with {clients} silent clients", share, "% of a core", 1)
