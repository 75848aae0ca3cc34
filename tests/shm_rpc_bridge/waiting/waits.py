"""A semaphore that does what a test of a wait says, and the strategies there are."""


class FakeSemaphore:
    """Shows `tokens` from the look number `appears` on; parked waits take `parked` seconds of nothing."""

    def __init__(self, tokens, appears=0):
        self.tokens = tokens
        self.appears = appears
        self.looks = 0
        self.parked = 0

    @property
    def value(self):
        self.looks += 1
        return self.tokens if self.looks > self.appears else 0

    def trywait(self):
        if not self.tokens:
            return -1
        self.tokens -= 1
        return 0

    def park(self, until, outcome):
        self.parked += 1
        outcome.append(FakeSemaphore.trywait(self))
        return not outcome[0]

    def release(self):
        self.tokens += 1

    def close(self):
        pass


def nothing():
    pass


STRATEGIES = ["adaptive", "block", "spin"]
