"""Reads a scenario from TOML and says everything that is wrong with it before anything starts.

Every problem of a file is reported at once, each with its line, key and allowed values. A name alone means
one of the files in ``scenarios/definitions``; anything that ends in ``.toml`` is a path.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from contenders.interface import LANES, Contender
from contenders.registry import ContenderUnavailable
from scenarios.common.errors import Mistake, ScenarioError
from scenarios.plan import payloads
from scenarios.plan.load import CLOSED, Load
from scenarios.plan.scenario import Block, Scenario
from scenarios.plan.toml_fields import Fields, Problems

DEFINITIONS = Path(__file__).parent.parent / "definitions"
MOST_CLIENTS = 64
"""Each is a process: more would measure the scheduler."""
RUNS_NO_METHOD = ("noop",)
"""Contenders that hand the payload back without calling anything: only an echo has that answer."""
BLOCK_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\Z")


def names() -> list[str]:
    """The scenarios that come with the project."""
    return sorted(path.stem for path in DEFINITIONS.glob("*.toml"))


def find(scenario: str) -> Path:
    """The file of a scenario given by name or path. Raises :class:`ScenarioError` when there is none."""
    path = Path(scenario) if scenario.endswith(".toml") else DEFINITIONS / f"{scenario}.toml"
    if path.is_file():
        return path
    if scenario.endswith(".toml"):
        raise ScenarioError(f"there is no scenario file {scenario}")
    near = get_close_matches(scenario, names(), 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ScenarioError(f"there is no scenario {scenario!r}; {hint}known: {', '.join(names())}, or a path.toml")


def read(path: Path, catalogue: Mapping[str, type[Contender]]) -> Scenario:
    """The scenario in `path`. Raises :class:`ScenarioError` with every mistake in it."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        line = int(found[1]) if (found := re.search(r"at line (\d+)", str(error))) else None
        raise ScenarioError(f"{path}: {error}", [Mistake(str(error), str(path), line)]) from None
    problems = Problems(str(path), text)
    top = Fields(table, problems)
    description = top.text("description", default="")
    repeats = top.count("repeats", default=3)
    seed = top.integer("seed", default=1)
    time_limit_s = top.positive("time_limit_s", default=60.0)
    reruns = top.integer("reruns", default=1, minimum=0)
    tables = top.tables("cells")
    top.finish()
    read_blocks = [_block(Fields(each, problems, "cells", i), catalogue, repeats) for i, each in enumerate(tables)]
    blocks = tuple(block for block, _ in read_blocks)
    left_out = tuple(dict.fromkeys(line for _, lines in read_blocks for line in lines))
    if not problems.found:
        _report_overlap(blocks, problems)
    problems.raise_if_any()
    return Scenario(path.stem, description, blocks, repeats, seed, time_limit_s, left_out, reruns)


def _block(fields: Fields, catalogue: Mapping[str, type[Contender]], repeats: int) -> tuple[Block, tuple[str, ...]]:
    name = fields.text("name", default="")
    if name and not BLOCK_NAME.match(name):
        fields.wrong("name", f"{name!r} is not made of small letters, digits and hyphens")
    method = fields.choice("method", tuple(payloads.DEFAULT_KINDS), default="echo")
    lanes = fields.choices("lanes", LANES)
    asked = fields.choices("contenders", tuple(catalogue), special="all")
    contenders, left_out = _pairs(fields, method, lanes, asked, catalogue)
    kinds = _kinds(fields, method, lanes)
    sizes = _sizes(fields, method, set(kinds.values()))
    clients = fields.counts("clients", default=(1,), maximum=MOST_CLIENTS)
    one_client, marks = _one_client(contenders, clients, catalogue)
    block = Block(
        name=name,
        contenders=contenders,
        method=method,
        payloads=kinds,
        payload_sizes=sizes,
        calls=fields.counts_for("calls", len(sizes), "payload_sizes"),
        warmup_calls=fields.integer("warmup_calls", default=100, minimum=0),
        seconds=fields.positive("seconds", default=1.0),
        clients=clients,
        load=_loads(fields),
        repeats=fields.count("repeats", default=repeats),
        one_client=one_client,
    )
    fields.finish()
    return block, left_out + marks


def _loads(fields: Fields) -> tuple[str, ...]:
    loads = fields.words("load", default=(CLOSED,))
    for each in loads:
        try:
            Load.parse(each)
        except ValueError as error:
            fields.wrong("load", str(error))
    return loads


def _one_client(
    contenders: Mapping[str, tuple[str, ...]], clients: tuple[int, ...], catalogue: Mapping[str, type[Contender]]
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Lane to those of the contenders that take one client only, where more are asked for; and a line on each."""
    several = [str(count) for count in clients if count > 1]
    if not several:
        return {}, ()
    found: dict[str, tuple[str, ...]] = {}
    marks = []
    for lane, names in contenders.items():
        why = {}
        for name in names:
            if catalogue[name].in_process:
                why[name] = "serves in the client's own process"
            elif not catalogue[name](lane).many_clients:
                why[name] = "takes one client per address"
        marks += [
            f"{name} in lane {lane} {reason}: not measured with {', '.join(several)} clients"
            for name, reason in why.items()
        ]
        if why:
            found[lane] = tuple(why)
    return found, tuple(marks)


def _pairs(
    fields: Fields,
    method: str,
    lanes: tuple[str, ...],
    asked: tuple[str, ...],
    catalogue: Mapping[str, type[Contender]],
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Lane to contenders, and why some were left out.

    "all" means those that can be loaded and have the lane; a contender that is named and cannot is a mistake.
    """
    everything = asked == ("all",)
    classes: dict[str, type[Contender]] = {}
    left_out: list[str] = []
    for name in catalogue if everything else asked:
        if method != "echo" and name in RUNS_NO_METHOD:
            if not everything:
                fields.wrong("contenders", f"{name!r} calls no method and cannot {method!r}; it has echo")
            continue
        try:
            classes[name] = catalogue[name]
        except ContenderUnavailable as error:
            left_out.append(str(error))
            if not everything:
                fields.wrong("contenders", str(error))
    for lane in lanes:
        for name, kind in classes.items():
            if lane in kind.lanes:
                continue
            if everything:
                left_out.append(f"{name} has no lane {lane}")
            else:
                has = ", ".join(kind.lanes)
                fields.wrong("contenders", f"{name!r} has no lane {lane!r}; it has {has}")
    pairs = {lane: tuple(name for name, kind in classes.items() if lane in kind.lanes) for lane in lanes}
    return pairs, tuple(left_out)


def _kinds(fields: Fields, method: str, lanes: tuple[str, ...]) -> dict[str, str]:
    """Lane to payload kind: as asked, else the method's own for that lane."""
    every = tuple(dict.fromkeys(kind for kinds in payloads.KINDS_OF_LANE.values() for kind in kinds))
    asked = fields.choice("payload", every, default="")
    defaults = payloads.DEFAULT_KINDS.get(method, {})
    for lane in lanes:
        if lane not in defaults:
            fields.wrong("method", f"{method!r} cannot be called in lane {lane!r}; allowed: {', '.join(defaults)}")
        elif asked and method != "echo" and asked != defaults[lane]:
            fields.wrong("payload", f"{method!r} takes {defaults[lane]!r}, not {asked!r}")
        elif asked and asked not in payloads.KINDS_OF_LANE[lane]:
            allowed = ", ".join(payloads.KINDS_OF_LANE[lane])
            fields.wrong("payload", f"lane {lane!r} takes {allowed}, not {asked!r}")
    return {lane: asked or defaults.get(lane, "") for lane in lanes}


def _sizes(fields: Fields, method: str, kinds: set[str]) -> tuple[int, ...]:
    if method == "add" or kinds == {"numbers"}:
        fields.absent("payload_sizes", f"two small numbers have one size, {payloads.NUMBERS_BYTES} bytes")
        return (payloads.NUMBERS_BYTES,)
    smallest = max((payloads.MINIMUM_BYTES.get(kind, 0) for kind in kinds), default=0)
    return fields.sizes("payload_sizes", smallest)


def _report_overlap(blocks: tuple[Block, ...], problems: Problems) -> None:
    """A row of the results is known by its columns, so two blocks must not make the same row."""
    seen: dict[tuple[object, ...], int] = {}
    for number, block in enumerate(blocks):
        for (lane, contenders), size, clients, load in itertools.product(
            block.contenders.items(), block.payload_sizes, block.clients, block.load
        ):
            for contender in contenders:
                first = seen.setdefault((block.name, lane, contender, size, clients, load), number)
                if first != number:
                    what = f"{contender} in lane {lane} with {size} bytes is in cells[{first}] already"
                    problems.add("cells", number, "name", f"{what}; give one of the two a name")
                    return
