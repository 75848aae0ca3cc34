"""What a stream costs, from the streams that a run has measured."""

import json
from pathlib import Path

import pytest

from scenarios.advice.curves import AdviceError
from scenarios.advice.streams import answer
from scenarios.cli.commands import main
from scenarios.statistics import figures
from tests.scenarios.rows import repeats, run_of

COST = {"client_cpu_us_per_call": 2000.0, "server_cpu_us_per_call": 1000.0}
SHORT = {"scenario": "s/streams", "items": 1000, **COST}
CELLS = figures.frame(
    [
        *repeats("shm", (3000, 3000, 3300), payload_bytes=100, **SHORT),
        *repeats("shm", (10_000, 10_000, 10_000), payload_bytes=2100, **SHORT),
        *repeats("grpc-uds", (150_000, 150_000, 150_000), payload_bytes=100, **SHORT),
        *repeats("shm", (5, 5, 5), payload_bytes=100),
    ]
)


def test_a_measured_stream_is_answered_as_it_was_measured() -> None:
    first, second = answer(CELLS, "json", 100, 1000)
    assert (first.contender, first.item_us.value, first.client_cpu_us, first.server_cpu_us) == ("shm", 3.0, 2.0, 1.0)
    assert (second.contender, second.items_per_s) == ("grpc-uds", pytest.approx(1e6 / 150, rel=1e-9))


def test_between_two_sizes_an_item_costs_a_constant_and_a_part_per_byte() -> None:
    (only,) = answer(CELLS, "json", 1100, 10_000)
    assert only.item_us.value == pytest.approx(6.5)


def test_half_as_many_items_as_were_measured_are_enough() -> None:
    assert [each.contender for each in answer(CELLS, "json", 100, 500)] == ["shm", "grpc-uds"]
    with pytest.raises(AdviceError, match="were not measured"):
        answer(CELLS, "json", 100, 499)


def test_between_sizes_that_are_too_far_apart_nothing_is_said() -> None:
    far = figures.frame(
        [row for size in (100, 10_000_000) for row in repeats("shm", (3000, 3000, 3000), payload_bytes=size, **SHORT)]
    )
    with pytest.raises(AdviceError, match="were not measured"):
        answer(far, "json", 1_000_000, 1000)


@pytest.mark.parametrize(
    ("item_bytes", "items", "lane"), [(100_000, 1000, "json"), (100, 10, "json"), (100, 1000, "native")]
)
def test_what_was_not_measured_is_said_with_what_was(item_bytes: int, items: int, lane: str) -> None:
    with pytest.raises(AdviceError, match=r"1,000 of 100 B|python -m scenarios run streams"):
        answer(CELLS, lane, item_bytes, items)


def test_the_newest_run_with_streams_answers_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = dict(SHORT, p99_us=9000, calls=100)
    rows = [
        *repeats("shm", (3000, 3000, 3300), payload_bytes=100, **shown),
        *repeats("grpc-uds", (150_000,) * 3, payload_bytes=100, **shown),
    ]
    run_of(tmp_path / "2026-01-01T00-00-00Z_streams", rows)
    run_of(tmp_path / "2026-01-02T00-00-00Z_other", repeats("shm", (5, 5, 5)))
    asked = ["advise", "--items", "5000", "--payload", "100B", "--lane", "json", "--results", str(tmp_path)]
    assert main([*asked, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["contender"] for row in said["rows"]] == ["shm", "grpc-uds"]
    assert main(asked) == 0
    assert (
        "shm is the quickest way into another process: 3.00 µs an item; grpc-uds takes 150" in capsys.readouterr().out
    )


def test_calls_need_a_rate_and_streams_do_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["advise", "--payload", "2KB"]) == 2
    assert "--rate is needed" in capsys.readouterr().err
    assert main(["advise", "--items", "10", "--payload", "2KB", "--results", str(tmp_path)]) == 2
    assert "python -m scenarios run streams" in capsys.readouterr().err
