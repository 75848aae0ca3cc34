"""What a contender is, whatever its lane: its addresses, its settings, and what it has not."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from contenders.interface import Contender
from tests.contenders.conformance.conforming import EVERY

# A Connection of multiprocessing that fails to send leaves a buffer in its traceback, and Python 3.14 complains of one
# that is collected in a circle.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored while finalizing file <_io.BytesIO:pytest.PytestUnraisableExceptionWarning"
)


# What a contender is does not depend on the lane.
ONCE = [
    pytest.param(parameter.values[0], id=parameter.values[0].name, marks=parameter.marks)
    for parameter in {parameter.values[0].name: parameter for parameter in EVERY}.values()
]


@pytest.mark.parametrize("contender", [parameter for parameter in ONCE if not parameter.values[0].is_async])
def test_any_other_contender_says_that_it_has_no_asyncio_client(contender: Contender, tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match=f"{contender.name} has no asyncio client"):
        asyncio.run(contender.connect_async(contender.new_address(tmp_path)))


@pytest.mark.parametrize("contender", ONCE)
def test_addresses_are_never_used_again(contender: Contender, tmp_path: Path) -> None:
    assert len({contender.new_address(tmp_path) for _ in range(100)}) == 100


@pytest.mark.parametrize("contender", ONCE)
def test_what_it_is_and_every_setting_are_there_to_be_printed(contender: Contender) -> None:
    assert re.fullmatch(r"[A-Z\w].+\.", contender.summary)
    assert contender.wait in ("adaptive", "block", "spin", "none")
    for lane in contender.lanes:
        settings = type(contender)(lane).settings()
        assert "server workers" in settings
        assert all(isinstance(text, str) and text for pair in settings.items() for text in pair)
