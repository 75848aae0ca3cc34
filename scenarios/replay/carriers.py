"""Who carries a function's calls: a contender, one of its lanes, and the codec of that lane.

=============  ======================================================================================================
codec          lane
=============  ======================================================================================================
`json`         ``json``, orjson for everybody
`json+beside`  ``native`` of the library's contenders with JSON: bytes and arrays travel beside, their types kept
`msgpack`      ``native`` of ``shm-msgpack``
`pickle`       ``pickle`` where a contender has it; else lane ``bytes``, and the replay pickles on both sides itself
`none`         ``native`` of ``direct``: by reference, the program as it is
=============  ======================================================================================================

Those of one contender are tried in that order, the cheapest first: the first that carries all calls of a function is
taken.
"""

from __future__ import annotations

import dataclasses

from contenders import registry
from contenders.interface import Contender
from contenders.registry import ContenderUnavailable, UnknownContender
from scenarios.common.errors import UsageError
from scenarios.replay import codecs
from scenarios.replay.defaults import ALL, CONTENDERS, DIRECT
from scenarios.replay.travel import Travel

_CANNOT = {
    "noop": "it runs no method",
    "shm-processes": "its processes run functions of a module, and a replay's answers are an object's",
}
_JSON_BESIDE = "shm"
"""First word of the contenders whose JSON has frames beside it."""


@dataclasses.dataclass(frozen=True)
class Carrier:
    """How a contender carries."""

    contender: str
    lane: str
    codec: str

    @property
    def pickles_itself(self) -> bool:
        """Whether the replay pickles, and the contender carries bytes."""
        return self.lane == "bytes"

    def __str__(self) -> str:
        return "by reference" if self.codec == codecs.NONE else f"{self.codec}, lane {self.lane}"


@dataclasses.dataclass(frozen=True)
class Choice:
    """Of one function and one contender."""

    carrier: Carrier | None
    why_not: str = ""
    """Of each carrier, where there is none that carries everything."""


def of(contender: str, lanes: tuple[str, ...]) -> list[Carrier]:
    """A contender's, in the order they are tried."""
    if contender == DIRECT:
        return [Carrier(contender, "native", codecs.NONE)]
    if contender.split("-")[0] == _JSON_BESIDE and "native" in lanes:
        first = [Carrier(contender, "native", codecs.MSGPACK if contender == "shm-msgpack" else codecs.BESIDE)]
    elif "json" in lanes:
        first = [Carrier(contender, "json", codecs.JSON)]
    else:
        first = []
    pickling = next((lane for lane in ("pickle", "bytes") if lane in lanes), None)
    return first + ([Carrier(contender, pickling, codecs.PICKLE)] if pickling else [])


def found(names: list[str]) -> tuple[dict[str, type[Contender]], list[str]]:
    """Those contenders that are here, ``direct`` among them, and a sentence for each that is left out.

    Raises :class:`UsageError` for a name nobody has.
    """
    known: dict[str, type[Contender]] = {}
    left_out = []
    asked = registry.names() if ALL in names else names or CONTENDERS
    for name in dict.fromkeys([*asked, DIRECT]):
        try:
            kind = registry.load(name)
        except UnknownContender as error:
            raise UsageError(str(error)) from None
        except ContenderUnavailable as error:
            left_out.append(str(error))
            continue
        if name in _CANNOT or not of(name, kind.lanes):
            why = _CANNOT.get(name, f"it has no lane that carries a call's values, but {', '.join(kind.lanes)}")
            left_out.append(f"contender {name}: {why}")
            continue
        known[name] = kind
    return known, left_out


def choice(travel: Travel, carriers: list[Carrier], *, allow_changed: bool = False) -> Choice:
    """The first that carries all of a function's replayed calls; `allow_changed`: or changes some."""
    why = []
    for carrier in carriers:
        if carrier.codec == codecs.NONE:
            return Choice(carrier)
        way = travel.ways[carrier.codec]
        if way.carries_all or (allow_changed and way.takes_all):
            return Choice(carrier)
        count = way.changed + way.refused
        first = f" ({way.reasons[0][0]})" if way.reasons else ""
        why.append(f"{carrier} does not carry {count} of {travel.calls} calls{first}")
    return Choice(None, "; ".join(why) or "it has no lane for them")
