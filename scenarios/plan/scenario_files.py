"""Reads a scenario from TOML and says everything that is wrong with it before anything starts.

Every problem of a file is reported at once, each with its line, key and allowed values. A name alone means
one of the files in ``scenarios/definitions``; anything that ends in ``.toml`` is a path.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from contenders.interface import Contender
from contenders.registry import ContenderUnavailable
from scenarios.common import quotas
from scenarios.common.errors import Mistake, ScenarioError, allowed
from scenarios.plan import toml_mistakes
from scenarios.plan.file_models import ALL, RUNS_NO_METHOD, Catalogue, Cells, File, kinds_of
from scenarios.plan.scenario import Block, Scenario

DEFINITIONS = Path(__file__).parent.parent / "definitions"


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
    raise ScenarioError(f"there is no scenario {scenario!r}; {allowed(scenario, names())}, or a path.toml")


def read(path: Path, catalogue: Catalogue, within: tuple[Path, ...] = ()) -> Scenario:
    """The scenario in `path`, with the blocks of those it includes.

    `within`: the files that include it. Raises :class:`ScenarioError` with every mistake in it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        line = int(found[1]) if (found := re.search(r"at line (\d+)", str(error))) else None
        raise ScenarioError(f"{path}: {error}", [Mistake(str(error), str(path), line)]) from None
    try:
        file = File.model_validate(table, context=catalogue)
    except ValidationError as error:
        _refuse(toml_mistakes.mistakes(error, {"": File, "cells": Cells}, str(path), text))
    left_out: list[str] = []
    blocks = tuple(_block(cells, catalogue, file.repeats, left_out) for cells in file.cells)
    for place, name in enumerate(file.include):
        try:
            if find(name).resolve() in (*within, path.resolve()):
                raise ScenarioError("includes itself")
            included = read(find(name), catalogue, (*within, path.resolve()))
        except ScenarioError as error:
            _refuse([toml_mistakes.mistake(("include", place), f"{name}: {error}", str(path), text)])
        blocks += included.blocks
        left_out += included.left_out
    if overlap := _overlap(blocks):
        number, what = overlap
        _refuse([toml_mistakes.mistake(("cells", number, "name"), what, str(path), text)])
    top = file.model_dump(exclude={"cells", "include"})
    return Scenario(name=path.stem, blocks=blocks, left_out=tuple(dict.fromkeys(left_out)), **top)


def _refuse(mistakes: list[Mistake]) -> NoReturn:
    raise ScenarioError("\n".join(map(str, mistakes)), mistakes)


def _block(cells: Cells, catalogue: Catalogue, repeats: int, left_out: list[str]) -> Block:
    """A table as a block; what is not measured, and why, is added to `left_out`."""
    contenders = _contenders(cells, catalogue, left_out)
    named = {name for names in contenders.values() for name in names}
    return Block(
        name=cells.name,
        contenders=contenders,
        method=cells.method,
        payloads=kinds_of(cells.method, cells.lanes, cells.payload),
        payload_sizes=tuple(cells.payload_sizes or ()),
        calls=tuple(cells.calls),
        warmup_calls=cells.warmup_calls,
        seconds=cells.seconds,
        clients=tuple(cells.clients),
        load=tuple(cells.load),
        beside=_possible(cells.beside, quotas.why_no_quota, left_out),
        placement=_possible(cells.placement, quotas.why_no_placement, left_out),
        heap=tuple(cells.heap),
        in_flight=tuple(cells.in_flight),
        items=tuple(cells.items or (0,)),
        one_in_flight=_one_in_flight(contenders, cells.in_flight, catalogue, left_out),
        in_process=tuple(sorted(name for name in named if catalogue[name].in_process)),
        repeats=cells.repeats or repeats,
        one_client=_one_client(contenders, cells.clients, catalogue, left_out),
    )


def _possible(asked: list[str], why_not: Callable[[str], str], left_out: list[str]) -> tuple[str, ...]:
    """The circumstances that this machine can make."""
    reasons = {each: why_not(each) for each in asked}
    left_out += [f"{each}: not measured, {why}" for each, why in reasons.items() if why]
    return tuple(each for each, why in reasons.items() if not why)


def _contenders(cells: Cells, catalogue: Catalogue, left_out: list[str]) -> dict[str, tuple[str, ...]]:
    """Lane to contenders. "all" means those that can be loaded and have the lane."""
    classes: dict[str, type[Contender]] = {}
    for name in catalogue if cells.contenders == [ALL] else cells.contenders:
        if cells.method != "echo" and name in RUNS_NO_METHOD:
            continue
        try:
            classes[name] = catalogue[name]
        except ContenderUnavailable as error:
            left_out.append(str(error))
    pairs = list(itertools.product(cells.lanes, classes.items()))
    left_out += [f"{name} has no lane {lane}" for lane, (name, kind) in pairs if lane not in kind.lanes]
    able = [(lane, name) for lane, (name, kind) in pairs if lane in kind.lanes]
    if cells.items:
        without = [(lane, name) for lane, name in able if not classes[name](lane).streams]
        left_out += [f"{name} has no streams in lane {lane}" for lane, name in without]
        able = [pair for pair in able if pair not in without]
    return {lane: tuple(name for each, name in able if each == lane) for lane in cells.lanes}


def _one_client(
    contenders: dict[str, tuple[str, ...]], clients: list[int], catalogue: Catalogue, left_out: list[str]
) -> dict[str, tuple[str, ...]]:
    """Lane to those of the contenders that take one client only, where more are asked for."""
    several = ", ".join(str(count) for count in clients if count > 1)
    found: dict[str, list[str]] = {}
    for lane, names in contenders.items() if several else ():
        for name in names:
            if catalogue[name].in_process:
                why = "serves in the client's own process"
            elif not catalogue[name](lane).many_clients:
                why = "takes one client per address"
            else:
                continue
            found.setdefault(lane, []).append(name)
            left_out.append(f"{name} in lane {lane} {why}: not measured with {several} clients")
    return {lane: tuple(names) for lane, names in found.items()}


def _one_in_flight(
    contenders: dict[str, tuple[str, ...]], in_flight: list[int], catalogue: Catalogue, left_out: list[str]
) -> dict[str, tuple[str, ...]]:
    """Lane to those of the contenders whose clients have one call under way only, where more are asked for."""
    several = ", ".join(str(count) for count in in_flight if count > 1)
    found: dict[str, tuple[str, ...]] = {}
    for lane, names in contenders.items() if several else ():
        found[lane] = tuple(name for name in names if not _several_in_flight(catalogue[name], lane))
        for name in found[lane]:
            elsewhere = any(_several_in_flight(catalogue[name], each) for each in catalogue[name].lanes)
            where = f"{name} in lane {lane}" if elsewhere else name
            left_out.append(f"{where} has one call per client under way: not measured with {several} in flight")
    return found


def _several_in_flight(contender: type[Contender], lane: str) -> bool:
    return contender(lane).several_in_flight


def _overlap(blocks: tuple[Block, ...]) -> tuple[int, str] | None:
    """A row of the results is known by its columns, so two blocks must not make the same: the second one's number, and
    what it has in common with the first."""
    seen: dict[tuple[object, ...], int] = {}
    for number, block in enumerate(blocks):
        axes = (block.contenders.items(), block.payload_sizes, block.clients, block.load, block.circumstances())
        for (lane, contenders), size, clients, load, around in itertools.product(*axes):
            for contender in contenders:
                first = seen.setdefault((block.name, lane, contender, size, clients, load, around), number)
                if first != number:
                    what = f"{contender} in lane {lane} with {size} bytes is in cells[{first}] already"
                    return number, f"{what}; give one of the two a name"
    return None
