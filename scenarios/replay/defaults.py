"""What is replayed unless something else is asked for, and the words for it. Light: the command line reads it."""

from __future__ import annotations

DIRECT = "direct"
"""The baseline, always replayed."""
CONTENDERS = ("shm", "shm-block", "mp-pipe", "zmq-ipc", "grpc-uds", DIRECT)
"""The library, waiting in two ways, and what most people know."""

NOTHING, RECORDED, REAL = "nothing", "recorded", "real"
"""What runs in the server: nothing, the call alone being what is measured; something that takes as long as was
recorded, computing or waiting; the function itself."""

CALLS = 500
"""Of a function: enough for a line through their sizes, and a second of calls of 2 ms."""
MOST = 20
"""Functions, those that take most time: each takes 2 s of every contender."""
ROUNDS, FEWEST_ROUNDS = 6, 5
"""The range of 6 medians holds the true one with 97%, that of 5 with 94%, of fewer with less."""
RHYTHM_S = 5.0
"""Of the recording, for each contender."""
SEED = 1
ALL = "all"
"""Every contender that is here, in place of a name."""
