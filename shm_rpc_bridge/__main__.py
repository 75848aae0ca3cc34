"""``python -m shm_rpc_bridge serve | call | ping | ls | clean``: see :mod:`shm_rpc_bridge.cli`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
