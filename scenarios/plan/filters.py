"""Which cells: ``--only AXIS=VALUE[,VALUE]`` and ``--skip AXIS=VALUE[,VALUE]``, on every axis there is.

Values are compared as text, payload sizes as bytes, so that "100 KB", "100KB" and 100000 are one. The axis
`payload_bytes`, so named for its column, is called `payload` where people read and type it; both are understood.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from scenarios.common.errors import FilterError, allowed
from scenarios.common.units import bytes_of, size
from scenarios.plan.circumstances import DEFAULTS

PAYLOAD = "payload_bytes"
ALIASES = {"payload": PAYLOAD, "size": PAYLOAD, "client": "clients", "repeats": "repeat"}

AXES = ("scenario", "contender", "lane", "payload", "clients", "load", *DEFAULTS, "repeat")
"""As help and messages name them."""

Chosen = Mapping[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Filter:
    """A cell is accepted when it has one of the `only` values on each axis named there, and none of `skip`."""

    only: Chosen = dataclasses.field(default_factory=dict)
    skip: Chosen = dataclasses.field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.only or self.skip)

    def __str__(self) -> str:
        """As it is typed."""
        named = (("--only", self.only), ("--skip", self.skip))
        return " ".join(
            f"{option} {_called(axis)}={','.join(of)}" for option, axes in named for axis, of in axes.items()
        )

    def accepts(self, axes: Mapping[str, Any]) -> bool:
        """Whether a cell, or a row of cells.csv, is to be kept."""
        return all(str(axes[axis]) in values for axis, values in self.only.items()) and not any(
            str(axes[axis]) in values for axis, values in self.skip.items()
        )

    def check(self, cells: Iterable[Mapping[str, Any]], axes: Sequence[str], left_out: Collection[str] = ()) -> None:
        """Raises :class:`FilterError` for an axis or a value that none of `cells` has, and when none is left.

        Contenders that are `left_out` already may be skipped all the same.
        """
        cells = list(cells)
        for option, chosen in (("--only", self.only), ("--skip", self.skip)):
            for axis, values in chosen.items():
                if axis not in axes:
                    raise FilterError(f"{option}: there is no axis {axis!r}; {allowed(axis, AXES)}", option)
                there = sorted({str(cell[axis]) for cell in cells}, key=lambda value: (len(value), value))
                for value in values:
                    already = option == "--skip" and axis == "contender" and value in left_out
                    if value not in there and not already:
                        shown = [_shown(axis, each) for each in there]
                        given = _shown(axis, value)
                        what = f"nothing here has {_called(axis)}={given}; {allowed(given, shown)}"
                        raise FilterError(f"{option}: {what}", option)
        if self and not any(map(self.accepts, cells)):
            raise FilterError(f"{self} leaves nothing of {len(cells)} cells", "--only" if self.only else "--skip")

    def resolved(self) -> dict[str, dict[str, list[str]]]:
        """As JSON types."""
        return {name: {axis: list(of) for axis, of in getattr(self, name).items()} for name in ("only", "skip")}

    @classmethod
    def from_resolved(cls, plain: Mapping[str, Mapping[str, Sequence[str]]]) -> Filter:
        """The filter that gave :meth:`resolved`."""
        return cls(**{name: {axis: tuple(of) for axis, of in axes.items()} for name, axes in plain.items()})


def parse(only: Sequence[str], skip: Sequence[str]) -> Filter:
    """The filter of the options as typed. Raises :class:`FilterError`."""
    return Filter(_chosen("--only", only), _chosen("--skip", skip))


def _chosen(option: str, texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    chosen: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, listed = text.partition("=")
        values = [value.strip() for value in listed.split(",")]
        if not equals or not all(values):
            raise FilterError(f"{option} {text}: not AXIS=VALUE[,VALUE], as in lane=bytes,json", option)
        axis = ALIASES.get(name.strip(), name.strip())
        if axis == PAYLOAD:
            values = [str(_bytes(option, value)) for value in values]
        chosen[axis] = tuple(dict.fromkeys((*chosen.get(axis, ()), *values)))
    return chosen


def _bytes(option: str, text: str) -> int:
    count = bytes_of(text)
    if count is None:
        raise FilterError(f"{option}: {text!r} is not a size; a number of bytes, or 100B, 10KB, 2MB", option)
    return count


def _called(axis: str) -> str:
    return "payload" if axis == PAYLOAD else axis


def _shown(axis: str, value: str) -> str:
    short = size(float(value)) if axis == PAYLOAD else value
    return short if axis != PAYLOAD or bytes_of(short) == int(value) else value
