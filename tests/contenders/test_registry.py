from __future__ import annotations

import csv
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from contenders import registry
from contenders.direct import Direct
from contenders.interface import LANES, Contender
from contenders.registry import ENTRY_POINT_GROUP, ContenderUnavailable, UnknownContender
from tests.contenders.third_party import ThirdParty

ROOT = Path(__file__).parents[2]
GONE: set[str] = set()
"""Taken out since the committed run, which measured them."""
# What a contender is imported with: replacing these would make two classes of one name.
KEPT = {"contenders", "contenders.registry", "contenders.interface"}


def install(monkeypatch: pytest.MonkeyPatch, **targets: str) -> None:
    """Let `targets` (name: "module:Class") stand in for what other packages have installed."""
    points = [EntryPoint(name.replace("_", "-"), value, ENTRY_POINT_GROUP) for name, value in targets.items()]

    def entry_points(**selection: Any) -> EntryPoints:
        return EntryPoints(points).select(**selection)

    monkeypatch.setattr(registry, "entry_points", entry_points)
    monkeypatch.setattr(registry, "_installed", registry._installed.__wrapped__)


def test_every_known_contender_loads_under_its_own_name() -> None:
    for name in registry.names():
        kind = registry.described(name)
        assert issubclass(kind, Contender)
        assert kind.name == name
        assert set(kind.lanes) <= set(LANES)
        if sys.version_info[:2] >= kind.python:
            assert registry.load(name) is kind


def test_a_contender_for_a_newer_python_says_which_and_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, third_party="tests.contenders.third_party:ThirdParty")
    monkeypatch.setattr(ThirdParty, "python", (3, 99))
    with pytest.raises(ContenderUnavailable, match=r"needs Python 3\.99 or newer, and this is 3\.\d+\.\d+"):
        registry.load("third-party")
    assert registry.described("third-party") is ThirdParty


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="is available in Python 3.14 and newer")
def test_interpreters_are_not_available_before_python_3_14() -> None:
    with pytest.raises(ContenderUnavailable, match=r"contender interpreters is not available: it needs Python 3\.14"):
        registry.load("interpreters")


def test_every_contender_of_the_committed_run_is_known_or_known_to_have_gone() -> None:
    rows = csv.DictReader((ROOT / "results" / "reference" / "cells.csv").read_text().splitlines())
    assert {row["contender"] for row in rows} <= {*registry.names(), *GONE}
    assert not {*registry.names()} & GONE


def test_listing_the_contenders_imports_none_of_their_dependencies() -> None:
    program = (
        "import sys; from contenders import registry; registry.names(); registry.load('direct');"
        "heavy = {'grpc', 'zmq', 'google.protobuf', 'shm_rpc_bridge', 'numpy', 'iceoryx2', 'callserver', 'pynng', "
        "'Pyro5', 'rpyc', 'starlette', 'uvicorn', 'httpx', 'asyncio', 'concurrent.futures.process'};"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownContender) as caught:
        registry.load("grcp-uds")
    message = str(caught.value)
    assert "'grcp-uds'" in message
    assert all(name in message for name in registry.names())
    assert "nobody" not in registry.Registered()


def test_another_package_can_add_a_contender(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, third_party="tests.contenders.third_party:ThirdParty")
    assert registry.names()[-1] == "third-party"
    assert registry.load("third-party").__name__ == "ThirdParty"


def test_a_built_in_name_cannot_be_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, direct="tests.contenders.third_party:ThirdParty")
    assert registry.names().count("direct") == 1
    assert registry.load("direct") is Direct


def test_a_target_that_is_no_contender_of_that_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, other="tests.contenders.third_party:ThirdParty", text="string:ascii_letters")
    for name in ("other", "text"):
        with pytest.raises(ContenderUnavailable, match=f"not a Contender with the name '{name}'"):
            registry.load(name)


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("zmq-ipc", "zmq", "pyzmq"),
        ("zmq-dealer", "zmq", "pyzmq"),
        ("grpc-uds", "grpc", "grpcio"),
        ("grpc-aio", "grpc", "grpcio"),
        ("iceoryx2-event", "iceoryx2", "iceoryx2"),
        ("pynng", "pynng", "pynng"),
        ("callserver", "callserver", "callserver"),
        ("shm-msgpack", "msgspec", "msgspec"),
        ("pyro5", "Pyro5", "Pyro5"),
        ("rpyc", "rpyc", "rpyc"),
        ("asyncio-uds-tuned", "uvloop", "uvloop"),
        ("http-uds", "starlette", "starlette"),
        ("http-uds", "uvicorn", "uvicorn"),
        ("http-uds", "uvloop", "uvloop"),
        ("http-uds", "httptools", "httptools"),
        ("http-uds-stdlib", "uvicorn", "uvicorn"),
    ],
)
def test_a_missing_dependency_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, package: str
) -> None:
    class Absent:
        """An import system in which `module` is not installed."""

        def find_spec(self, wanted: str, *_: object) -> None:
            if wanted.partition(".")[0] == module:
                raise ModuleNotFoundError(f"No module named {wanted!r}", name=wanted)

    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    for loaded in list(sys.modules):
        if loaded.partition(".")[0] in (module, "contenders") and loaded not in KEPT:
            monkeypatch.delitem(sys.modules, loaded)
    with pytest.raises(ContenderUnavailable) as caught:
        registry.load(name)
    assert (caught.value.name, package in caught.value.remedy) == (name, True)


def test_a_contender_that_cannot_be_loaded_here_is_known_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking whether there is one imported it, and ended in a traceback."""
    monkeypatch.setitem(registry.BUILT_IN, "shm", "no_such_package.module:Shm")
    assert "shm" in registry.Registered()
    assert "shm-" not in registry.Registered()


def test_a_third_party_module_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, third_party="not_installed_anywhere.contender:Some")
    with pytest.raises(ContenderUnavailable, match="pip install not_installed_anywhere"):
        registry.load("third-party")


def test_a_package_that_is_broken_is_named_with_what_it_raises(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_package.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    install(monkeypatch, other="broken_package:Some", lacking="string:NoSuchName")
    with pytest.raises(ContenderUnavailable, match="broken_package:Some fails with ZeroDivisionError"):
        registry.load("other")
    with pytest.raises(ContenderUnavailable, match="string:NoSuchName fails with AttributeError"):
        registry.load("lacking")
