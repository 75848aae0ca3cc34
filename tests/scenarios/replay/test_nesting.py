"""Which recorded calls were made inside which."""

from pathlib import Path

import pytest

from scenarios.replay import nesting
from shm_rpc_bridge import record

PROGRAM = """
def leaf(): return sum(range(2000))
def middle(): return leaf()
def outer(): return middle()
def deep(left): return deep(left - 1) if left else leaf()
"""


def test_of_each_function_the_time_inside_others_and_itself_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nested_program.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    import nested_program  # type: ignore[import-not-found]

    names = [f"nested_program:{name}" for name in ("leaf", "middle", "outer", "deep")]
    with record.record(*names, output=tmp_path / "calls.rec"):
        nested_program.leaf()
        nested_program.middle()
        nested_program.outer()
        nested_program.deep(2)
    recording = record.read(tmp_path / "calls.rec")
    found = nesting.shares(recording)
    leaf, middle, outer, deep = names
    assert set(found[leaf]) == {frozenset({middle}), frozenset({middle, outer}), frozenset({deep})}
    assert set(found[deep]) == {frozenset({deep})}
    assert outer not in found, "which is in none"
    durations = [call.duration_ns for call in recording.calls if call.function == leaf]
    assert found[leaf][frozenset({middle})] == pytest.approx(durations[1] / sum(durations))
