"""Calls one by one, and a hundred in one message: what each costs here. batch.py [SECONDS of each, a round]"""

import sys
import time

from shm_rpc_bridge import spawn

TOGETHER = 100


def one_by_one(client, seconds):
    """Calls per second."""
    calls, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        client.call("quote", "cup", 2)
        calls += 1
    return calls / (time.perf_counter() - start)


def together(client, seconds):
    """Calls per second."""
    calls, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        with client.batch() as batch:
            for _ in range(TOGETHER):
                batch.call("quote", "cup", 2)
        calls += len(batch.results())
    return calls / (time.perf_counter() - start)


def main(seconds, rounds=3):
    with spawn("pricing") as client:
        for _ in range(rounds):  # in turns: what disturbs one disturbs the other
            alone, many = one_by_one(client, seconds), together(client, seconds)
            print(f"one by one {alone:,.0f} calls/s, {TOGETHER} together {many:,.0f} calls/s: {many / alone:.1f} times")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5)
