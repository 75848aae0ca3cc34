"""A headless Chromium that does as it is told: the DevTools protocol over two pipes, and nothing else to install.

One browser at a time, from one thread; ``with Browser() as browser`` ends its processes and removes its profile.
Every wait has an end (:data:`PATIENCE_S`). Protocol: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

REQUIRED = ("BROWSER_TESTS", "required")
"""The environment variable, and its value, with which a test that needs a browser fails without one."""
MISSING = "no chromium on the path; apt-get install chromium brings it"
PATIENCE_S = 60.0
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    *("--hide-scrollbars", "--remote-debugging-pipe"),
)
ITS_INPUT, ITS_OUTPUT = 3, 4
"""The descriptors the browser reads commands from and writes to, by --remote-debugging-pipe."""


def find() -> str | None:
    """The browser's program, or None where there is none."""
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


def skip_or_fail_without() -> None:
    """Return where there is a browser. Else skip the test, or fail it where :data:`REQUIRED` says so."""
    if find() is None:
        variable, value = REQUIRED
        if os.environ.get(variable) == value:
            pytest.fail(f"{MISSING}; {variable}={value} forbids to skip", pytrace=False)
        pytest.skip(MISSING)


class Browser:
    """One running browser with one page."""

    def __init__(self) -> None:
        program = find()
        if program is None:
            raise FileNotFoundError(MISSING)
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()

        def place_pipes() -> None:
            # The new ends must not fall on a number that is still needed: out of the way first.
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands, answers)]
            os.dup2(ends[0], ITS_INPUT)
            os.dup2(ends[1], ITS_OUTPUT)

        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._profile}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=place_pipes,
            start_new_session=True,
            env=os.environ | {"TMPDIR": self._profile},  # what it leaves behind goes with the profile
        )
        os.close(commands)
        os.close(answers)
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []
        """What the page said of itself, in order."""
        self._session = ""
        try:
            target = self.send("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.send(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and all its processes. Idempotent."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for end in (self._commands, self._answers):
            with contextlib.suppress(OSError):
                os.close(end)
        shutil.rmtree(self._profile, ignore_errors=True)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command; its result. Raises :class:`RuntimeError` with what the browser says is wrong."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
        raise RuntimeError("the browser has gone")

    def open(
        self, file: Path, *, width: int = 1280, height: int = 800, dark: bool = False, script: bool = True
    ) -> None:
        """Load a page and wait until all of it is there. `events` begin anew."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Emulation.setScriptExecutionDisabled", value=not script)
        self.events.clear()
        self.send("Page.navigate", url=file.resolve().as_uri())
        if any(event["method"] == "Page.loadEventFired" for event in self.events):
            return
        for message in self._messages():
            if message.get("method") == "Page.loadEventFired":
                return

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; it must be JSON."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description", str(found)))
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """A key on the keyboard, as from a user: ``Enter``, ``Tab``."""
        code = {"Enter": 13, "Tab": 9}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """What is seen, or the whole page, as PNG."""
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(found["data"]))

    def _messages(self) -> Iterator[dict[str, Any]]:
        """What the browser says from now on; events are kept as well."""
        end = time.monotonic() + PATIENCE_S
        while True:
            while b"\0" not in self._buffer:
                ready, _, _ = select.select([self._answers], [], [], max(0, end - time.monotonic()))
                if not ready:
                    raise TimeoutError(f"the browser said nothing for {PATIENCE_S:g} s")
                part = os.read(self._answers, 1 << 20)
                if not part:
                    return
                self._buffer += part
            line, _, self._buffer = self._buffer.partition(b"\0")
            message = json.loads(line)
            if "method" in message:
                self.events.append(message)
            yield message
