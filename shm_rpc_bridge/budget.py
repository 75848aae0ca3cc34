"""How long a wait looks before it parks: a budget of rounds that adapts to what looking has brought. Pure.

A *round* of looking takes :data:`ROUND_SECONDS`. Nothing here reads a clock: who waits says how it went.
"""

ROUND_SECONDS = 6e-6
"""Of looking, before the core is offered to others: when the scheduler has put both sides on one core, the other cannot
answer before it is its turn. More than the answer to a small call takes, so that such a call is never held up by an
offer, which is a system call; not more, because on one core each side spends it in vain."""

FULL = 10
"""Rounds before parking: 60 microseconds, about what parking costs a call, which is two wake-ups: where one side parks
the other's wait gets longer by that and parks, too. So spinning in vain at most doubles the price of a wait (the
classic bound of competitive spinning, Karlin et al. 1991)."""

PROBE = 24
"""Rounds of a probe: about 150 microseconds, enough to outlast the wake-up of a peer that has parked. When both sides
park, no spin of `FULL` rounds ever sees the answer, though both would be fast if both spun: one probe breaks that
tie."""

_WORTH_PROBING = 300e-6
"""Seconds. A wait that parked and still ended this soon may have been mostly wake-ups."""

_STREAK = 16
"""Answers in a row seen within `FULL` rounds that make the next probe free again."""

_LONGEST_GAP = 64
"""Waits between probes, at most: each probe that did not lead to answers within `FULL` rounds doubles the gap, so that
a method which simply takes 100 microseconds costs a probe in 64 calls."""

_LONGEST_GAP_FOR_GIL = 4
"""The same where a parked wait costs a switch interval, beside which a probe is nothing."""

_MORE = 3
"""Waits there that go on probing once one has brought an answer late."""

_QUICKER = 0.2
"""Of the usual time parked: a wait that ends sooner by more was for one wake-up and not for two. The other side is
probing."""

_QUICKER_THAN_CHANCE = 2
"""Times what waits usually differ from that: it has to end sooner by more than this, too, where waits usually outlast a
probe. Of calls that come at random moments, 5,000 a second, every second wait seems to be for one wake-up, and the
server looked in vain for most of its time."""

_FORGETTING = 0.1
"""Weight of the newest wait in what is usual."""


class Budget:
    """Of one waiter. Tell it how each wait went, and :attr:`rounds` is what the next one may spend."""

    __slots__ = (
        "_full",
        "_gap",
        "_keeps_gil",
        "_more",
        "_streak",
        "_until_probe",
        "_usually_off",
        "_usually_parked",
        "is_crowded",
        "is_steady",
        "rounds",
    )

    def __init__(self, full: int = FULL) -> None:
        """`full`: rounds of an ordinary wait, 0 for one that never looks."""
        self.rounds = self._full = full
        self._gap = self._until_probe = 1
        self._streak = self._more = 0
        self._keeps_gil = False  # since the wait that was parked last may have lost it
        self._usually_parked = self._usually_off = 0.0
        self.is_crowded = False
        """Whether somebody else took the core when it was offered last: told as it happens."""
        self.is_steady = True
        """Whether an answer that is seen with the core for oneself changes nothing: most often, so who waits asks."""

    def seen(self, round_number: int, crowded: bool) -> None:
        """The answer was there in that round, counted from 0. `crowded`: somebody else took the core in this wait."""
        if self._gap > 1:
            # Probe at once again after enough answers in a row came while spinning: a few are luck.
            self._streak = self._streak + 1 if round_number < FULL else 0
            if self._streak >= _STREAK:
                self._gap = self._until_probe = 1
        # Both on one core, with another idle: only who sleeps is woken up elsewhere. So sleep, once; not where a thread
        # that computes is waiting for just that.
        self.is_crowded = crowded = crowded and not self._keeps_gil
        if round_number < FULL:
            self._more = 0
        elif self._more:  # the other side has parked, and needs a wake-up or two to look back
            self._more -= 1
        self.rounds = 0 if crowded else PROBE if self._more else FULL
        self.is_steady = not crowded and self._gap == 1 and not self._more

    def parked(self, seconds: float, may_be_gil: bool = False) -> None:
        """All rounds were spent in vain, and the answer came after being parked for so long.

        `may_be_gil`: perhaps it came sooner, and a thread that computes had the GIL, which looking keeps.
        """
        self.is_steady = False
        self._keeps_gil = may_be_gil
        self.is_crowded = self.is_crowded and not may_be_gil
        self._streak = 0
        usually, sooner = self._usually_parked, self._usually_parked - seconds
        enough = _QUICKER * usually
        if usually > PROBE * ROUND_SECONDS:
            enough = max(enough, _QUICKER_THAN_CHANCE * self._usually_off)
        is_quicker = sooner > enough and usually < _WORTH_PROBING
        self._usually_parked = usually - sooner * _FORGETTING
        self._usually_off += (abs(sooner) - self._usually_off) * _FORGETTING
        if (seconds < _WORTH_PROBING or may_be_gil) and self._full:
            self._until_probe -= 1
            longest = _LONGEST_GAP_FOR_GIL if may_be_gil else _LONGEST_GAP
            if self._until_probe <= 0 or self._until_probe > longest:
                self._until_probe = self._gap = min(2 * self._gap, longest)
                self.rounds = PROBE
                self._more = _MORE if may_be_gil else 0
                return
            # The other side has not parked this time: looking back at it is all it takes. Not with all cores busy:
            # those that look would get the answers, and those that park would starve.
            if is_quicker and not self.is_crowded:
                self.rounds = PROBE
                return
        self._spend_less()

    def expired(self) -> None:
        """No answer came before the deadline."""
        self.is_steady = False
        self._spend_less()

    def _spend_less(self) -> None:
        self.rounds = min(self.rounds, self._full) // 2
