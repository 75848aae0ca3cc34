"""What a difference must be beyond to be one."""

from __future__ import annotations

from scenarios.statistics.significance import Floor

FLOOR = Floor()
