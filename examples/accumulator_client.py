"""Adds numbers to this client's own total: python accumulator_client.py [NAME] [NUMBER ...]"""

import os
import sys

from shm_rpc_bridge import RPCClient

name = sys.argv[1] if len(sys.argv) > 1 else f"client-{os.getpid()}"
amounts = [float(argument) for argument in sys.argv[2:]] or [10, 20, 12]

with RPCClient("accumulator", wait_for_server=5.0) as accumulator:
    for amount in amounts:
        print(f"{name}: +{amount:g} makes {accumulator.call('add', client=name, amount=amount):g}")
    print(f"{name}: closed with {accumulator.call('forget', client=name):g}")
