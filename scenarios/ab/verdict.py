"""Whether B is slower than A, from the p50 of blocks that were measured in turns. Pure.

A pair is a block of each side out of the same round. Within a round the order is drawn at random, so that of two equal
sides each is the slower one of a pair with probability 1/2, whatever the machine does meanwhile, as long as it does not
heed which side it is. That makes the interval of the median ratio exact without any assumption on how latencies are
distributed (:mod:`scenarios.statistics.intervals`). One bad block is one ratio, however bad it is.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence

from scenarios.statistics import intervals

LEVEL = 0.95
"""An interval of B by A is at least so sure."""
CONTROL_LEVEL = 0.99
"""Of the A/A test: a machine without fault fails it once in a hundred runs at most."""
FEWEST_PAIRS = 8
"""With fewer no interval is :data:`CONTROL_LEVEL` sure."""
MOST_ADVISED = 401
"""More blocks than these are not advised: they would take half an hour, and the machine changes meanwhile."""
NOT_SLOWER, SLOWER, UNTOLD = "not slower", "slower", "cannot be told"
EXIT_CODES = {NOT_SLOWER: 0, SLOWER: 1, UNTOLD: 2}


@dataclasses.dataclass(frozen=True)
class Ratio:
    """The median of the ratios of pairs, and its interval."""

    median: float
    low: float
    high: float
    sure: float
    """The probability that such an interval holds the median: at least what was asked for."""
    pairs: int

    def __str__(self) -> str:
        return (
            f"{self.median:.3f} times A ({self.low:.3f} to {self.high:.3f}, {self.sure:.1%} sure, {self.pairs} pairs)"
        )


def ratio(before: Sequence[float], after: Sequence[float], level: float = LEVEL) -> Ratio:
    """`after` by `before`, pair by pair. Raises ValueError where not even the smallest and the largest ratio hold the
    median with `level`."""
    ratios = [b / a for a, b in zip(before, after, strict=True)]
    sure = intervals.coverage(len(ratios), level)
    ends = intervals.of_median(ratios, level)
    if ends is None or sure < level:
        raise ValueError(f"{len(ratios)} pairs give no interval that is {level:.0%} sure")
    return Ratio(statistics.median(ratios), *ends, sure, len(ratios))


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a run says.

    ``slower``: the median is above 1 + threshold, and the whole interval above 1. ``not slower``: the whole interval is
    at 1 + threshold or below. Else it cannot be told, nor when A differs from itself: the whole interval of A/A is off
    1, and its median by more than half the threshold, which could make the difference for B.
    """

    control: Ratio
    """A measured once more, as if it were another, by A."""
    found: Ratio
    """B by A."""
    threshold: float
    """How much slower matters: 0.03 are 3%."""

    @property
    def control_differs(self) -> bool:
        """Whether A is not equal to itself, beyond doubt and by what matters."""
        control = self.control
        off = max(control.median, 1 / control.median) - 1
        return not control.low <= 1 <= control.high and off > self.threshold / 2

    @property
    def outcome(self) -> str:
        """One of :data:`EXIT_CODES`."""
        if self.control_differs:
            return UNTOLD
        if self.found.high <= 1 + self.threshold:
            return NOT_SLOWER
        if self.found.low > 1 and self.found.median > 1 + self.threshold:
            return SLOWER
        return UNTOLD

    @property
    def exit_code(self) -> int:
        """0: not slower, 1: slower, 2: cannot be told."""
        return EXIT_CODES[self.outcome]

    def sentences(self) -> tuple[str, str]:
        """The A/A test, and the answer."""
        if self.control_differs:
            return (
                f"A/A: A again takes {self.control}: it differs from itself",
                f"B takes {self.found}: cannot be told, as this machine finds a difference between equals today; "
                "measure again when nothing else runs",
            )
        return (
            f"A/A: A again takes {self.control}: no difference that matters",
            f"B takes {self.found}: {self._answer()}",
        )

    def _answer(self) -> str:
        found, asked = self.found, f"{self.threshold * 100:g}%"
        if self.outcome == SLOWER:
            return f"slower, by more than the {asked} asked about"
        if self.outcome == NOT_SLOWER:
            return "faster" if found.high < 1 else f"no slower than the {asked} asked about"
        why = f"slower, but perhaps by less than the {asked} asked about; " if found.low > 1 else ""
        return f"{why}cannot be told: {self._remedy()}"

    def _remedy(self) -> str:
        """An interval gets narrower as the square root of the number of pairs gets larger."""
        found, limit = self.found, 1 + self.threshold
        if found.median > limit:
            factor = (found.median - found.low) / (found.median - 1)
        else:
            factor = (found.high - found.median) / max(limit - found.median, 1e-9)
        blocks = math.ceil(found.pairs * max(factor * factor, 1.5)) // 2 * 2 + 1
        if blocks > MOST_ADVISED:
            return f"it would take more than {MOST_ADVISED} blocks; take a quieter machine or another --threshold"
        return f"more blocks (--blocks {blocks}) or a quieter machine"
