"""Calls every method of calculator_server.py, and shows what a call that fails looks like."""

from shm_rpc_bridge import RPCClient

with RPCClient("calculator", wait_for_server=5.0) as calculator:
    print("7 + 5 =", calculator.call("add", 7, 5))
    print("7 - 5 =", calculator.call("subtract", 7, 5))
    print("7 * 5 =", calculator.call("multiply", a=7, b=5))
    print("7 / 5 =", calculator.remote.divide(7, b=5))
    try:
        calculator.call("divide", 7, 0)
    except ZeroDivisionError as error:  # as if the method were here
        print("7 / 0 is no number:", error)
    print("and still 1 + 1 =", calculator.call("add", 1, 1))
