"""A stateful service: a running total per client. Run it, then accumulator_client.py in other terminals.

The server answers one call at a time, so its methods need no lock.
"""

from collections import defaultdict
from typing import DefaultDict

from shm_rpc_bridge import RPCServer

totals: DefaultDict[str, float] = defaultdict(float)

with RPCServer("accumulator") as server:

    @server.register_function
    def add(client: str, amount: float) -> float:
        """Add to a client's total and return it."""
        totals[client] += amount
        return totals[client]

    @server.register_function
    def forget(client: str) -> float:
        """End a client's account and return its last total."""
        return totals.pop(client, 0.0)

    server.register("stop", server.stop)
    print("accumulator is ready", flush=True)
    server.start()
    print("accumulator has stopped with", len(totals), "open accounts")
