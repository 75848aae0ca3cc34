"""Calls every method of calculator_server.py, and shows what a call that fails looks like."""

from shm_rpc_bridge import RPCClient, RPCMethodError

with RPCClient("calculator", wait_for_server=5.0) as calculator:
    print("7 + 5 =", calculator.call("add", a=7, b=5))
    print("7 - 5 =", calculator.call("subtract", a=7, b=5))
    print("7 * 5 =", calculator.call("multiply", a=7, b=5))
    print("7 / 5 =", calculator.call("divide", a=7, b=5))
    try:
        calculator.call("divide", a=7, b=0)
    except RPCMethodError as error:
        print(f"7 / 0 is {error.remote_type}: {error}")
    print("and still 1 + 1 =", calculator.call("add", a=1, b=1))
