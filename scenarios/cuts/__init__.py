"""Where to cut a program: what would cross the border of a part that moves into another process, and what that costs.

Computes from a recording of a package (``python -m shm_rpc_bridge.record --package``) and from the figures of a run,
and leaves a page. Imports `pages`, `advice`, `plots`, `tables`, `records` and `common`, and of the library what reads a
recording.
"""
