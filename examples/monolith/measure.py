"""Runs the shop, as it is or split, and writes down how long its three functions and its requests take: for the proof.

Takes what main.py takes.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator

import main
import split

from shm_rpc_bridge.record import record

TARGETS = ("shop.pricing:quote", "shop.images:thumbnail", "shop.reports:monthly")
REQUESTS = ("shop.web:price_cart", "shop.web:show_thumbnail", "shop.web:show_report")


@contextlib.contextmanager
def measured(output: str, is_split: bool) -> Iterator[None]:
    """Calls are recorded where they are made: of the split program, what stands there sends them to its processes,
    whose CPU time is in the recording from when they are ready to the last answer.
    """
    around = split.processes() if is_split else contextlib.nullcontext()
    with around, record(*TARGETS, *REQUESTS, output=output, payloads="sizes", force=True):
        yield


def run() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--split", action="store_true")
    own, sys.argv[1:] = parser.parse_known_args()
    main.main(__doc__, around=lambda: measured(own.output, own.split))


if __name__ == "__main__":
    run()
