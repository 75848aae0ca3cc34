"""A small web shop in one process, driven by a mix of requests, one after the other.

Prints how long each kind of request took, and a digest of all answers, which the same seed makes the same.
"""

import argparse
import asyncio
import contextlib
import hashlib
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import httpx
import traffic
from shop import data, web
from starlette.applications import Starlette


class Outcome(NamedTuple):
    seconds: dict[str, list[float]]
    """By route, how long each of its requests took."""
    digest: str
    """Of all answers, one after the other."""


def main(about: str | None, around: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext) -> None:
    """The program. `around`: entered before the application is made, and left when the last request is answered."""
    options = _options(about)
    requests = traffic.requests(options.seed, options.requests)
    try:
        with around():
            app = web.application(data.store(options.seed))
            outcome = asyncio.run(drive(app, requests, options))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None  # as a shell says it of a program that Ctrl-C has ended
    print(f"{'route':<12}{'requests':>8}{'p50 ms':>10}")
    for route, seconds in outcome.seconds.items():
        print(f"{route:<12}{len(seconds):>8}{statistics.median(seconds) * 1000:>10.2f}")
    print(f"sha256 of all answers: {outcome.digest}")


async def drive(app: Starlette, requests: list[traffic.Asked], options: argparse.Namespace) -> Outcome:
    """Answer them all, `rate` a second at random moments, or 0: without a pause. One that is late does not wait."""
    rate = options.rate
    pace = f"{rate:g} a second" if rate else "as fast as they are answered"
    # Here and not before: from now on Ctrl-C ends the loop as it should, which cannot be said while it is being made.
    print(f"{options.requests} requests of seed {options.seed}, {pace}", flush=True)
    seconds: dict[str, list[float]] = {route: [] for route in traffic.ROUTES if any(r.route == route for r in requests)}
    digest = hashlib.sha256()
    due = time.perf_counter()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as browser:
        for asked in requests:
            due += asked.pause / rate if rate else 0.0
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            start = time.perf_counter()
            answer = await browser.request(asked.method, asked.route, params=asked.query, json=asked.body)
            seconds[asked.route].append(time.perf_counter() - start)
            digest.update(answer.content)
    return Outcome(seconds, digest.hexdigest())


def _options(about: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=_natural, default=240, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=_natural, default=1, metavar="S", help="of data and requests (default: 1)")
    parser.add_argument(
        "--rate", type=_rate, default=40.0, metavar="R", help="requests a second; 0: no pauses (default: %(default)g)"
    )
    return parser.parse_args()


def _natural(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, not {number}")
    return number


def _rate(text: str) -> float:
    if not 0 <= (rate := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be 0 or more, and finite, not {rate:g}")
    return rate


if __name__ == "__main__":
    main(__doc__)
