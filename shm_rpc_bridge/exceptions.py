"""What can go wrong with a call, as five exceptions. Each crosses process and pickle boundaries unchanged.

Each says in words, and as :attr:`RPCError.may_have_run`, whether the method may have run. If not, calling again is
safe.
"""

NOT_SENT = "(the request was not sent, so it never runs)"
"""How an error ends that came before anything was sent."""


class RPCError(Exception):
    """Base of every error this library raises on purpose (bad arguments are ``ValueError`` or ``TypeError``)."""

    may_have_run: bool
    """Whether the method of the call that failed may have run. False for what was no call, or certainly did not run."""

    def __init__(self, *arguments: object, may_have_run: bool = False) -> None:
        super().__init__(*arguments)
        self.may_have_run = may_have_run


class RPCTimeoutError(RPCError):
    """The deadline passed."""


class RPCTransportError(RPCError):
    """There is no server, it died, the memory is not ours to use, is full, or a message is too large for it."""


class RPCSerializationError(RPCError):
    """A value that the codec does not carry, or bytes that it cannot read. The message names the place in the value."""


class RPCMethodError(RPCError):
    """The remote method raised, or could not be called with these parameters."""

    def __init__(
        self, remote_type: str, remote_message: str, remote_traceback: str = "", *, may_have_run: bool = True
    ) -> None:
        super().__init__(remote_type, remote_message, remote_traceback, may_have_run=may_have_run)
        self.remote_type = remote_type
        """Name of the exception's class in the server, for example ``"ZeroDivisionError"``."""
        self.remote_message = remote_message
        """``str()`` of the exception in the server."""
        self.remote_traceback = remote_traceback
        """The formatted traceback from the server; empty where the failure was not an exception of a method."""

    def __str__(self) -> str:
        return f"{self.remote_type}: {self.remote_message}"
