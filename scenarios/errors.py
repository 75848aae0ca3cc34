"""The mistakes a user can make. Each carries the whole message and the exit code of the command."""

from __future__ import annotations


class UserError(Exception):
    """Something the person at the terminal can put right; shown without a traceback. Exit code 2."""

    exit_code = 2


class ScenarioError(UserError):
    """A scenario file says something that cannot be run. Names file, line, key and allowed values."""


class RunError(UserError):
    """A run's folder is missing, unfinished, in use, or not what was asked for."""
