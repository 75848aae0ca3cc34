"""A client's way to a server: a connection to one life of it, and channels in slots of its control segment."""

import os
import weakref
from threading import get_ident
from typing import Callable, Collection, Dict, Optional, Protocol, Set, Tuple, Union

from . import layout, names, posix, serving, stacks
from .body import Body
from .buffer import Buffer
from .control import Control
from .exceptions import NOT_SENT, RPCError, RPCTimeoutError, RPCTransportError
from .frames import Arrived, Outgoing
from .link import Link
from .messages import ONE
from .statistics import Figures, read_figures


class Connection:
    """What all channels of one client to one life of one server share.

    Its owner calls it from one thread at a time, which may interrupt itself. It begins with nothing; whatever
    :meth:`open` has got hold of by the time it is interrupted, :meth:`reap` lets go.
    """

    def __init__(self, name: str, codec: str, on_growth: Optional[Callable[[], None]] = None) -> None:
        """`on_growth`: told when a channel has so much memory that it is worth being given back."""
        self.name = name
        self._on_growth = on_growth or _nothing
        self._codec = codec
        self._held: posix.Held = []
        self._channels: Set[Body] = set()
        self._control: Optional[Control] = None
        self.is_open = False
        self.is_retired = False
        """Whether no more channels are opened. Set by its owner."""

    def open(self) -> None:
        """Raises NotFoundError when the server is not running, RPCTransportError when it speaks another codec."""
        self._control = Control.open(self.name, self._held)
        if self._control.codec != self._codec:
            raise RPCTransportError(
                f"server {self.name!r} ({self.server}) has codec={self._control.codec!r}, this client "
                f"codec={self._codec!r}: construct both with the same"
            )
        self._doorbell = posix.open_semaphore(names.doorbell(self.name, self._control.generation), self._held)
        self.is_open = True

    def figures(self) -> Tuple[int, Dict[str, Figures]]:
        """What the server has counted by half a second ago, see :func:`.statistics.read_figures`. From any thread."""
        control = self._control
        if control is None:
            return 0, {}
        try:
            return read_figures(control.map, control.max_channels, control.methods)
        except ValueError:  # meanwhile it was let go
            return 0, {}

    @property
    def server(self) -> str:
        return posix.described(self._control.process) if self._control is not None else "no process"

    def is_alive(self) -> bool:
        control = self._control
        return self.is_open and control is not None and control.is_ready() and not control.why_server_is_dead()

    def new_channel(self) -> "ClientChannel":
        """One that is not open yet. Dropped by whoever has it, or lost, it is closed by :meth:`reap`."""
        assert self._control is not None
        body = Body(self._control, self._doorbell, self._on_growth)
        channel = ClientChannel(self, body)
        body.user = weakref.ref(channel)
        self._channels.add(body)
        return channel

    def new_link(self) -> Link:
        """One that is not open yet, for many calls at once. Dropped by whoever has it, it is closed by :meth:`reap`."""
        assert self._control is not None
        body = Body(self._control, self._doorbell, self._on_growth)
        link = Link(body)
        body.user = weakref.ref(link)
        self._channels.add(body)
        return link

    def close_channel(self, channel: "Union[ClientChannel, Link]") -> None:
        """No thread may be inside the channel."""
        self._close(channel.body)

    def _close(self, body: "Body") -> None:
        body.close()
        self._channels.discard(body)

    def holds_memory(self) -> bool:
        """Whether large messages have left any, as far as it is known."""
        return any(body.scratch.holds for body in list(self._channels))

    def interrupt(self) -> None:
        """End every call that a thread is in."""
        for body in list(self._channels):
            body.interrupt()

    def close_unused(self, used: Collection[Optional["ClientChannel"]]) -> None:
        """Close all channels but these, which this thread uses, and those that another thread has used last."""
        for body in list(self._channels):
            user = body.user()
            is_anothers = user is not None and user.thread != get_ident() and stacks.is_running(user.thread)
            if user not in used and not is_anothers:
                self._close(body)

    def reap(self) -> bool:
        """Close the channels that nobody has any more; True when everything is let go because it is retired."""
        for body in list(self._channels):
            if body.user() is None:
                self._close(body)
        if not self.is_retired or self._channels:
            return False
        self._let_go()
        return True

    def drop_inherited(self) -> None:
        """In a forked child: unmap what is the parent's, and nothing else."""
        for body in list(self._channels):
            body.drop_inherited()
        self._let_go()

    def _let_go(self) -> None:
        posix.close_all(self._held)  # which a handler may do while open() goes on noting there
        if self._control is not None:
            self._control.forget_memory()


class Lease:
    """What is lent of one buffer of a channel. Until it ends the channel is used for nothing else."""

    def __init__(self, channel: "ClientChannel", buffer: Buffer, message: Arrived) -> None:
        self.channel = channel
        self._buffer = buffer
        self._message = message
        self._was_kept = channel.is_kept

    def is_viewed(self) -> bool:
        """Whether there still are views of it."""
        return self._is_lent() and self._buffer.is_viewed(self._message)

    def end(self) -> None:
        """What there are views of shows nothing else from here on. Raises MemoryError."""
        if self._is_lent():
            was_clean, self.channel.is_clean = self.channel.is_clean, False  # where this fails or is interrupted
            self._buffer.end_lease(self._message)
            self.channel.is_clean, self.channel.is_kept = was_clean, self._was_kept

    def _is_lent(self) -> bool:
        return self._buffer.is_lent and not self.channel.body.closed


class IntAt(Protocol):
    """Bytes, of which one at a time is looked at."""

    def __getitem__(self, index: int) -> int: ...


_NO_SERVER = bytes(layout.CONTROL_HEADER_SIZE)


class ClientChannel:
    """One client's way to the server, one call at a time, by whoever has it; :meth:`Connection.interrupt` ends that."""

    def __init__(self, connection: Connection, body: Body) -> None:
        """Nothing of it exists before :meth:`open`."""
        self.connection = connection
        self.body = body
        self.thread = get_ident()
        """Which has used it last."""
        self.is_clean = False
        """Whether no earlier call's request or response can still be in it, so that it may be used again."""
        self.is_kept = False
        """Whether another channel would not do, for what the server has for it or its user has of it."""
        self.answered_kind = ONE
        """Of the last response: that of its request, unless the server says why there is none."""
        self._control_map: IntAt = body.control.map
        self._bell = body.doorbell.release
        self._sequence = 0
        self._is_own_servers = is_own_servers(body.control)

    def open(self, request_size: int, max_message_size: int, wait: str) -> None:
        """Claim a slot and create the channel in it; sizes in bytes. Raises RPCTransportError."""
        self._request, self._response = self.body.open(request_size, max_message_size, wait)
        self.is_clean = True

    def begin(self, message: Outgoing, deadline: float) -> None:
        """Send a request whose response :meth:`exchange` without a message returns; not clean until then.

        Raises RPCTransportError; then it was not sent.
        """
        if self._is_own_servers:
            refuse_own_server(self.body.control)
        self._sequence += 1
        self.is_clean = False
        try:
            self._request.send(message, self._sequence, ONE, deadline)
        except RPCError as error:
            raise self._not_sent(error) from None
        self._bell()

    def exchange(
        self, message: Optional[Outgoing], deadline: float, kind: int = ONE, stated: Optional[float] = None
    ) -> Arrived:
        """Send a request and return its response, which is valid until the next call.

        `message`: None for the response to what :meth:`begin` has sent. `stated`: the deadline that the server is told,
        where it is another one.
        Raises RPCTimeoutError or RPCTransportError; afterwards :attr:`is_clean` says whether the channel is of
        further use, and the error whether the server had taken the request.
        """
        body, sequence = self.body, self._sequence
        if message is not None:
            if self._is_own_servers:
                refuse_own_server(self.body.control)
            self._sequence = sequence = sequence + 1
            self.is_clean = False
            try:
                self._request.send(message, sequence, kind, deadline if stated is None else stated)
            except RPCError as error:
                raise self._not_sent(error) from None
            self._bell()
        try:
            while True:
                answered, response, self.answered_kind = self._response.receive(deadline)
                if answered == sequence and not body.closed:  # else woken by interrupt(), perhaps in mid-write
                    self.is_clean = True
                    if body.scratch.holds:
                        self._give_back_if_unused()
                    return response
                body.recheck()
        except (RPCTimeoutError, RPCTransportError) as error:
            # Taking the request back decides whether the server can have run it.
            withdrawn = self._request.withdraw()
            last = None if withdrawn or body.closed else self._answered_last(sequence)
            if last is not None:
                return last
            is_timeout = isinstance(error, RPCTimeoutError)
            self.is_clean = withdrawn and is_timeout
            if is_timeout and not body.closed:
                body.gave_up(is_late=not withdrawn)
            outcome = "the server had not taken it, so it never runs" if withdrawn else "whether it ran is unknown"
            raise type(error)(f"{error} ({outcome})", may_have_run=not withdrawn) from None

    def _not_sent(self, error: RPCError) -> RPCTransportError:
        self.is_clean = not self.body.is_refused() and not self.body.closed
        return RPCTransportError(f"{error} {NOT_SENT}")

    def _give_back_if_unused(self) -> None:
        """What large messages have left, when the last was long ago; the next call is through a new channel then."""
        body = self.body
        if body.is_unused_by_this_call() and body.is_outgrown():
            if self.is_kept:
                body.scratch.note_use()  # another time
            else:
                self.forget_server()

    def _answered_last(self, sequence: int) -> Optional[Arrived]:
        """The response, when it has come between the last look for one and the look at who was to send it."""
        while (taken := self._response.take()) is not None:
            answered, response, self.answered_kind = taken
            if answered == sequence:
                self.is_clean = True
                return response
        return None

    def lease(self, response: Arrived) -> "Lease":
        """Of what came last, if it is lent."""
        return Lease(self, self._response, response)

    def loan(self, start: int, size: int) -> "Tuple[Lease, memoryview]":
        """Of memory in which a request can be made, and its part that is the user's; see :meth:`.Buffer.loan`."""
        lent = self._request.loan(start, size)
        lease = Lease(self, self._request, lent)
        self.keep()
        return lease, lent.view[start:]

    def fits(self, message: Outgoing) -> bool:
        """Whether a request can be sent where there is a loan."""
        return self._request.fits(message)

    def last_size(self) -> int:
        """Bytes of the larger one of the last request and its response; 0 where it is closed."""
        try:
            return max(self._request.size(), self._response.size())
        except ValueError:
            return 0

    def speak_for(self, process: int) -> None:
        """What is asked from here on is asked by that process."""
        self._request.speak_for(process)

    def say_unwanted(self) -> None:
        """Tell the server that nobody wants the response any more which this waits for."""
        self._request.say_unwanted()

    def take(self) -> bool:
        """Note that this thread has it, before it uses it: from here on no other one closes it.

        False once it is closed, or the server has closed or was replaced: one byte, cheap enough for each call.
        """
        self.thread = get_ident()
        return self._control_map[layout.CONTROL_STATE_OFFSET] == layout.READY

    def forget_server(self) -> None:
        """It is closed, or to be: let :meth:`take` say so to whoever still has it."""
        self._control_map = _NO_SERVER

    def keep(self) -> None:
        """It is of further use, also where :meth:`forget_server` was to have another one take its place."""
        self.is_kept = True
        if not self.body.closed:
            self._control_map = self.body.control.map

    @property
    def is_forgotten(self) -> bool:
        return self._control_map is _NO_SERVER


def is_own_servers(control: Control) -> bool:
    """Whether it is this process that serves: then a call may have to be refused."""
    return control.process.pid == os.getpid()


def refuse_own_server(control: Control) -> None:
    """A method that calls its own server would wait for itself: RPCTransportError in the thread that answers."""
    if serving.is_answering(control.name):
        raise RPCTransportError(
            f"a method of server {control.name!r} has called its own server, which answers one call at a "
            f"time: call the function itself {NOT_SENT}"
        )


def _nothing() -> None:
    """Where nobody gives memory back."""
