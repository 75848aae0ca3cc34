"""A measured process, from its start to its end: see :mod:`scenarios.ab.measured` for what it says and hears."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from scenarios.ab.checkouts import Checkout, command, environment, last_line
from scenarios.common.errors import CheckoutError

STOP_S = 8.0
"""A server ends by itself in this time after it was told to; its own patience is 5 s."""


class Process:
    """A measured process. It ends when its standard input does, so also when this one dies."""

    def __init__(self, role: str, checkout: Checkout, options: Mapping[str, Any], scratch: Path) -> None:
        self._role, self._checkout = role, checkout
        self._errors = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115  closed in __exit__
        self._given_up = ""
        # A group of its own: Ctrl-C is for the harness to answer, which then ends this one.
        self._process = subprocess.Popen(
            command(role, options),
            env=environment(checkout.folder, scratch),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            process_group=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._of = self._process.stdin, self._process.stdout
        self.pid = self._process.pid

    def tell(self, what: int) -> None:
        """A number. Raises :class:`CheckoutError` when it is gone."""
        try:
            self._to.write(json.dumps(what).encode())
            self._to.flush()
        except BrokenPipeError:
            raise self._failed() from None

    def hear(self) -> dict[str, Any]:
        """What it says next. Raises :class:`CheckoutError` when it has failed or was given up."""
        line = self._of.readline()
        if not line:
            raise self._failed()
        said: dict[str, Any] = json.loads(line)
        return said

    def read(self, calls: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The ns of its calls. Raises :class:`CheckoutError`."""
        data = self._of.read(8 * calls)
        if len(data) < 8 * calls:
            raise self._failed()
        return np.frombuffer(data, np.int64)

    def finish(self) -> None:
        """It has reported: a moment to close its connection. Raises :class:`CheckoutError` when that fails."""
        if self._process.wait():  # no limit: the block has one
            raise self._failed()

    def give_up(self, why: str) -> None:
        """It is killed, and whoever waits for it is told why. From any thread."""
        self._given_up = why
        self._process.kill()

    def _failed(self) -> CheckoutError:
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")
        why = last_line(said) if said else f"it ended with exit code {code} and said nothing"
        return CheckoutError(f"{self._checkout.asked}: its {self._role} failed: {self._given_up or why}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._to.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._of.close()
        self._errors.close()
