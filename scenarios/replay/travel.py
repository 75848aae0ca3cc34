"""What of a function's calls can leave a process: which codec carries its arguments and results, and what not, and why.

A codec carries a call when arguments and result come back equal and of the same types (:mod:`scenarios.replay.values`).
What comes back as something else is *changed*, what a codec does not take *refused*; both with the first place. Looked
at are the calls of the sample, not all of the recording.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.replay import codecs
from scenarios.replay.recorded import Recording
from scenarios.replay.sample import Chosen, Sample, parts
from scenarios.replay.values import children, difference, generalised

REASONS = 5
"""Of each codec, so many of the commonest are kept."""


@dataclasses.dataclass(frozen=True)
class Way:
    """What one codec does to the calls that were looked at."""

    codec: str
    carried: int
    changed: int
    refused: int
    reasons: tuple[tuple[str, int], ...]
    """``path: what -> what`` or ``path: why refused``, the commonest first, with the number of calls, of which one may
    have several. ``[*]`` stands for every place of a list."""
    bytes_per_call: float | None
    """Of arguments and result, encoded: the mean of those calls that are not refused; None without any."""

    @property
    def carries_all(self) -> bool:
        return self.carried > 0 and not self.changed and not self.refused

    @property
    def takes_all(self) -> bool:
        """Whether nothing is refused, though something may be changed."""
        return self.carried + self.changed > 0 and not self.refused


@dataclasses.dataclass(frozen=True)
class SelfState:
    """Of a method: what it was called on, as the recording saw it now and then."""

    looked_at: int
    attributes: tuple[tuple[str, str, int], ...]
    """Name, type and pickled bytes (the most that were seen, -1 for what cannot be pickled)."""
    refused: tuple[str, ...]
    """``name: why not``."""
    mutated: int
    """How often the method had changed it."""

    @property
    def pickled_bytes(self) -> int:
        return sum(max(0, size) for _, _, size in self.attributes)


@dataclasses.dataclass(frozen=True)
class Travel:
    """One function's."""

    function: str
    kind: str
    calls: int
    """Calls that were looked at, and have values."""
    left_out: Mapping[str, int]
    """Calls that cannot be replayed, by reason."""
    generated: bool
    """Only sizes were recorded: values were made up, and nothing is known of what travels."""
    made_up: int
    mutated: int
    mutation_looked_at: int
    ways: Mapping[str, Way]
    """By codec."""
    sizes: Mapping[str, tuple[int, ...]]
    """By codec, the bytes of each call of the sample, in its order; -1 where it is refused."""
    self_state: SelfState | None


def counted(calls: int) -> str:
    """In words."""
    return f"{calls:,} call{'' if calls == 1 else 's'}"


def of(recording: Recording, sample: Sample) -> Travel:
    """A codec that is not installed carries nothing, and says so."""
    name = sample.function.name
    ways, sizes = {}, {}
    for codec in codecs.CODECS:
        ways[codec], sizes[codec] = _way(codec, sample)
    sizes[codecs.NONE] = sizes[codecs.PICKLE]
    return Travel(
        name,
        sample.function.kind,
        len(sample.chosen),
        dict(sample.left_out.most_common()),
        sample.generated,
        sample.made_up,
        *sample.mutated,
        ways,
        sizes,
        _self_state(recording.objects.get(name, ())) if sample.function.kind == "method" else None,
    )


def _way(codec: str, sample: Sample) -> tuple[Way, tuple[int, ...]]:
    carried = changed = refused = 0
    reasons, sizes = Counter[str](), []
    for chosen in sample.chosen:
        size, changes, refusals = _of_call(codec, chosen, sample.function.parameters)
        reasons.update([*dict.fromkeys(map(generalised, refusals or changes))])
        sizes.append(-1 if refusals else size)
        refused += bool(refusals)
        changed += bool(changes and not refusals)
        carried += not (changes or refusals)
    known = [size for size in sizes if size >= 0]
    mean = sum(known) / len(known) if known else None
    return Way(codec, carried, changed, refused, tuple(reasons.most_common(REASONS)), mean), tuple(sizes)


def _of_call(codec: str, chosen: Chosen, parameters: Sequence[str]) -> tuple[int, list[str], list[str]]:
    """Its bytes; and of each argument and the result what has changed in it first, or what of it is refused."""
    total, changes, refusals = 0, [], []
    for root, value in _parts(chosen, parameters):
        try:
            after, size = codecs.round_trip(codec, value)
            change = difference(value, after, root)
        except Exception as error:  # whatever a codec, or a class's own code that it runs, raises
            refusals.append(f"{_place_of(codec, root, value)}: {codecs.refusal(error)}")
            continue
        total += size
        if change is not None:
            changes.append(change)
    return total, changes, refusals


def _parts(chosen: Chosen, parameters: Sequence[str]) -> list[tuple[str, Any]]:
    """Every argument by its place, with its name where Python knows it, and the result."""
    return [*parts(chosen.args, chosen.kwargs, parameters), ("result", chosen.result)]


def _place_of(codec: str, root: str, value: Any) -> str:
    """How one gets to what a codec refuses: the innermost value that it refuses by itself."""
    path, seen = root, {id(value)}
    while True:
        inner = next((pair for pair in children(value) if id(pair[1]) not in seen and _refuses(codec, pair[1])), None)
        if inner is None:
            return path
        path, value = path + inner[0], inner[1]
        seen.add(id(value))


def _refuses(codec: str, value: Any) -> bool:
    try:
        codecs.round_trip(codec, value)
    except Exception:  # as in _way
        return True
    return False


def _self_state(seen: Sequence[Mapping[str, Any]]) -> SelfState | None:
    if not seen:
        return None
    attributes: dict[str, tuple[str, int]] = {}
    refused: dict[str, str] = {}
    for each in seen:
        for name, (kind, size, why) in each["attributes"].items():
            attributes[name] = kind, max(size, attributes.get(name, ("", -1))[1])
            if size < 0:
                refused[name] = why
    found = tuple((name, kind, size) for name, (kind, size) in attributes.items())
    return SelfState(
        len(seen),
        found,
        tuple(f"{name}: {why}" for name, why in refused.items()),
        sum(each["mutated"] for each in seen),
    )
