"""Imports go one way. The table is the architecture: a new arrow is a decision, made here."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LIBRARY = {
    "exceptions": set(),
    "layout": set(),
    "names": set(),
    "signals": set(),
    "posix": {"exceptions", "signals"},
    "waiting": {"posix"},
    "scratch": set(),
    "serving": set(),
    "stacks": set(),
    "buffer": {"layout", "names", "posix", "scratch", "waiting", "exceptions"},
    "channel": {"layout", "names", "posix", "buffer"},
    "rendezvous": {"layout", "names", "posix", "buffer", "channel", "exceptions"},
    "transport": {"layout", "names", "posix", "buffer", "channel", "rendezvous", "stacks", "waiting", "exceptions"},
    "header": {"layout", "posix", "exceptions"},
    "control": {"header", "layout", "names", "posix", "exceptions"},
    "connection": {"buffer", "channel", "control", "layout", "names", "posix", "scratch", "serving", "stacks"}
    | {"exceptions"},
    "pool": {"connection", "posix", "stacks", "waiting", "exceptions"},
    "life": {"control", "header", "names", "posix", "exceptions"},
    "endpoint": {
        "buffer",
        "channel",
        "control",
        "header",
        "life",
        "names",
        "posix",
        "scratch",
        "waiting",
        "exceptions",
    },
    "classes": set(),
    "failures": {"classes", "exceptions"},
    "remote_errors": {"failures", "exceptions"},
    "codec": {"classes", "failures", "remote_errors", "exceptions"},
    "proxies": {"exceptions"},
    "parameters": set(),
    "offered": set(),
    "client": {"channel", "codec", "connection", "names", "pool", "proxies", "waiting", "exceptions"},
    "server": {"buffer", "channel", "codec", "endpoint", "failures", "header", "names", "offered"}
    | {"parameters", "serving", "signals", "waiting", "exceptions"},
    "testing": {"exceptions", "layout", "names", "posix"},
    "cleanup": {"buffer", "header", "layout", "names", "posix", "exceptions"},
    "lifeline": set(),
    "keeper": {"cleanup", "lifeline", "posix", "exceptions"},
    "spawning": {"channel", "client", "codec", "keeper", "names", "offered", "waiting"},
    "cli": {"channel", "cleanup", "client", "codec", "lifeline", "names", "offered", "remote_errors"}
    | {"server", "waiting", "exceptions"},
    "__main__": {"cli"},
    "__init__": {"client", "server", "spawning", "transport", "exceptions"},
}
SYSTEM = {"posix_ipc", "mmap", "fcntl", "ctypes"}
PURE = {"exceptions", "layout", "names", "codec", "classes", "failures", "remote_errors", "proxies", "parameters"} | {
    "offered"
}
OF_THE_SYSTEM = {"os", "time", "logging", "threading", "socket", "signal"}


def imports(path):
    """(module, names) for each import of a file; relative ones begin with a dot."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), [alias.name for alias in node.names]


PACKAGES = {"cli", "codec", "posix", "testing"}


def library_modules():
    """All files; of these packages each counts as one module."""
    return sorted((ROOT / "shm_rpc_bridge").rglob("*.py"))


def room(path):
    return path.parent.name if path.parent.name in PACKAGES else path.stem


@pytest.mark.parametrize("path", library_modules(), ids=lambda path: path.stem)
def test_a_module_of_the_library_imports_only_what_is_below_it(path):
    own = set()
    for module, imported in imports(path):
        if module in (".", ".."):
            own |= set(imported)
        elif module.startswith("."):
            own.add(module.lstrip(".").split(".")[0])
    within = {part.stem for part in path.parent.glob("*.py")} if room(path) in PACKAGES else set()
    assert own - within <= LIBRARY[room(path)]


def test_the_arrows_run_one_way():
    done = set()
    while remaining := LIBRARY.keys() - done:
        free = {module for module in remaining if LIBRARY[module] <= done}
        assert free, f"a circle among {remaining}"
        done |= free


@pytest.mark.parametrize("path", library_modules(), ids=lambda path: path.stem)
def test_only_posix_touches_the_system_and_pure_modules_touch_nothing(path):
    roots = {module.split(".")[0] for module, _ in imports(path)}
    if room(path) not in PACKAGES:
        assert not roots & SYSTEM
    if room(path) in PURE:
        assert not roots & OF_THE_SYSTEM


def test_packages_import_one_way_and_only_public_names_of_the_library():
    allowed = {"shm_rpc_bridge": set(), "contenders": {"shm_rpc_bridge"}, "scenarios": {"contenders"}}
    packages = set(allowed)
    for package, below in allowed.items():
        for path in (ROOT / package).rglob("*.py"):
            for module, imported in imports(path):
                root = module.split(".")[0]
                if root in packages and root != package:
                    assert root in below, f"{path} imports {module}"
                    if root == "shm_rpc_bridge":
                        assert module == root, f"{path} imports {module}, which is not public"
                        assert not [name for name in imported if name.startswith("_")]
