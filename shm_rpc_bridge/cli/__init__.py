"""The commands of ``python -m shm_rpc_bridge``, one module each. Exit status 2: what was typed cannot be meant so."""

from .arguments import main as main
