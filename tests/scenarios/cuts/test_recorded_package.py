"""From a program to its cuts: recorded, read, and answered in the terminal."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scenarios.cli.commands import main
from scenarios.cuts import passages
from shm_rpc_bridge.record import read

ROOT = Path(__file__).parents[3]
MODULES = {
    "__init__": "",
    "web": """
        from shop import cart, images
        def request():
            mine = cart.Cart()
            for price in range(10):
                mine.put(price)
            cart.note([], mine.sum)
            return images.thumbnail(bytes(20_000))
        async def later():
            import asyncio
            await asyncio.gather(*(images.soon(each) for each in range(3)))
            return list(map(images.at_once, range(4)))
        """,
    "cart": """
        class Cart:
            def __init__(self): self.sum = 0
            def put(self, price): self.sum += price
        def note(lines, line): lines.append(line)
        """,
    "images": """
        from shop.filters import squeeze
        def thumbnail(data): return squeeze(data, 60)
        async def soon(number): return number
        def at_once(number): return number
        """,
    "filters": """
        import zlib
        def squeeze(data, times):
            return [zlib.compress(data, 9) for _ in range(times)][0]
        def parts(data): yield data
        """,
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    (folder / "shop").mkdir()
    for name, text in MODULES.items():
        (folder / "shop" / f"{name}.py").write_text(textwrap.dedent(text))
    (folder / "main.py").write_text(
        "import asyncio\nfrom shop.web import later, request\nfor _ in range(8): request()\nasyncio.run(later())"
    )
    command = [sys.executable, "-m", "shm_rpc_bridge.record", "--package", "shop", "--payloads", "sizes"]
    subprocess.run(
        [*command, "-o", "calls.rec", "--", "main.py"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
    )
    return folder / "calls.rec"


def test_time_is_given_to_the_module_it_is_spent_in(recording: Path) -> None:
    program = passages.of_recording(read(recording))
    calls = {(each.caller, each.function): each.calls for each in program.passages}
    assert calls["shop.images", "shop.filters:squeeze"] == 8
    assert calls[passages.OUTSIDE, "shop.web:request"] == 8
    assert program.modules[0] == "shop.filters"
    assert calls["shop.web", "shop.images:soon"] == 3, "by way of the event loop"
    assert calls["shop.web", "shop.images:at_once"] == 4, "by way of map"
    total = sum(each.own_seconds for each in program.passages)
    outermost = sum(call.duration_ns for call in read(recording).calls if not call.parent) / 1e9
    assert total == pytest.approx(outermost)
    sizes = {each.function: each.message_bytes for each in program.passages}
    assert 20_000 <= sizes["shop.images:thumbnail"] < 22_000


def test_what_would_have_to_stay_is_known(recording: Path) -> None:
    reasons = passages.of_recording(read(recording)).reasons
    assert reasons["shop.cart:note"] == passages.MUTATES
    assert reasons["shop.cart:Cart.put"] == passages.OBJECT
    assert "shop.filters:squeeze" not in reasons


def test_the_terminal_and_json_name_the_same_cut(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cuts", str(recording), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert main(["cuts", str(recording)]) == 0
    said = capsys.readouterr().out
    for cut in answer["cuts"]:
        assert f"{', '.join(cut['modules'])}: " in said
    assert any("shop.filters" in cut["modules"] for cut in answer["cuts"])
    assert "of CPU time leaves the process" in said


def test_a_group_can_be_asked_for(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cuts", str(recording), "--group", "shop.images,shop.filters", "--contender", "mp-pipe"]) == 0
    said = capsys.readouterr().out
    assert "1. shop.filters, shop.images: " in said
    assert "mp-pipe costs, s" in said
    assert "shm" not in said.replace("shm_rpc_bridge", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--group", "shop.none"], "no such module was called; there are shop.filters"),
        (["--contender", "telegraph"], "telegraph was not measured in that run"),
    ],
)
def test_what_is_not_there_is_said(
    recording: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cuts", str(recording), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_another_file_and_another_kind_of_recording_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cuts", str(tmp_path / "none.rec")]) != 0
    assert "No such file" in capsys.readouterr().err


def test_what_could_not_be_recorded_of_a_cut_is_named(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody knows whether it would cross."""
    program = passages.of_recording(read(recording))
    assert list(program.refused) == ["shop.filters:parts"]
    assert "is a generator" in program.refused["shop.filters:parts"]
    assert main(["cuts", str(recording)]) == 0
    assert "Not recorded, and so not known to stay or to cross: shop.filters:parts." in capsys.readouterr().out
