"""What a command says on standard error: sentences for people, or one JSON object per line (``--errors json``).

The objects' keys are described in :mod:`scenarios.common.errors`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scenarios.common.errors import Mistake, UserError, as_json
from scenarios.plan.circumstances import told

if TYPE_CHECKING:
    from scenarios.records.store import Run

FORMATS = ("text", "json")


def errors_format(arguments: list[str]) -> str:
    """What ``--errors`` asks for, before the rest is understood: the rest may be what is wrong."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--errors", default="text")
    try:
        return str(parser.parse_known_args(arguments)[0].errors)
    except argparse.ArgumentError:
        return "text"


class Reporter:
    """Says what went wrong, in one of :data:`FORMATS`."""

    def __init__(self, form: str) -> None:
        self._json = form == "json"

    def error(self, error: UserError) -> None:
        """A mistake of the user's."""
        if not self._json:
            self._say(str(error))
        for mistake in error.mistakes if self._json else ():
            self._say(as_json(error.kind, mistake))

    def failures(self, run: Run) -> None:
        """The cells of a run that gave no number, as failures.json has them."""
        failures = run.failures()
        where = run.folder / "failures.json"
        for key, why in failures.items():
            message = f"{why['kind']}: {why['reason']}"
            if self._json:
                mistake = Mistake(message, file=str(where), key=key)
                self._say(as_json("failed-cell", mistake, axes=why["axes"], reason_kind=why["kind"]))
            else:
                axes = " ".join(f"{axis}={value}" for axis, value in told(why["axes"]).items())
                self._say(f"failed: {axes}: {message}")
        if failures and not self._json:
            self._say(f"{len(failures)} cells failed; see {where}")

    def interrupted(self, message: str, run: Run | None = None, further: Sequence[str] = ()) -> None:
        """Ctrl-C: what there is, and how to go on with it."""
        if self._json:
            said = "; ".join([message, *further])
            self._say(as_json("interrupted", Mistake(said, file=str(run.folder) if run else None)))
        else:
            self._say("\n".join([f"\n{message}", *further]))

    @staticmethod
    def _say(text: str) -> None:
        print(text, file=sys.stderr)
