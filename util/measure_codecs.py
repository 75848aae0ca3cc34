"""A 100-byte call by codec over two processes, in turns: python util/measure_codecs.py [ROUNDS]

Prints the median of each codec's rounds in microseconds, and of the ratios to "json" in the same round.
"""

import multiprocessing
import statistics
import sys
from time import perf_counter
from typing import Dict, List

from shm_rpc_bridge import RPCClient, RPCServer

CODECS = ["json", "json+types", "msgpack", "pickle"]
CALLS = 5_000  # a round: tens of milliseconds, in which the machine is the same for all
DATA = {"text": "x" * 60, "n": 1, "f": 1.5}


def serve(codec: str) -> None:
    server = RPCServer(f"measure-{codec.replace('+', '-')}", codec=codec)
    server.register("echo", lambda data: data)
    server.register("stop", server.stop)
    server.start()


def round_of(client: RPCClient) -> float:
    """Microseconds a call takes."""
    call = client.call
    before = perf_counter()
    for _ in range(CALLS):
        call("echo", data=DATA)
    return (perf_counter() - before) / CALLS * 1e6


def main(rounds: int) -> None:
    context = multiprocessing.get_context("spawn")
    times: Dict[str, List[float]] = {codec: [] for codec in CODECS}
    servers = [context.Process(target=serve, args=(codec,)) for codec in CODECS]
    for server in servers:
        server.start()
    clients = {
        codec: RPCClient(f"measure-{codec.replace('+', '-')}", wait_for_server=30, codec=codec) for codec in CODECS
    }
    for number in range(rounds + 1):
        for codec in CODECS:
            taken = round_of(clients[codec])
            if number:  # the first one warms up
                times[codec].append(taken)
    for codec, client in clients.items():
        ratios = [one / other for one, other in zip(times[codec], times["json"])]
        print(f"{codec:12} {statistics.median(times[codec]):8.2f} us   {statistics.median(ratios):5.2f} x json")
        client.call("stop")
        client.close()
    for server in servers:
        server.join()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
