"""A stateless service: four functions. Run it, then calculator_client.py in another terminal; Ctrl-C ends it."""

from shm_rpc_bridge import RPCServer

server = RPCServer("calculator")


@server.register_function
def add(a: float, b: float) -> float:
    return a + b


@server.register_function
def subtract(a: float, b: float) -> float:
    return a - b


@server.register_function
def multiply(a: float, b: float) -> float:
    return a * b


@server.register_function
def divide(a: float, b: float) -> float:
    return a / b  # by zero: the caller gets the exception, the server goes on


print("calculator is ready", flush=True)
server.start()
print("calculator has stopped")
