"""Which recorded calls were made inside which: whatever is added up over functions is to count them once."""

from __future__ import annotations

from collections import Counter, defaultdict

from scenarios.replay.recorded import Recording

Shares = dict[frozenset[str], float]


def shares(recording: Recording) -> dict[str, Shares]:
    """Of each function, what part of its time was inside calls of others, or of its own: of which ones, all of them."""
    functions = {(call.process, call.number): call.function for call in recording.calls}
    around: dict[tuple[int, int], frozenset[str]] = {}
    took: Counter[str] = Counter()
    inside: dict[str, Counter[frozenset[str]]] = defaultdict(Counter)
    for call in sorted(recording.calls, key=lambda each: each.number):  # a call's number is above its parent's
        took[call.function] += call.duration_ns
        parent = call.process, call.parent
        if parent in functions:
            outer = around.get(parent, frozenset()) | {functions[parent]}
            around[call.process, call.number] = outer
            inside[call.function][outer] += call.duration_ns
    return {
        name: {outer: ns / took[name] for outer, ns in parts.items()} for name, parts in inside.items() if took[name]
    }
