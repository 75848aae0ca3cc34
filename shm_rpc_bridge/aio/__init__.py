"""The library for asyncio: :class:`AsyncRPCClient`, whose calls are awaited."""

from .client import AsyncRPCClient

__all__ = ["AsyncRPCClient"]
