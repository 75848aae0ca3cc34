"""Which of a function's recorded calls are replayed, with their values; and why the others are not.

A seeded sample of those of which arguments and result were kept, in the order they were recorded in. Where none were
kept but sizes are known, values of those sizes are made up: a text, and bytes for what travels beside. A call that
cannot be replayed is counted under its reason and ends nothing.
"""

from __future__ import annotations

import dataclasses
import math
import pickle
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.replay import recorded
from scenarios.replay.cargo import Case
from scenarios.replay.recorded import Call, Encoded, Function, Values
from scenarios.replay.values import found, generalised

MOST_BYTES = 32_000_000
"""Of pickles, per function: they go through every codec, are compared value by value, and held by client and server."""


@dataclasses.dataclass(frozen=True)
class Chosen:
    """One call that can be replayed, and what is known of its values."""

    case: Case
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any


@dataclasses.dataclass
class Sample:
    """What of one function is replayed."""

    function: Function
    kept: int
    """Calls in the recording."""
    chosen: list[Chosen] = dataclasses.field(default_factory=list)
    left_out: Counter[str] = dataclasses.field(default_factory=Counter)
    """Calls that were looked at and cannot be replayed, by reason."""
    generated: bool = False
    """Whether the values were made up from sizes: then nothing can be said of what travels."""
    made_up: int = 0
    """Calls in which a hidden value was made up."""
    mutated: tuple[int, int] = (0, 0)
    """Of the kept calls: those that changed their arguments in place, and those of which that was looked at."""

    @property
    def looked_at(self) -> int:
        return len(self.chosen) + sum(self.left_out.values())


def of(function: Function, kept: Sequence[Call], calls: int, seed: int) -> Sample:
    """At most so many of the calls of it that were kept."""
    looked = [call.mutated for call in kept if call.mutated is not None]
    sample = Sample(function, len(kept), mutated=(sum(looked), len(looked)))
    raised = [call for call in kept if call.raised]
    for call in raised:
        sample.left_out[f"raised {call.raised}: only results are replayed"] += 1
    returned = [call for call in kept if not call.raised]
    with_values = [call for call in returned if _has_values(call)]
    busy = recorded.busy_share(returned)
    if with_values:
        if len(returned) > len(with_values):
            sample.left_out["its arguments or its result were not kept"] += len(returned) - len(with_values)
        _load(sample, _drawn(with_values, calls, f"{seed}:{function.name}"), busy)
    elif returned:
        drawn = _drawn(returned, calls, f"{seed}:{function.name}")
        _generate(sample, drawn, _Sizes(returned, f"{seed}:{function.name}"), busy)
    return sample


def _drawn(calls: Sequence[Call], most: int, seed: str) -> list[Call]:
    """As many, or as have :data:`MOST_BYTES`; one at least."""
    places: list[int] = []
    size = 0
    for place in random.Random(seed).sample(range(len(calls)), min(most, len(calls))):
        size += sum(max(0, each.pickle_bytes) for each in (calls[place].request, calls[place].response) if each)
        if places and size > MOST_BYTES:
            break
        places.append(place)
    return [calls[place] for place in sorted(places)]


def _has_values(call: Call) -> bool:
    return bool(call.request and call.request.pickled is not None and call.response and call.response.pickled)


def _load(sample: Sample, calls: Sequence[Call], busy_share: float) -> None:
    for call in calls:
        assert call.request is not None
        assert call.response is not None
        pickles = [each.pickled or b"" for each in (call.request, call.response)]
        try:
            request, response = (recorded.values(pickled) for pickled in pickles)
        except (Exception, SystemExit) as error:  # a pickle of somebody's program: anything may come out of it
            sample.left_out[_why_not(error)] += 1
            continue
        if request.refused or response.refused:
            sample.left_out[_refused_values(request, response, sample.function.parameters)] += 1
            continue
        if not (request.is_original and response.is_original):
            sample.made_up += 1
            pickles = [pickle.dumps(each.value, 5) for each in (request, response)]
        args, kwargs = request.value
        case = Case(call.function, pickles[0], pickles[1], *_work(call, busy_share), call.start_ns, call.duration_ns)
        sample.chosen.append(Chosen(case, tuple(args), kwargs, response.value))


def _why_not(error: BaseException) -> str:
    return str(error) if isinstance(error, recorded.CannotMakeUp) else recorded.why_not_read(error)


def parts(args: Sequence[Any], kwargs: Mapping[str, Any], parameters: Sequence[str]) -> list[tuple[str, Any]]:
    """Every argument by its place, with its name where Python knows it."""
    names = [f"args[{i}]" for i in range(len(args))]
    named = [f"{name} ({parameters[i]})" if i < len(parameters) else name for i, name in enumerate(names)]
    return [*zip(named, args, strict=True), *((f"kwargs[{key!r}]", value) for key, value in kwargs.items())]


def _refused_values(request: Values, response: Values, parameters: Sequence[str]) -> str:
    """Where each is, what, and why. The place is left out of what is nested oddly, as in a key."""
    args, kwargs = request.value
    reasons = dict.fromkeys(
        generalised(f"{path}: {recorded.why_refused(each)}")
        for root, value in (*parts(args, kwargs, parameters), ("result", response.value))
        for path, each in found(value, recorded.Refused, root)
    )
    where, values = ("arguments", request) if request.refused else ("result", response)
    return "; ".join(reasons) or f"{where}: {values.refused[0]}"


class _Sizes:
    """Those that were found out: the recorder looks at some calls only where looking takes long."""

    def __init__(self, calls: Sequence[Call], seed: str) -> None:
        self._random = random.Random(seed)
        self._known = {
            side: [each for call in calls if (each := getattr(call, side)) is not None and _is_known(each)]
            for side in ("request", "response")
        }

    def of(self, call: Call, side: str) -> Encoded | None:
        """Its own, or one of another call of the function, at random; None where none is known."""
        own: Encoded | None = getattr(call, side)
        if own is not None and _is_known(own):
            return own
        known = self._known[side]
        return self._random.choice(known) if known else None


def _is_known(encoded: Encoded) -> bool:
    return encoded.json_bytes >= 0 or encoded.pickle_bytes >= 0


def _main_bytes(encoded: Encoded) -> int:
    """Without what travels beside, of one that is known."""
    if encoded.json_bytes >= 0:
        return encoded.json_bytes
    return max(0, encoded.pickle_bytes - encoded.beside_bytes)


def _generate(sample: Sample, calls: Sequence[Call], sizes: _Sizes, busy_share: float) -> None:
    sample.generated = True
    for call in calls:
        request, response = (_made_up(sizes.of(call, side)) for side in ("request", "response"))
        refused = _refused(call)
        if refused or request is None or response is None:
            sample.left_out[refused or "neither its values nor its sizes were kept: record with payloads"] += 1
            continue
        result = response[0] if len(response) == 1 else response
        pickled = pickle.dumps((tuple(request), {}), 5), pickle.dumps(result, 5)
        case = Case(call.function, *pickled, *_work(call, busy_share), call.start_ns, call.duration_ns)
        sample.chosen.append(Chosen(case, tuple(request), {}, result))


def _refused(call: Call) -> str:
    """What of it cannot travel, as the sizes say."""
    for where, each in (("arguments", call.request), ("result", call.response)):
        if each is not None and each.refused:
            return f"{where}: {each.shape}"
    return ""


def _made_up(encoded: Encoded | None) -> list[Any] | None:
    """A text that is so long as JSON, and bytes; None where nothing is known."""
    if encoded is None:
        return None
    beside = max(0, encoded.beside_bytes)
    return ["x" * max(0, _main_bytes(encoded) - 2), *([bytes(beside)] if beside else [])]


def _work(call: Call, busy_share: float) -> tuple[int, int]:
    """Of a recorded call: computing, waiting; ns. All of it is computing where no share is known."""
    share = 1.0 if math.isnan(busy_share) else busy_share
    busy = min(call.cpu_ns, call.duration_ns) if call.cpu_ns >= 0 else round(call.duration_ns * share)
    return busy, call.duration_ns - busy
