"""Record the calls of a program, to know before splitting it what its calls would cost behind each IPC."""

from shm_rpc_bridge.record.recording import Call, Function, NotARecording, Process, Recording, Totals, read
from shm_rpc_bridge.record.rows import Encoded
from shm_rpc_bridge.record.stand_ins import Redacted, Refused

__all__ = [
    "Call",
    "Encoded",
    "Function",
    "NotARecording",
    "Process",
    "Recording",
    "Redacted",
    "Refused",
    "Totals",
    "read",
]
