"""How far to trust a run's figures: disturbances, repeats, warnings and failures in sentences, for the report."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from scenarios.plots import drift
from scenarios.records.store import FINISHED, Run
from scenarios.statistics import caveats, disturbed, figures, intervals

FLAGS = {
    "steal": "the host of this virtual machine took CPU time",
    "others": "other processes were at work",
    "pressure": "processes waited for a CPU",
    "preempted": "the scheduler interrupted client or server often",
    "queue": "more processes were ready to run than there are CPUs",
    disturbed.OUTLYING: f"its p50 is {disturbed.FACTOR} times off the median of its repeats",
    disturbed.PHASE: "the machine itself was slower or faster than for most cells, by its yardsticks",
}
"""What the words in `noise_flags` mean, see :mod:`scenarios.measuring.noise`."""
KINDS = {
    "few-calls": "a repeat had too few calls for a p99 (1,000), or for any percentile (20)",
    "repeats-differ": "the slowest repeat's median is more than twice the fastest's",
    "several-modes": "calls come in several speeds, and a median hides that",
    "stall": "one call took a twentieth of its cell or more",
    "disturbed": "every repeat was disturbed",
    "arrivals": "calls did not come as the load asks: their gaps are of another distribution, or depend on each other",
    disturbed.PHASE: "repeats were measured in another phase of the machine than what they are compared with",
    "placement": "repeats with both processes on one CPU differ from those on two",
    "page-faults": "memory that the kernel had to find is more than a tenth of a call",
}
"""What the kinds in warnings.json mean. Others are shown by their name."""

Warned = tuple[str, list[str]]
"""A sentence, and what it is about one by one."""


def warnings(run: Run, cells: pd.DataFrame, lines: pd.DataFrame) -> list[Warned]:
    """What a reader must know before believing the figures."""
    found: list[Warned] = [(_disturbed(cells), [])]
    fewest = int(lines["repeats"].min())
    if fewest < intervals.FEWEST:
        found.append((f"Some figures are of {fewest} repeats: too few for an interval.", []))
    if sure := figures.sureness(lines["repeats"]):
        text = f"Intervals of the median over repeats are exact: {sure}"
        found.append((f"{text}. They hold for this machine on that day, not for another one.", []))
    partly = lines[(lines["p99_repeats"] > 0) & (lines["p99_repeats"] < lines["repeats"])]
    if len(partly):
        text = f"{len(partly)} of {len(lines)} figures have a p99 in only some repeats, the faster ones: it takes "
        text += "1,000 calls. Where half have none it is left empty, else it is a least and marked ≥."
        found.append((text, []))
    if again := drift.measured_again(figures.frame(run.rows(), every_attempt=True)):
        found.append((f"{again}; of a cell, the less disturbed attempt counts.", []))
    found += _listed(run)
    if failed := run.failures():
        found.append((f"{len(failed)} cells failed and gave no figure; they are named at the end.", []))
    about = run.about()
    if about.get("state") != FINISHED:
        found.append(("This run is not complete.", []))
    if resumed := run.environment().get("resumed"):
        found.append((f"This run was interrupted and gone on with {len(resumed)} times.", []))
    return found + [(f"Not measured: {line}.", []) for line in about["scenario"].get("left_out", [])]


def _disturbed(cells: pd.DataFrame) -> str:
    flags = cells["noise_flags"].fillna("")
    count = int((flags != "").sum())
    if not count:
        return f"None of {len(cells)} repeats was seen to be disturbed."
    counts = Counter(word for words in flags for word in words.split(";") if word)
    words = "; ".join(
        f"{word} {count}{f' ({FLAGS[word]})' if word in FLAGS else ''}" for word, count in counts.most_common()
    )
    seen = f"{count} of {len(cells)} repeats were disturbed and are in the figures all the same: {words}"
    return f"{seen}. {disturbed.slow(cells)}."


def _listed(run: Run) -> list[Warned]:
    """What warnings.json of the run says: of the whole run as sentences, of single groups as a list to fold out."""
    if not (run.folder / caveats.FILE).exists():
        return []
    listed = caveats.of(run)
    # How few repeats there are is said with the intervals already, and how many are outlying with the disturbed.
    general = [each for each in listed if not each.group and each.kind not in ("few-repeats", "outlying")]
    found: list[Warned] = [(f"{each.message}.", []) for each in general]
    for kind in dict.fromkeys(each.kind for each in listed if each.group):
        texts = [str(each) for each in listed if each.group and each.kind == kind]
        found.append((f"Of {len(texts)} figures: {KINDS.get(kind, kind)}.", texts))
    return found
