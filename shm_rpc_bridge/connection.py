"""A client's way to a server: a connection to one life of it, and channels in slots of its control segment."""

from typing import Set

from . import layout, names, posix
from .channel import Channel, unlink
from .control import Control
from .exceptions import RPCError, RPCTimeoutError, RPCTransportError


class Connection:
    """What all channels of one client to one life of one server share.

    Its owner calls it from one thread at a time, and closes what :meth:`open_channel` gives with
    :meth:`close_channel`; once retired, the connection is gone with the last of them.
    """

    def __init__(self, name: str) -> None:
        """Raises NotFoundError when the server is not running."""
        self._control = Control.open(name)
        try:
            self._doorbell = posix.open_semaphore(names.doorbell(name, self._control.generation))
        except BaseException:
            self._control.close(remove=False)
            raise
        self._channels: Set[ClientChannel] = set()
        self._is_retired = False
        self.server_pid = self._control.server_pid

    def is_alive(self) -> bool:
        return self._control.is_ready() and self._control.server_is_alive()

    def open_channel(self, request_size: int, max_message_size: int, wait: str) -> "ClientChannel":
        channel = ClientChannel(self, self._control, self._doorbell, request_size, max_message_size, wait)
        self._channels.add(channel)
        return channel

    def close_channel(self, channel: "ClientChannel") -> None:
        """No thread may be inside the channel."""
        channel.close()
        self._channels.discard(channel)
        self._release_if_unused()

    def interrupt(self) -> None:
        """End every call that a thread is in."""
        for channel in self._channels:
            channel.interrupt()

    def retire(self) -> None:
        """Open no more channels."""
        self._is_retired = True
        self._release_if_unused()

    def drop_inherited(self) -> None:
        """In a forked child: unmap what is the parent's, and nothing else."""
        for channel in self._channels:
            channel.drop_inherited()
        self._doorbell.close()
        self._control.close(remove=False)

    def _release_if_unused(self) -> None:
        if self._is_retired and not self._channels:
            self._doorbell.close()
            self._control.close(remove=False)


class ClientChannel:
    """One client's way to the server, one call at a time. Its owner closes it; any thread may :meth:`interrupt` it."""

    def __init__(
        self,
        connection: Connection,
        control: Control,
        doorbell: posix.Semaphore,
        request_size: int,
        max_message_size: int,
        wait: str,
    ) -> None:
        """Claim a slot and create the channel in it; sizes in bytes. Raises RPCTransportError."""
        self.connection = connection
        self._control = control
        self._control_map = control.map
        self._doorbell = doorbell
        self._bell = doorbell.release
        self._closed = False
        self._sequence = 0
        self.is_clean = True
        """Whether no earlier call's request or response can still be in it, so that it may be used again."""
        self._slot = control.claim_slot()
        try:
            self._names = names.slot(control.name, control.generation, self._slot)
            limit = min(max_message_size, control.max_message_size)
            self._channel = Channel.create(self._names, request_size, control.buffer_size, limit, wait, self._recheck)
        except BaseException:
            control.release_slot(self._slot)
            raise
        self._request = self._channel.request
        self._response = self._channel.response
        control.announce_slot(self._slot)
        self._bell()  # so that the server opens it, and takes its names away, before the first call

    def exchange(self, message: bytes, deadline: float) -> bytes:
        """Send a request and return its response.

        Raises RPCTimeoutError or RPCTransportError; afterwards :attr:`is_clean` says whether the channel is of
        further use, and the error whether the server had taken the request.
        """
        self._sequence = sequence = self._sequence + 1
        self.is_clean = False
        try:
            self._request.send(message, sequence, deadline)
        except RPCTimeoutError:
            raise  # nothing is under way, and yet there was no room: not to be used again
        except RPCError:  # nothing was sent
            self.is_clean = not self._control.is_refused(self._slot)
            raise
        self._bell()
        try:
            while True:
                answered, response = self._response.receive(deadline)
                if answered == sequence and not self._closed:  # else woken by interrupt(), perhaps in mid-write
                    self.is_clean = True
                    return response
                self._recheck()
        except (RPCTimeoutError, RPCTransportError) as error:
            # Taking the request back decides whether the server can have run it.
            withdrawn = self._request.withdraw()
            self.is_clean = withdrawn and isinstance(error, RPCTimeoutError)
            outcome = "the server had not taken it, so it never runs" if withdrawn else "whether it ran is unknown"
            raise type(error)(f"{error} ({outcome})") from None

    def is_current(self) -> bool:
        """False once the server has closed or was replaced: one byte, cheap enough for each call."""
        return self._control_map[layout.CONTROL_STATE_OFFSET] == layout.READY

    def interrupt(self) -> None:
        """End the call that another thread is in, if any, with RPCTransportError."""
        self._closed = True
        self._response.interrupt_reader()

    def _recheck(self) -> None:
        if self._closed:
            raise RPCTransportError("the client was closed during the call")
        if not self._control.is_ready():
            raise RPCTransportError(f"server {self._control.name!r} (process {self._control.server_pid}) has closed")
        if not self._control.server_is_alive():
            raise RPCTransportError(f"server {self._control.name!r} (process {self._control.server_pid}) is dead")
        if self._control.is_refused(self._slot):
            raise RPCTransportError(f"server {self._control.name!r} has refused this channel: its log says why")
        if self._request.seems_full() and not self._doorbell.value:
            self._bell()  # a wake-up was lost

    def close(self) -> None:
        """Leave the slot to the server to reclaim. No thread may be inside :meth:`exchange`."""
        if self._channel.is_linked():  # the server has not opened it
            unlink(self._names)
        self._channel.close()
        self._control.release_slot(self._slot)
        self._bell()

    def drop_inherited(self) -> None:
        self._channel.close()
