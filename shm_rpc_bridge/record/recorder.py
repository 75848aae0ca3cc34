"""A recording while it is made: which functions, from when to when, in this process and in its children.

    with record("mypackage.pricing:quote", output="calls.rec"):
        main()

One at a time in a process. Children that were forked record into files of their own, ``calls.rec.<pid>``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import platform
import sys
import threading
import time
import uuid
from multiprocessing import util
from types import ModuleType, TracebackType
from typing import Any, Callable, NamedTuple, Sequence, TypeVar

from shm_rpc_bridge.record import files, payloads, targets
from shm_rpc_bridge.record.importing import Watch
from shm_rpc_bridge.record.nesting import current
from shm_rpc_bridge.record.probe import Probe
from shm_rpc_bridge.record.targets import Target, TargetError
from shm_rpc_bridge.record.wrapping import entry_us, wrap
from shm_rpc_bridge.record.writer import Queue, Writer

VALUES = "values"
PAYLOADS = {VALUES: payloads.values, "sizes": payloads.sizes, "shapes": payloads.shapes}
BUDGET_BYTES = 256 * 1024 * 1024
"""Of one process's file: some hundred pickled megabytes, or ten million calls of which only sizes are kept."""
FRAMES = 100
"""Of the recorder, beside one for each call: of 1,000 calls inside each other 50 at most are looked at closely."""

_F = TypeVar("_F", bound=Callable[..., Any])
_decorated: list[Probe] = []
_active: Recorder | None = None
_forks_are_watched = False


class Settings(NamedTuple):
    """What was asked for."""

    targets: tuple[str, ...]
    package: str = ""
    payloads: str = VALUES
    sample: float = 1.0
    budget_bytes: int = BUDGET_BYTES
    redact: tuple[str, ...] = ()


class Summary(NamedTuple):
    """Of one function, in this process."""

    name: str
    calls: int
    seconds: float
    left_out: int
    own_us: float | None
    refused: str


class Recorder:
    """Made by :func:`record`."""

    def __init__(self, settings: Settings, output: str, *, run: str = "", is_child: bool = False) -> None:
        _check(settings)
        self.settings, self.output, self.run = settings, os.path.abspath(output), run or uuid.uuid4().hex
        self.program, self.pid = " ".join(sys.argv), os.getpid()
        self._is_child = is_child
        self._probes: list[Probe] = []
        self._replaced = targets.Replaced()
        self._lock = threading.Lock()
        self._watch = Watch(self._is_wanted, self._imported)
        self._names: dict[str, list[str]] = {}
        for name in settings.targets:
            module, qualified = targets.split(name)
            self._names.setdefault(module, []).append(qualified)

    def start(self) -> Recorder:
        """Begin. Raises :class:`TargetError` for functions that cannot be recorded, where their modules are imported
        already, OSError where the file cannot be written, RuntimeError where another recording goes on.
        """
        global _active
        if _active is not None:
            raise RuntimeError(f"{_active.output} is being recorded already; one recording at a time")
        _watch_forks()
        self._begin_writing(files.fresh(f"{self.output}.{os.getpid()}") if self._is_child else self.output)
        if not self._is_child:
            self._writer.create()
        self._writer.start()
        _active = self
        self._allow_deeper()
        try:
            for probe in _decorated:
                self.add(probe)
            self._watch.begin()
            for module in [each for name, each in list(sys.modules.items()) if self._is_wanted(name)]:
                self._record(module, strict=True)
        except BaseException:
            self.discard()
            raise
        atexit.register(self.finish)
        return self

    def discard(self) -> None:
        """End the recording, and leave no file."""
        self.finish()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._writer.path)

    def finish(self) -> bool:
        """End the recording, put all functions back, and write what is left. Whether all was written in time."""
        global _active
        if _active is not self:
            return True
        _active = None
        if sys.getrecursionlimit() == self._deepest:
            with contextlib.suppress(RecursionError):  # so deep inside that the old limit is passed
                sys.setrecursionlimit((self._deepest - FRAMES) // 2)
        self._watch.end()
        self._replaced.undo()
        for probe in self._probes:
            probe.queue = None
        atexit.unregister(self.finish)
        self._note_missing()
        return self._writer.finish()

    def add(self, probe: Probe) -> None:
        """Record what goes through `probe` from now on."""
        with self._lock:
            probe.attach(self._queue, len(self._probes), self.settings.redact)
            self._probes.append(probe)

    @property
    def broken(self) -> str:
        """Why writing has stopped; "" if it has not."""
        return self._writer.broken

    @property
    def failures(self) -> dict[str, int]:
        """What went wrong in looking closely at calls, by its type: those are kept all the same, or only counted."""
        return dict(self._queue.failures)

    @property
    def nothing_to_hide(self) -> list[str]:
        """Names in ``redact=`` that are no parameter of any function here. Keywords may have them all the same."""
        there = {name.lstrip("*") for probe in self._probes for name in probe.parameters} | {"return"}
        return [name for name in self.settings.redact if name not in there]

    @property
    def written_bytes(self) -> int:
        return self._writer.bytes

    @property
    def writing_s(self) -> float:
        """CPU time of the thread that writes, beside those of the program."""
        return self._writer.cpu_s

    def summary(self) -> list[Summary]:
        """What has been written so far, of this process alone."""
        return [self._summary(probe) for probe in list(self._probes)]

    def __enter__(self) -> Recorder:
        return self.start()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.finish()

    def _summary(self, probe: Probe) -> Summary:
        calls, seconds, _, left_out, own_us = self._writer.text_of(probe)
        return Summary(probe.name, calls, seconds, left_out, own_us, probe.refused)

    def _allow_deeper(self) -> None:
        """Twice as deep as before: each call of a recorded function has a frame of ours beside its own. And a bit:
        those that are looked at closely have two, and the looks themselves some.
        """
        self._deepest = 2 * sys.getrecursionlimit() + FRAMES
        sys.setrecursionlimit(self._deepest)

    def _begin_writing(self, path: str) -> None:
        self._queue = Queue(PAYLOADS[self.settings.payloads], self.settings.sample)
        begin = {
            "kind": "begin",
            "run": self.run,
            "pid": os.getpid(),
            "program": self.program,
            "python": platform.python_version(),
            "started": time.time(),
            "start_ns": time.perf_counter_ns(),
            "settings": self.settings._asdict(),
        }
        budget = self.settings.budget_bytes
        self._writer = Writer(path, begin, self._queue, lambda: list(self._probes), budget, entry_us())

    def _is_wanted(self, module: str) -> bool:
        return module in self._names or self._is_of_package(module)

    def _is_of_package(self, module: str) -> bool:
        package = self.settings.package
        return bool(package) and (module == package or module.startswith(package + "."))

    def _imported(self, module: ModuleType) -> None:
        """A module has just been run. What cannot be recorded of it is noted: the program must not see an error."""
        if _active is self:
            try:
                self._record(module, strict=False)
            except Exception as error:  # of what stands in a module: its names may be anything
                self._refuse(module.__name__, f"{module.__name__}: {type(error).__name__}: {error}")

    def _record(self, module: ModuleType, *, strict: bool) -> None:
        found: list[tuple[Target, Callable[..., Any]]] = []
        for qualified in self._names.get(module.__name__, ()):
            try:
                found.append(self._wrapped(targets.find(module, qualified), within=None))
            except TargetError as error:
                if strict:
                    raise
                self._refuse(f"{module.__name__}:{qualified}", str(error))
        if self._is_of_package(module.__name__):
            named = {target.name for target, _ in found}
            for target in targets.functions_of(module):
                if target.name in named:
                    continue
                try:
                    targets.refuse(target)
                    found.append(self._wrapped(target, within=module.__name__))
                except TargetError as error:
                    self._refuse(target.name, str(error))
        try:
            self._replaced.put(found)
        except TargetError as error:
            if strict:
                raise
            self._refuse(module.__name__, str(error))

    def _wrapped(self, target: Target, *, within: str | None) -> tuple[Target, Callable[..., Any]]:
        """A module that is imported again keeps its probes: its calls are counted together."""
        known = next((each for each in self._probes if each.name == target.name and not each.refused), None)
        probe = known or _probe(target, within)
        if known is None:
            self.add(probe)
        return target, wrap(target.function, probe)

    def _refuse(self, name: str, why: str) -> None:
        probe = Probe(name)
        probe.refused = why
        self.add(probe)

    def _note_missing(self) -> None:
        """Targets whose modules the program has never imported, and a package of which it has imported nothing."""
        there = {probe.name for probe in self._probes}
        package = self.settings.package
        if package and not any(self._is_of_package(name.partition(":")[0]) for name in (*there, *sys.modules)):
            self._refuse(package, f"{package}: the program has imported no module of that package")
        for name in self.settings.targets:
            if name not in there:
                self._refuse(name, f"{name}: the program has not imported {targets.split(name)[0]}")

    def _in_child(self) -> None:
        """This process was forked: what waits to be written is the parent's, and so is its thread."""
        current.set(0)
        self._lock = threading.Lock()
        self._begin_writing(files.fresh(f"{self.output}.{os.getpid()}"))
        for index, probe in enumerate(self._probes):
            probe.attach(self._queue, index, self.settings.redact)
        self._writer.start()


def record(
    *names: str,
    output: str | os.PathLike[str],
    package: str = "",
    payloads: str = VALUES,
    sample: float = 1.0,
    budget_bytes: int = BUDGET_BYTES,
    redact: Sequence[str] = (),
    force: bool = False,
) -> Recorder:
    """A recording of these functions, ``module:qualified.name`` each, into the file `output`; a context manager.

    `package`: every call from one module of it into another, too. `payloads`: "values" keeps arguments and results,
    "sizes" only how large they are, and of some calls of which types, "shapes" both of every call. `sample`: the
    share of calls that are kept; all are counted and timed. `budget_bytes`: what the file of one process may take:
    from half of it on only sizes are kept, and then only counts and times. `redact`: parameters whose arguments are
    not kept, "return" for results. `force`: replace files of an earlier recording.

    Functions marked with :func:`recorded` are recorded, too. Raises :class:`TargetError` for a name that is not one
    of a function, ValueError for settings that make no sense, FileExistsError for an output that exists; and what
    :meth:`Recorder.start` raises.
    """
    path = os.fspath(output)
    recorder = Recorder(Settings(names, package, payloads, sample, budget_bytes, tuple(redact)), path)
    files.clear(path, force=force)
    return recorder


def recorded(function: _F) -> _F:
    """A decorator: `function` is recorded whenever a recording goes on, without being named in it."""
    name = f"{function.__module__}:{function.__qualname__}"
    target = Target(name, None, function.__name__, function, "function")
    targets.refuse(target)
    is_in_class = "." in function.__qualname__.rpartition("<locals>.")[2]
    if is_in_class and target.parameters[:1] in (("self",), ("cls",)):  # else it is below @staticmethod
        target = target._replace(kind="method" if target.parameters[0] == "self" else "classmethod")
    probe = _probe(target, None)
    _decorated.append(probe)
    if _active is not None:
        _active.add(probe)
    return wrap(function, probe)  # type: ignore[return-value]


def _probe(target: Target, within: str | None) -> Probe:
    return Probe(
        target.name,
        kind=target.kind,
        is_async=target.is_async,
        parameters=target.parameters,
        places_are_known=target.places_are_known,
        within=within,
    )


def _check(settings: Settings) -> None:
    if settings.payloads not in PAYLOADS:
        raise ValueError(f"payloads are {' or '.join(PAYLOADS)}, not {settings.payloads!r}")
    if not 0 < settings.sample <= 1:
        raise ValueError(f"sample is a share of the calls, over 0 and at most 1, not {settings.sample}")
    if settings.budget_bytes < 1_000_000:
        raise ValueError(f"the budget is at least 1,000,000 bytes, not {settings.budget_bytes}")
    if settings.package and not all(part.isidentifier() for part in settings.package.split(".")):
        raise ValueError(f"{settings.package!r} is not the name of a package")


def _watch_forks() -> None:
    global _forks_are_watched
    if not _forks_are_watched:
        os.register_at_fork(after_in_child=_forked)
        util.register_after_fork(Recorder, _forked_by_multiprocessing)
        _forks_are_watched = True


def _forked() -> None:
    if _active is not None:
        _active._in_child()


def _forked_by_multiprocessing(_: Any) -> None:
    """Its children end by os._exit, without atexit, but not without this."""
    if _active is not None:
        util.Finalize(None, _active.finish, exitpriority=100)
