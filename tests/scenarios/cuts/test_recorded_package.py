"""From a program to its cuts: recorded, read, and answered in the terminal."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from scenarios.cli.commands import main
from scenarios.cuts import passages
from shm_rpc_bridge.record import read
from tests.scenarios import chromium

ROOT = Path(__file__).parents[3]
REFERENCE = str(ROOT / "results" / "reference")
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
    # What is outside of the package computes far more: on a busy machine what a call took may be taken for CPU time.
    (folder / "main.py").write_text(
        "import asyncio\nfrom shop.web import later, request\nfor _ in range(8): request()\nasyncio.run(later())\n"
        "sum(range(10_000_000))"
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


def cuts(recording: Path, *words: str) -> int:
    """Asked of the committed run; what it leaves is beside the recording."""
    return main(["cuts", str(recording), "--run", REFERENCE, "--results", str(recording.parent / "results"), *words])


def answer(recording: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert cuts(recording, "--json", *words) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_terminal_and_json_name_the_same_cut(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(recording, capsys)
    assert cuts(recording) == 0
    said = capsys.readouterr().out
    for cut in found["cuts"]:
        assert f"{', '.join(cut['modules'])}: " in said
    assert any("shop.filters" in cut["modules"] for cut in found["cuts"])
    assert "of CPU time leaves the process" in said


def test_groups_that_are_cheaper_together_have_their_figures_whether_named_or_not(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(recording, capsys)
    groups = {", ".join(each["modules"]): each for each in found["groups"]}
    assert "shop.cart, shop.web" in groups
    assert all(len(each["modules"]) > 1 for each in found["groups"])
    alone = {each["modules"][0]: each for each in found["modules"]}
    for each in found["groups"]:
        assert set(each) == set(alone["shop.web"]), "calls, bytes, cost, CPU that leaves, and what stays"
        assert each["cost_seconds"]["shm"] < each["apart_seconds"]["shm"]
        assert each["apart_seconds"]["shm"] <= sum(alone[name]["cost_seconds"]["shm"] for name in each["modules"])
    assert cuts(recording) == 0
    said = capsys.readouterr().out
    assert "Groups that are cheaper together than apart" in said
    assert "shm, apart" in said


def test_what_would_have_to_stay_is_named_with_its_callers(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(recording, capsys)
    assert found["stays"]["shop.cart:note"] == {
        "why": passages.MUTATES,
        "calls": 8,
        "called_from": {"shop.web": 8},
    }
    assert cuts(recording) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "shop.cart:note │ shop.web │ 8 │ changes its arguments" in said


def test_a_page_and_the_figures_are_left_in_a_folder(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(recording, capsys)
    folder = Path(found.pop("folder"))
    assert folder.name.startswith("cuts-")
    assert json.loads((folder / "cuts.json").read_text()) == found
    page = (folder / "report.html").read_text()
    for text in ("Where to cut: calls.rec", "The best cuts", "Groups that are cheaper", "Each module by itself"):
        assert text in page
    assert "What would have to stay" in page
    assert "shop.cart:Cart.put" in page
    assert "data:image/png;base64," in page
    assert (folder / "cuts.png").read_bytes().startswith(b"\x89PNG")
    assert "filters" in (folder / "cuts.svg").read_text()
    assert cuts(recording) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert Path(last.removeprefix("in ")).is_file(), "where it is, is said"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_telephone_and_asks_for_nothing(
    recording: Path, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    chromium.skip_or_fail_without()
    folder = Path(answer(recording, capsys, "--contender", "all")["folder"])
    with chromium.browser() as running:
        page = chromium.opened(running, folder / "report.html", width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(each => each.naturalWidth > 0)")
        assert page.complaints == []  # type: ignore[attr-defined]
        assert len(page.requests) == 1  # type: ignore[attr-defined]


def test_contenders_are_named_as_for_a_replay_and_the_first_one_ranks(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(recording, capsys)["contenders"] == ["shm", "mp-pipe", "zmq-ipc", "grpc-uds"]
    named = answer(recording, capsys, "--contender", "pynng,mp-pipe", "--contender", "shm,pynng")
    assert named["contenders"] == ["pynng", "mp-pipe", "shm"]
    every = answer(recording, capsys, "--contender", "all")["contenders"]
    assert every[0] == "shm"
    assert {"shm-block", "iceoryx2", "rpyc", "http-uds"} <= set(every)
    assert len(set(every)) == len(every) > 20
    assert answer(recording, capsys, "--contender", "pynng,all")["contenders"][:2] == ["pynng", "shm"]
    assert "direct" not in every, "no call of it leaves the process"


def test_a_group_can_be_asked_for(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cuts(recording, "--group", "shop.images,shop.filters", "--contender", "mp-pipe") == 0
    said = capsys.readouterr().out
    assert "The groups that were asked for" in said
    assert "Cut 1, shop.filters, shop.images: " in said
    assert "mp-pipe, apart" in said
    assert "shm" not in said.replace("shm_rpc_bridge", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--group", "shop.none"], "no such module was called; there are shop.filters"),
        (["--contender", "telegraph"], "telegraph was not measured in that run"),
        (["--contender", "telegraph,all"], "telegraph was not measured in that run"),
    ],
)
def test_what_is_not_there_is_said(
    recording: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cuts(recording, *arguments) == 2
    assert said in capsys.readouterr().err


def test_another_file_and_another_kind_of_recording_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cuts(tmp_path / "none.rec") != 0
    assert "No such file" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_what_could_not_be_recorded_of_a_cut_is_named(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody knows whether it would cross."""
    program = passages.of_recording(read(recording))
    assert list(program.refused) == ["shop.filters:parts"]
    assert "is a generator" in program.refused["shop.filters:parts"]
    assert cuts(recording) == 0
    assert "Not recorded, and so not known to stay or to cross: shop.filters:parts." in capsys.readouterr().out
