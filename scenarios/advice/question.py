"""What can be asked of the decision model, and what it answers of one contender."""

from __future__ import annotations

import dataclasses
import math

from scenarios.advice.curves import AdviceError, Estimate
from scenarios.plan.circumstances import NOTHING
from scenarios.plan.load import ASLEEP, CALLERS

ADAPTIVE, SPIN = "adaptive", "spin"


@dataclasses.dataclass(frozen=True)
class Question:
    """What someone wants to call, and how often."""

    payload_bytes: float
    """Of the request; the answer is as large, as in the measurement."""
    rate: float
    """Calls per second, all clients together."""
    handler_us: float
    """What the called function itself takes, in µs."""
    lane: str = "native"
    caller: str = ASLEEP
    """What the caller did before it calls, one of :data:`scenarios.plan.load.CALLERS`."""
    beside: str = NOTHING
    """What runs beside, as in :mod:`scenarios.plan.circumstances`."""
    clients: int = 1
    """How many client processes share the rate: calling back to back, if the caller is busy; else the figures are those
    of one that makes all calls."""

    def __post_init__(self) -> None:
        for name, least in (("payload_bytes", "more than 0"), ("rate", "more than 0"), ("handler_us", "0 or more")):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0 or (value == 0 and least != "0 or more"):
                raise AdviceError(f"{name} is {value:g}; allowed: {least}")
        if self.caller not in CALLERS:
            raise AdviceError(f"caller is {self.caller!r}; allowed: {', '.join(CALLERS)}")
        if self.clients < 1:
            raise AdviceError(f"clients is {self.clients}; allowed: 1 or more")

    @property
    def server_limit(self) -> float | None:
        """Calls/s that the handler's time alone allows one server, one call after the other; None where that is the
        asked rate or more."""
        return 1e6 / self.handler_us if round(self.rate * self.handler_us / 1e6, 9) > 1 else None


@dataclasses.dataclass(frozen=True)
class Advice:
    """What one contender would do. Times in µs; every None: not measured."""

    contender: str
    in_process: bool
    """It calls within one process: what it costs not to split, and no IPC."""
    wait: str
    figures_of: str
    """The contender whose measurements these are: itself, or what it becomes when it parks."""
    basis: tuple[int, int] | None = None
    """The measured payload sizes behind the figures: the same twice, or neighbours between which they were
    interpolated."""
    ipc_p50_us: Estimate | None = None
    """The call alone, its handler doing nothing."""
    ipc_p99_us: float | None = None
    """Median over the repeats of each repeat's 99th percentile; None where a repeat had under 1,000 calls."""
    p99_of_all: bool | None = None
    """Whether it is of all repeats, or the least it can be, or says nothing:
    :func:`scenarios.statistics.figures.of_all`."""
    p50_us: Estimate | None = None
    """The call with its handler."""
    p99_us: float | None = None
    """The same for p99: exact for a handler that always takes equally long."""
    ipc_share: Estimate | None = None
    """The part of p50 that is not the handler, 0 to 1; 0 within one process."""
    client_cores: float | None = None
    """Cores the calls burn on the client's side at the asked rate, the handler not among them."""
    server_cores: float | None = None
    """The same on the server's side; None within one process."""
    most_calls_per_s: Estimate | None = None
    """What one client gets that calls back to back, one call after the other; with what runs beside."""
    gives: bool = False
    """Whether the clients asked about get the rate, as far as is known: what several get together was measured, or is
    so many times what one gets; the handler's time is never shared."""
    clients: int | None = None
    """How many clients the rate takes, each calling back to back, likewise; None where no number of them gets it."""
    utilization: float | None = None
    """The share of time one client would be in a call; above 1 one is not enough."""
    told_apart: bool | None = None
    """Whether its p50 differs from the recommended contender's: the interval of the ratio, paired within repeats,
    does not hold 1; with pauses, the two intervals do not meet. None without one, and for the recommended one."""
    caveat: str = ""
    rates: tuple[float, ...] = ()
    """The rates at which its pauses were measured; none where it is of calls back to back."""
    rates_caller: str = ""
    """What the caller did there, which may be another than was asked about: see :mod:`scenarios.advice.pauses`."""
    rates_lane: str = ""
    """In which lane they were."""
    rates_payloads: tuple[int, ...] = ()
    """With which payloads its pauses, or what is beside it, were measured."""
    between: bool = False
    """Whether it was not measured as it is asked about, but lies between what was."""
    far: bool = False
    """Whether those are so far from what was asked about that its interval holds that nothing is added."""
    crowd: tuple[int, ...] = ()
    """The numbers of clients it was measured with, where several call back to back: :mod:`scenarios.advice.crowds`."""
    repeats: int = 0
    """How many there were behind it, of the call and of its pauses the fewer."""
    disturbed: int = 0
    measurements: int = 0
    """How many measurements there are behind it in all, and how many of those were flagged as disturbed."""

    @property
    def measured(self) -> bool:
        """Whether there is anything to say at this payload size."""
        return self.p50_us is not None

    @property
    def is_estimated(self) -> bool:
        """Whether it was not measured so, and may be more than a quarter off: anywhere in its interval."""
        return self.between and self.ipc_p50_us is not None and not self.ipc_p50_us.is_within_a_quarter

    @property
    def cores(self) -> float | None:
        """Client and server together."""
        return None if self.client_cores is None else self.client_cores + (self.server_cores or 0.0)
