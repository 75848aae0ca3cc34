"""``python -m shm_rpc_bridge.record``."""

import sys

from shm_rpc_bridge.record.command import main

sys.exit(main())
