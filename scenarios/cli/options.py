"""Pieces the command line is made of: kinds of numbers, mistakes said like any other, options several commands have."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from scenarios.common.errors import Mistake, UsageError


class Parser(argparse.ArgumentParser):
    """Says what is wrong as every other mistake is said."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().strip()}", [Mistake(message)])


def errors_format(arguments: list[str]) -> str:
    """What ``--errors`` asks for, before the rest is understood: the rest may be what is wrong."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--errors", default="text")
    try:
        return str(parser.parse_known_args(arguments)[0].errors)
    except argparse.ArgumentError:
        return "text"


def share(text: str) -> float:
    """``5%`` or ``0.05``: a number from 0."""
    number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def count(text: str) -> int:
    """A whole number from 0."""
    if (number := int(text)) < 0:
        raise ValueError
    return number


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def shared(*arguments: tuple[str, dict[str, Any]]) -> Parser:
    """Arguments that several commands have."""
    parser = Parser(add_help=False)
    for name, how in arguments:
        parser.add_argument(name, **how)
    return parser
