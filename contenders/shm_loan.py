"""Shared memory RPC for arrays that lie in shared memory already: what handing one over costs, without any copy, and
what it costs that one comes back, which the server copies once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, ClassVar

from contenders.interface import Caller, ServerGone
from contenders.shm import BORROWING, Shm, told
from shm_rpc_bridge import RPCClient, RPCError

LOANS = 8
"""Arrays that a caller keeps in shared memory: as many as a cell has payloads."""


class ShmLoan(Shm):
    """As :class:`contenders.shm.Shm`, called through ``client.loan``. A result that is an array is lent until the next
    call.
    """

    name = "shm-loan"
    summary = "This project's shared memory RPC, handing over an array that lies in shared memory already: no copy."
    lanes: ClassVar[tuple[str, ...]] = ("arrays",)
    borrowing = (*BORROWING, "echo")

    def __init__(self, lane: str) -> None:
        super().__init__(lane)
        self.several_in_flight = False

    def connect(self, address: str) -> Caller:
        try:
            return _LoanCaller(RPCClient(address, wait=self.wait, codec=self._codec))
        except RPCError as error:
            raise ServerGone(str(error)) from error

    def settings(self) -> Mapping[str, str]:
        return {
            **super().settings(),
            "API": "RPCServer and RPCClient.loan",
            "loans": f"{LOANS} of each caller, filled when it is first called with an array: in the warm-up",
            "results": "arrays are lent until the next call",
        }


class _LoanCaller(Caller):
    """Knows an array again by being the same object: whoever calls must not change it. For one thread at a time."""

    def __init__(self, client: RPCClient) -> None:
        self._client = client
        self._lent: dict[int, tuple[Any, Any]] = {}
        """The last :data:`LOANS` arrays, each with the loan that holds its items, by ``id``."""
        self._result = ExitStack()
        """What the last result is lent by."""

    def call(self, method: str, payload: Any) -> Any:
        try:
            known = self._lent.get(id(payload))
            loan = known[1] if known else self._borrow_for(payload)
            if method != "echo":
                return loan.call(method, payload=loan.array)
            self._result.close()
            return self._result.enter_context(loan.borrow(method, payload=loan.array))
        except Exception as error:
            raise told(error) from error

    def _borrow_for(self, payload: Any) -> Any:
        if len(self._lent) == LOANS:
            self._return(next(iter(self._lent)))
        loan = self._client.loan(payload.shape, payload.dtype).__enter__()
        loan.array[:] = payload
        self._lent[id(payload)] = payload, loan  # held, so that no other array gets its id
        return loan

    def _return(self, key: int) -> None:
        _, loan = self._lent.pop(key)
        loan.__exit__(None, None, None)

    def close(self) -> None:
        self._result.close()
        for key in tuple(self._lent):
            self._return(key)
        self._client.close()
