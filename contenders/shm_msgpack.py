"""Shared memory RPC with MessagePack instead of JSON: text and values through msgspec, waiting adaptively."""

from __future__ import annotations

import msgspec

from contenders.shm import Shm


class ShmMsgpack(Shm):
    """As :class:`contenders.shm.Shm`, with ``codec="msgpack"`` on both sides."""

    name = "shm-msgpack"
    summary = "This project's shared memory RPC, msgpack codec, spinning briefly and then parking on a semaphore."
    lanes = ("native",)
    codec = "msgpack"

    def describe_codec(self) -> str:
        return f"msgpack, by msgspec {msgspec.__version__}"
