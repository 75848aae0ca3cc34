"""fit.py with thumbnails made in a process of their own: pictures are objects of Pillow's, so the codec is pickle.

Takes what fit.py takes, and --record FILE to write down how long each call to that process takes.
"""

import argparse
import contextlib
import sys

import fit
from PIL import ImageOps

import shm_rpc_bridge
from shm_rpc_bridge.record import record


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--record", metavar="FILE")
    own, sys.argv[1:] = parser.parse_known_args()
    with shm_rpc_bridge.spawn("PIL.ImageOps", only=["fit"], codec="pickle") as client:
        ImageOps.fit = client.remote.fit
        calls = record("PIL.ImageOps:fit", output=own.record, payloads="sizes", force=True) if own.record else None
        with calls or contextlib.nullcontext():
            fit.main()


if __name__ == "__main__":
    main()
