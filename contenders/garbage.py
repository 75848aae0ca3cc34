"""The garbage collector's policy, the same in every process of a measurement: client, server, and a pool's worker.

It stays on, as in the programs that make such calls, so what a contender leaves behind per call is its own cost. What
was there before is not: modules, payloads and the harness' own objects would only make each collection longer.
"""

from __future__ import annotations

import gc

POLICY = "on in client and server; what there is beforehand is collected, and frozen, in both"
"""As a run's environment says it."""


def settle() -> None:
    """Collect now, and leave what there is out of every later collection."""
    gc.collect()
    gc.freeze()
