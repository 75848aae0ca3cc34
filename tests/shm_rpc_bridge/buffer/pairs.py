"""The two ends of one direction of a channel, without a process or a thread more."""

from types import SimpleNamespace

from shm_rpc_bridge import layout, names

CAPACITY = 100
NAMES = names.BufferNames("srb:b:0:request", "srb:b:0:request_empty", "srb:b:0:request_full")


class Pair(SimpleNamespace):
    """A writer, a reader, and the region that they share."""

    @property
    def capacity(self):
        self.region.remap()
        return self.region.size - layout.REGION_HEADER_SIZE

    def is_in_balance(self):
        """There is one token: it is in one of the semaphores, and no end has it in its hand."""
        return self.empty.value + self.full.value == 1


class ParkedOrNotAtAll:
    """A backend whose semaphores are waited for by parking, which knows the deadline, and by nothing else."""

    def __init__(self, backend):
        self._backend = backend

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def create_semaphore(self, name, value, held):
        return self._Semaphore(self._backend.create_semaphore(name, value, held))

    def open_semaphore(self, name, held):
        return self._Semaphore(self._backend.open_semaphore(name, held))

    class _Semaphore:
        def __init__(self, semaphore):
            self._semaphore = semaphore

        def __getattr__(self, name):
            return getattr(self._semaphore, name)

        def acquire(self, timeout=None):
            assert timeout == 0
            self._semaphore.acquire(timeout)


class Raised(Exception):
    """By a signal's handler."""


class Interruptions:
    """Raises once at each step that it was told of, from then on."""

    def __init__(self):
        self.steps = []

    def __call__(self, step):
        if str(step) in self.steps:
            self.steps.remove(str(step))
            raise Raised
