"""Record the calls of a program, to know before splitting it what its calls would cost behind each IPC.

``python -m shm_rpc_bridge.record --target mypackage.pricing:quote -o calls.rec -- script.py`` records a program as it
is; :func:`record` does it from inside, :func:`recorded` marks a function for it; :func:`read` reads what was recorded.
"""

from shm_rpc_bridge.record.recorder import BUDGET_BYTES, Recorder, Settings, Summary, record, recorded
from shm_rpc_bridge.record.recording import Call, Function, NotARecording, Process, Recording, Totals, busy_share, read
from shm_rpc_bridge.record.rows import NOT_PICKLED, Encoded
from shm_rpc_bridge.record.stand_ins import Redacted, Refused
from shm_rpc_bridge.record.targets import TargetError

__all__ = [
    "BUDGET_BYTES",
    "NOT_PICKLED",
    "Call",
    "Encoded",
    "Function",
    "NotARecording",
    "Process",
    "Recorder",
    "Recording",
    "Redacted",
    "Refused",
    "Settings",
    "Summary",
    "TargetError",
    "Totals",
    "busy_share",
    "read",
    "record",
    "recorded",
]
