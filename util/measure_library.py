#!/usr/bin/env python3
"""What the library costs beside single calls: import, connecting, many in one message, an idle server, a dead one.

    python util/measure_library.py [--output FILE.csv]

Each figure is taken repeatedly and given as median and worst. About 40 seconds; run nothing beside it.
"""

import argparse
import csv
import multiprocessing
import multiprocessing.pool
import os
import statistics
import subprocess
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Dict, List, Union

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, cleanup

spawn = multiprocessing.get_context("spawn")

Row = Dict[str, Union[str, int, float]]

IMPORT = "import time; start = time.perf_counter(); import shm_rpc_bridge; print(time.perf_counter() - start)"
IDLE_SECONDS = 10.0
TOGETHER, TEXT = 100, "x" * 100


def serve(name: str, entered: Event) -> None:
    server = RPCServer(name)

    def hang() -> None:
        entered.set()
        time.sleep(3600)

    server.register("nothing", lambda: None)
    server.register("echo", lambda text: text)
    server.register("hang", hang)
    server.start()


class Served:
    """A server process; :attr:`client` is connected to it."""

    def __init__(self) -> None:
        self.name = f"measure-{os.getpid()}"
        self.entered = spawn.Event()
        self.process = spawn.Process(target=serve, args=(self.name, self.entered), daemon=True)
        self.process.start()
        self.client = RPCClient(self.name, timeout=60.0, wait_for_server=30.0)

    def stop(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.join()

    def cpu_seconds(self) -> float:
        """CPU time of the server so far: Linux counts it in nanoseconds for each thread."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def row(figure: str, unit: str, values: List[float]) -> Row:
    return {
        "figure": figure,
        "unit": unit,
        "median": float(f"{statistics.median(values):.3g}"),
        "worst": float(f"{max(values):.3g}"),
        "repeats": len(values),
    }


def import_time() -> Row:
    # As installed: with the bytecode that pip leaves behind, whatever this shell says about writing it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", IMPORT]
    runs = [subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment) for _ in range(21)]
    return row("import shm_rpc_bridge", "ms", [float(run.stdout) * 1e3 for run in runs[1:]])


def connecting() -> Row:
    served, times = Served(), []
    for _ in range(200):
        start = time.perf_counter()
        with RPCClient(served.name) as client:
            client.call("nothing")
            times.append((time.perf_counter() - start) * 1e3)
    served.stop()
    return row("connect and make the first call", "ms", times)


def together() -> Row:
    served, times = Served(), []
    for _ in range(400):
        start = time.perf_counter()
        with served.client.batch() as batch:
            for _ in range(TOGETHER):
                batch.call("echo", TEXT)
        batch.results()
        times.append((time.perf_counter() - start) * 1e6 / TOGETHER)
    served.stop()
    return row(f"a call of 100 B among {TOGETHER} of a batch", "µs", times)


def idle(clients: int) -> Row:
    served = Served()
    others = [RPCClient(served.name) for _ in range(clients - 1)]
    shares = []
    for _ in range(2):
        before = served.cpu_seconds()
        time.sleep(IDLE_SECONDS / 2)
        shares.append((served.cpu_seconds() - before) / (IDLE_SECONDS / 2) * 100)
    for client in others:
        client.close()
    served.stop()
    return row(f"idle server with {clients} silent client{'s' if clients > 1 else ''}", "% of a core", shares)


def noticing_death() -> Row:
    times = []
    for _ in range(20):
        served = Served()
        killed_at: List[float] = []

        def kill(served: Served = served, killed_at: List[float] = killed_at) -> None:
            served.entered.wait()
            killed_at.append(time.perf_counter())
            served.process.kill()

        killer = multiprocessing.pool.ThreadPool(1)
        killing = killer.apply_async(kill)
        try:
            served.client.call("hang")
        except RPCTransportError:
            times.append((time.perf_counter() - killed_at[0]) * 1e3)
        killing.get()
        killer.close()
        served.stop()
    cleanup.remove(next(owner for owner in cleanup.survey(served.name)))
    return row("a waiting client notices that its server was killed", "ms", times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="also write the figures to this CSV file")
    output: Path = parser.parse_args().output
    rows = []
    for measure in (import_time, connecting, together, lambda: idle(1), lambda: idle(64), noticing_death):
        rows.append(measure())
        print("{figure}: median {median} {unit}, worst {worst} {unit} of {repeats}".format(**rows[-1]), flush=True)
    if output is not None:
        with output.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
