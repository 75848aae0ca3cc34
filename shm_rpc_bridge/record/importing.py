"""Be told when modules of certain names have been imported, before whoever imports them goes on. For one recording."""

from __future__ import annotations

import sys
import threading
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Sequence


class Watch(MetaPathFinder):
    """Asks the other finders for a module that is `wanted`, and calls `then` with it once it has run.

    Between :meth:`begin` and :meth:`end` only. Thread-safe, as imports of different modules run in several threads.
    """

    def __init__(self, wanted: Callable[[str], bool], then: Callable[[ModuleType], None]) -> None:
        self._wanted, self._then = wanted, then
        self._asking = threading.local()

    def begin(self) -> None:
        sys.meta_path.insert(0, self)

    def end(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if getattr(self._asking, "name", None) == fullname or not self._wanted(fullname):
            return None
        before, self._asking.name = getattr(self._asking, "name", None), fullname
        try:
            for finder in list(sys.meta_path):
                ask = getattr(finder, "find_spec", None)
                if ask is None or finder is self:
                    continue
                spec: ModuleSpec | None = ask(fullname, path, target)
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Telling(spec.loader, self._then)
                    return spec
        finally:
            self._asking.name = before
        return None


class _Telling(Loader):
    """The module's own loader, which tells when it has run, and leaves its place to the other then."""

    def __init__(self, loader: Any, then: Callable[[ModuleType], None]) -> None:
        self._loader, self._then = loader, then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
