"""Takes a function out of this program: pricing.quote runs in a process of its own, which ends with this one.

Before, the lines in the block began with ``import pricing``; the calls and what they raise are the same.
"""

import shm_rpc_bridge

with shm_rpc_bridge.spawn("pricing") as client:
    pricing = client.remote
    print("12 cups cost", pricing.quote("cup", 12))
    print("with a discount", pricing.quote("cup", 12, discount=10))
    try:
        pricing.quote("fork", 1)
    except ValueError as error:
        print("not sold:", error)
