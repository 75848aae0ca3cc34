"""RPyC over a Unix domain socket, tuned: without compression."""

from __future__ import annotations

from typing import ClassVar

from contenders.interface import LANES
from contenders.rpyc_uds import RpycUds


class RpycUdsTuned(RpycUds):
    """As :class:`contenders.rpyc_uds.RpycUds`. zlib between processes of one host only costs time, of an array of 64 MB
    seconds: this one has lane ``arrays``.
    """

    name = "rpyc-tuned"
    summary = "RPyC over a Unix domain socket, methods fetched once, compression off."
    lanes: ClassVar[tuple[str, ...]] = LANES
    compress = False
