"""Runs when Python starts where this folder is on PYTHONPATH: begins the recording that the environment asks for.

Put there by ``python -m shm_rpc_bridge.record``, for the processes a program starts. A sitecustomize that stands behind
this one runs, too.
"""

import importlib.util
import os
import sys


def _next() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    path = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    for entry in path:
        file = os.path.join(entry, "sitecustomize.py")
        if os.path.isfile(file):
            spec = importlib.util.spec_from_file_location("sitecustomize", file)
            if spec is not None and spec.loader is not None:
                module = importlib.util.module_from_spec(spec)
                sys.modules["sitecustomize"] = module
                spec.loader.exec_module(module)
            return


try:
    from shm_rpc_bridge.record.environment import begin
except ImportError as error:  # another Python, which does not have the library
    sys.stderr.write(f"shm_rpc_bridge.record: this process is not recorded: {error}\n")
else:
    begin()
_next()
