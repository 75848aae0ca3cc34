"""The decision model: which IPC for a payload, a rate and a handler's time, and that answer in sentences.

Computes from a run's figures, draws nothing. Imports `statistics`, `records`, `plan` and `common`.
"""
