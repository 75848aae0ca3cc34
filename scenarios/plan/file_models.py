"""What can be written into a scenario file, key by key: pydantic's models, which refuse everything else.

The catalogue of contenders is pydantic's context. A key is checked against those above it in its table, as far as
they are right themselves, so that every mistake of a file is found in one go.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from contenders.interface import LANES, Contender
from contenders.registry import ContenderUnavailable
from scenarios.common.units import SIZE, bytes_of
from scenarios.plan import payloads
from scenarios.plan.circumstances import FREE, FRESH, HEAPS, NOTHING, PLACEMENTS, SLOW_CALLS, validated_beside
from scenarios.plan.load import CLOSED, Load
from scenarios.plan.toml_mistakes import unknown

MOST_CLIENTS = 64
"""Each is a process: more would measure the scheduler."""
MOST_IN_FLIGHT = 1024
"""Of one client; more only wait in queues."""
MOST_ITEMS = 1_000_000
"""Of one stream; what is to be compared with them is in the client's memory."""
LARGEST_BYTES = 100_000_000
RUNS_NO_METHOD = ("noop",)
"""Contenders that hand the payload back without calling anything: only an echo has that answer."""
ALL = "all"
PAYLOADS = tuple(dict.fromkeys(itertools.chain(*payloads.KINDS_OF_LANE.values())))

Catalogue = Mapping[str, type[Contender]]


def _one_of(allowed: Any) -> AfterValidator:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(unknown(value, allowed))
        return value

    return AfterValidator(check)


def _known(value: str, info: ValidationInfo) -> str:
    catalogue: Catalogue = info.context or {}
    if value != ALL and value not in catalogue:
        raise ValueError(unknown(value, catalogue))
    return value


def _load(value: str) -> str:
    Load.parse(value)
    return value


def _size(value: object) -> object:
    """Bytes, from a whole number or a string such as "100 B", "10KB", "2MB" (decimal units)."""
    size = bytes_of(value) if isinstance(value, str) and SIZE.match(value) else value
    if not isinstance(size, int) or isinstance(size, bool):
        raise ValueError(f'{value!r} is not a size; allowed: a number of bytes, or "100 B", "10KB", "2MB"')
    return size


def _few(value: int) -> int:
    if not 1 <= value <= MOST_CLIENTS:
        raise ValueError(f"{value} is not allowed; allowed: 1 to {MOST_CLIENTS}")
    return value


def _window(value: int) -> int:
    if not 1 <= value <= MOST_IN_FLIGHT:
        raise ValueError(f"{value} is not allowed; allowed: 1 to {MOST_IN_FLIGHT}")
    return value


def _stream_length(value: int) -> int:
    if not 1 <= value <= MOST_ITEMS:
        raise ValueError(f"{value} is not allowed; allowed: 1 to {MOST_ITEMS}")
    return value


def _block_name(value: str) -> str:
    if value and not re.match(r"[a-z0-9][a-z0-9-]*\Z", value):
        raise ValueError(f"{value!r} is not made of small letters, digits and hyphens")
    return value


def _different(values: list[Any]) -> list[Any]:
    if twice := [str(each) for each in dict.fromkeys(values) if values.count(each) > 1]:
        raise ValueError(f"the same value twice: {', '.join(twice)}")
    return values


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _tables(value: object, info: ValidationInfo) -> object:
    if value == [] and info.data.get("include"):
        return value  # all of them are of other files
    if not value or not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError("at least one [[cells]] table is needed")
    return value


Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FromZero = Annotated[int, Field(ge=0)]
Some = (Field(min_length=1), AfterValidator(_different))


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, validate_default=True)


class Cells(_Table):
    """A ``[[cells]]`` table."""

    name: Annotated[str, AfterValidator(_block_name)] = ""
    lanes: Annotated[list[Annotated[str, _one_of(LANES)]], *Some]
    method: Annotated[str, _one_of(payloads.DEFAULT_KINDS)] = "echo"
    payload: Annotated[str, _one_of(("", *PAYLOADS))] = ""
    contenders: Annotated[
        list[Annotated[str, AfterValidator(_known)]],
        BeforeValidator(lambda value: [ALL] if value == ALL else value),
        *Some,
    ]
    payload_sizes: Annotated[list[Annotated[int, BeforeValidator(_size)]], *Some] | None = None
    calls: Annotated[list[Count], BeforeValidator(_listed), Field(min_length=1)]
    warmup_calls: FromZero = 100
    seconds: Positive = 1.0
    clients: Annotated[list[Annotated[int, AfterValidator(_few)]], *Some] = [1]
    load: Annotated[list[Annotated[str, AfterValidator(_load)]], *Some] = [CLOSED]
    beside: Annotated[list[Annotated[str, AfterValidator(validated_beside)]], *Some] = [NOTHING]
    placement: Annotated[list[Annotated[str, _one_of(PLACEMENTS)]], *Some] = [FREE]
    heap: Annotated[list[Annotated[str, _one_of(HEAPS)]], *Some] = [FRESH]
    in_flight: Annotated[list[Annotated[int, AfterValidator(_window)]], *Some] = [1]
    items: Annotated[list[Annotated[int, AfterValidator(_stream_length)]], *Some] | None = None
    repeats: Count | None = None

    @field_validator("method")
    @classmethod
    def _callable_there(cls, method: str, info: ValidationInfo) -> str:
        has = payloads.DEFAULT_KINDS[method]
        if lanes := [lane for lane in info.data.get("lanes", ()) if lane not in has]:
            raise ValueError(f"{method!r} cannot be called in lane {lanes[0]!r}; allowed: {', '.join(has)}")
        return method

    @field_validator("payload")
    @classmethod
    def _carried_there(cls, payload: str, info: ValidationInfo) -> str:
        method = info.data.get("method", "")
        for lane in info.data.get("lanes", ()) if payload and method else ():
            own = payloads.DEFAULT_KINDS[method][lane]
            if method != "echo" and payload != own:
                raise ValueError(f"{method!r} takes {own!r}, not {payload!r}")
            if method == "echo" and payload not in payloads.KINDS_OF_LANE[lane]:
                raise ValueError(f"lane {lane!r} takes {', '.join(payloads.KINDS_OF_LANE[lane])}, not {payload!r}")
        return payload

    @field_validator("contenders")
    @classmethod
    def _able(cls, contenders: list[str], info: ValidationInfo) -> list[str]:
        """Those that are named have the lanes and run the method, and one of them at least can be loaded."""
        wrong, unavailable = [], []
        for name in contenders if contenders != [ALL] else ():
            method = info.data.get("method", "echo")
            if method != "echo" and name in RUNS_NO_METHOD:
                wrong.append(f"{name!r} calls no method and cannot {method!r}; it has echo")
            try:
                has = (info.context or {})[name].lanes
            except ContenderUnavailable as error:
                unavailable.append(str(error))
            else:
                missing = [lane for lane in info.data.get("lanes", ()) if lane not in has]
                wrong += [f"{name!r} has no lane {lane!r}; it has {', '.join(has)}" for lane in missing]
        if wrong or len(unavailable) == len(contenders):
            raise ValueError("; ".join([*wrong, *unavailable]))
        return contenders

    @field_validator("beside")
    @classmethod
    def _of_methods(cls, beside: list[str], info: ValidationInfo) -> list[str]:
        """Slow calls are calls of other methods."""
        slow = [each for each in beside if SLOW_CALLS.match(each)]
        if slow and "bytes" in info.data.get("lanes", ()):
            raise ValueError(f"lane 'bytes' carries echo alone, and so no {slow[0]}")
        return beside

    @field_validator("in_flight")
    @classmethod
    def _of_closed_loops(cls, in_flight: list[int], info: ValidationInfo) -> list[int]:
        """A client of an open loop has one call under way, and a queue."""
        rates = [load for load in info.data.get("load", ()) if load != CLOSED]
        if rates and max(in_flight) > 1:
            raise ValueError(
                f"{max(in_flight)} cannot go with load {rates[0]!r}: calls in flight are of load {CLOSED!r}"
            )
        return in_flight

    @field_validator("items")
    @classmethod
    def _of_streams(cls, items: list[int] | None, info: ValidationInfo) -> list[int] | None:
        """Streams have a length and nothing else has; one after the other."""
        is_stream = info.data.get("method") == payloads.STREAMED
        if (items is None) == is_stream and "method" in info.data:
            raise ValueError(f"is a list of the lengths of streams: for method {payloads.STREAMED!r}, and no other")
        others = [f"load {each!r}" for each in info.data.get("load", ()) if each != CLOSED]
        others += [f"in_flight {each}" for each in info.data.get("in_flight", ()) if each > 1]
        if is_stream and others:
            raise ValueError(f"streams cannot go with {others[0]}: they follow each other")
        return items

    @field_validator("payload_sizes")
    @classmethod
    def _in_range(cls, sizes: list[int] | None, info: ValidationInfo) -> list[int] | None:
        if info.data.get("method") == "add":
            if sizes is not None:
                why = f"two small numbers have one size, {payloads.NUMBERS_BYTES} bytes"
                raise ValueError(f"cannot be given: {why}")
            return [payloads.NUMBERS_BYTES]
        if sizes is None:
            raise ValueError("is missing; a list of sizes is needed")
        kinds = kinds_of(**{key: info.data.get(key, "") for key in ("method", "lanes", "payload")}).values()
        smallest = max((payloads.MINIMUM_BYTES[kind] for kind in kinds), default=1)
        if wrong := [size for size in sizes if not smallest <= size <= LARGEST_BYTES]:
            raise ValueError(f"{wrong[0]} bytes is out of range; allowed: {smallest} to {LARGEST_BYTES}")
        if "array" in kinds and (wrong := [size for size in sizes if size % payloads.ITEM_BYTES]):
            raise ValueError(
                f"{wrong[0]} bytes are no whole number of float32; allowed: multiples of {payloads.ITEM_BYTES}"
            )
        return sizes

    @field_validator("calls")
    @classmethod
    def _one_for_each(cls, calls: list[int], info: ValidationInfo) -> list[int]:
        """As many as there are sizes."""
        sizes = info.data.get("payload_sizes") or calls
        if len(calls) not in (1, len(sizes)):
            what = f"{len(calls)} numbers for {len(sizes)} payload_sizes"
            raise ValueError(f"{what}; give one number, or one for each")
        return calls * len(sizes) if len(calls) == 1 else calls


class File(_Table):
    """A scenario file."""

    description: str = ""
    repeats: Count = 3
    seed: int = 1
    time_limit_s: Positive = 60.0
    reruns: FromZero = 1
    precision: Annotated[float, Field(gt=0, lt=1)] | None = None
    include: Annotated[list[str], AfterValidator(_different)] = []
    cells: Annotated[list[Cells], BeforeValidator(_tables)] = []


def kinds_of(method: str, lanes: list[str], payload: str) -> dict[str, str]:
    """Lane to payload kind: as asked, else the method's own for that lane."""
    return {lane: payload or payloads.DEFAULT_KINDS.get(method, {}).get(lane, "bytes") for lane in lanes}
