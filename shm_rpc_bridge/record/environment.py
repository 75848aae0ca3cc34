"""A recording in the processes a program starts: what they are told by the environment.

``python -m shm_rpc_bridge.record`` puts it there. With ``--print-environment`` it is printed for a shell instead, for
what cannot be started by it.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path

from shm_rpc_bridge.record.recorder import Recorder, Settings

VARIABLE = "SHM_RPC_BRIDGE_RECORD"
SITE = str(Path(__file__).parent / "site")
"""A folder with a sitecustomize.py, which Python runs when it starts."""


def variables(settings: Settings, output: str, run: str = "") -> dict[str, str]:
    """What a process is to be started with so that it records, into ``output.<pid>``."""
    asked = {**settings._asdict(), "output": os.path.abspath(output), "run": run or uuid.uuid4().hex}
    path = [SITE, *(each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each and each != SITE)]
    return {VARIABLE: json.dumps(asked), "PYTHONPATH": os.pathsep.join(path)}


def begin() -> None:
    """Begin what the environment asks for. A program must not fail because of it: what is wrong is said, once."""
    text = os.environ.get(VARIABLE)
    if not text:
        return
    try:
        asked = json.loads(text)
        output, run = asked.pop("output"), asked.pop("run")
        asked = {name: tuple(value) if isinstance(value, list) else value for name, value in asked.items()}
        Recorder(Settings(**asked), output, run=run, is_child=True).start()
    except Exception as error:  # of a file that cannot be written, or a variable that was made by hand
        sys.stderr.write(f"shm_rpc_bridge.record: this process is not recorded: {type(error).__name__}: {error}\n")
