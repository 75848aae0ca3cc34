"""Calls awaited one after the other, and many at once, beside a thread's. awaited.py [SECONDS of each, a round]"""

import asyncio
import sys
import time

from shm_rpc_bridge import AsyncRPCClient, spawn

AT_ONCE = 64


async def calls_per_second(client, at_once, seconds):
    end = time.perf_counter() + seconds

    async def call_on():
        calls = 0
        while time.perf_counter() < end:
            await client.call("quote", "cup", 2)
            calls += 1
        return calls

    start = time.perf_counter()
    calls = sum(await asyncio.gather(*(call_on() for _ in range(at_once))))
    return calls / (time.perf_counter() - start)


def calls_per_second_of_a_thread(client, seconds):
    calls, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        client.call("quote", "cup", 2)
        calls += 1
    return calls / (time.perf_counter() - start)


async def main(seconds, rounds=3):
    with spawn("pricing") as thread_client:
        async with AsyncRPCClient(thread_client.name) as client:
            for _ in range(rounds):  # in turns: what disturbs one disturbs the others
                threads = calls_per_second_of_a_thread(thread_client, seconds)
                alone = await calls_per_second(client, 1, seconds)
                many = await calls_per_second(client, AT_ONCE, seconds)
                print(
                    f"RPCClient {threads:,.0f} calls/s; awaited: one by one {alone:,.0f}, {AT_ONCE} at once {many:,.0f}"
                )


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5))
