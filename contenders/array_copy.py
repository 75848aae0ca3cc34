"""A bare copy of the array before a call that leaves no process: what figures of lane ``arrays`` are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from contenders.direct import NO_WORKERS, DirectCaller, InProcess, methods_at
from contenders.interface import Caller
from contenders.service import Methods


class Copy(InProcess):
    """As :class:`contenders.direct.Direct`, called with a copy in memory that each caller keeps."""

    name = "copy"
    summary = "One copy of the array, into memory that is kept, and the direct call with it: what a memory copy costs."
    lanes: ClassVar[tuple[str, ...]] = ("arrays",)

    def connect(self, address: str) -> Caller:
        return _CopyingCaller(methods_at(address))

    def settings(self) -> Mapping[str, str]:
        return {"transport": "none: numpy.copyto and the direct call", "codec": "none", **NO_WORKERS}


class _CopyingCaller(DirectCaller):
    """Its result may be the copy, good until the next call. For one thread at a time."""

    def __init__(self, methods: Methods) -> None:
        super().__init__(methods)
        self._kept = np.empty(0)

    def call(self, method: str, payload: Any) -> Any:
        if self._kept.shape != payload.shape or self._kept.dtype != payload.dtype:
            self._kept = np.empty_like(payload)
        np.copyto(self._kept, payload)
        return super().call(method, self._kept)
