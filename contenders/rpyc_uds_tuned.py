"""RPyC over a Unix domain socket, tuned: without compression."""

from __future__ import annotations

from contenders.rpyc_uds import RpycUds


class RpycUdsTuned(RpycUds):
    """As :class:`contenders.rpyc_uds.RpycUds`. zlib between processes of one host only costs time."""

    name = "rpyc-tuned"
    summary = "RPyC over a Unix domain socket, methods fetched once, compression off."
    compress = False
