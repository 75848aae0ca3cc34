"""Pyro5 over a Unix domain socket, tuned: its fastest serializer."""

from __future__ import annotations

from contenders.pyro import Pyro


class PyroTuned(Pyro):
    """As :class:`contenders.pyro.Pyro`, with marshal: the fastest for built-in types, and one that takes bytes as they
    are.
    """

    name = "pyro5-tuned"
    summary = "Pyro5 remote objects over a Unix domain socket, marshal serializer."
    serializer = "marshal"
