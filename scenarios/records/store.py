"""A run on disk: ``results/<run>/`` and everything that is ever written into it.

Valid at every moment, whatever kills the writer: a cell's samples are renamed into place before its row is
appended and synced, so a row means that the cell is complete. One process writes a run at a time (an flock
says so); anyone may read.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np

from scenarios.common.errors import RunError
from scenarios.plan import circumstances
from scenarios.plan.cells import key_of
from scenarios.plan.filters import Filter

SCHEMA_VERSION = 3
COLUMNS = tuple(
    """run_id schema_version scenario contender lane payload_bytes clients load offered_rps wait repeat
    order_index calls errors skipped verified p50_us p90_us p99_us p999_us max_us mean_us
    calls_per_s client_cpu_us_per_call server_cpu_us_per_call voluntary_switches_per_call
    involuntary_switches_per_call client_rss_mib server_rss_mib cold_start_ms noise_flags
    attempt fairness lateness_p50_us lateness_p99_us
    steal_pct others_pct pressure_pct run_queue load_1min cpu_mhz
    fastest_client_p50_us slowest_client_p50_us
    beside placement heap client_page_faults_per_call server_page_faults_per_call
    client_migrations server_migrations client_on_cpu server_on_cpu
    yardstick_codec_us yardstick_pingpong_us arrival_distance arrival_autocorrelation
    in_flight ticker_p50_us ticker_p99_us items wall_us_per_call""".split()  # noqa: SIM905
)
"""Of cells.csv, in order. Units are in the names; an empty field is a number that does not exist. New ones
are added at the end: a file of an older version has fewer, and is read as if they were empty."""
RETIRED = frozenset("ci_low_us ci_high_us p99_ci_low_us p99_ci_high_us".split())  # noqa: SIM905
"""Columns of files of schema 2 and older that are passed over: intervals that were drawn from the samples."""
RETIRED_FLAGS = frozenset({"load"})
"""Words in `noise_flags` of older files that are passed over: a load average is mostly the cells before it."""
OF_CLIENTS = ("fastest_client_p50_us", "slowest_client_p50_us")
WORDS = frozenset("run_id scenario contender lane load wait noise_flags beside placement heap".split())  # noqa: SIM905
"""The columns that hold no numbers."""

RUNNING, FINISHED = "running", "finished"

REFERENCE, DATA = "reference", "data"
"""The folder of the committed run in `results`; in that, and as a scenario, of the one with arrays and streams."""
Row = dict[str, str]
Numbers = np.ndarray[Any, np.dtype[np.int64]]


class Run:
    """The folder of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        """The run's name: UTC time and scenario, so that names sort by time; where it is in `results` if committed."""
        folder = self.folder
        return f"{REFERENCE}/{folder.name}" if folder.parent.name == REFERENCE else folder.name

    @property
    def cells_file(self) -> Path:
        """One row per cell and repeat."""
        return self.folder / "cells.csv"

    @property
    def plots_folder(self) -> Path:
        """PNG and SVG."""
        return self.folder / "plots"

    def samples_file(self, key: str) -> Path:
        """Every latency of one cell."""
        return self.folder / "samples" / f"{key}.npz"

    # -- the run as a whole

    def about(self) -> dict[str, Any]:
        """run.json: the resolved scenario and the run's state. Raises :class:`RunError` when there is
        none."""
        return self.read_json("run.json")

    def environment(self) -> dict[str, Any]:
        """environment.json: the machine and the programs. Raises :class:`RunError` when there is none."""
        return self.read_json("environment.json")

    def failures(self) -> dict[str, dict[str, Any]]:
        """failures.json: cells that gave no number, by key. Empty when all did.

        Each has `axes` (as the columns of cells.csv), `method`, `kind` (a short word: WrongAnswer, CallError,
        TimeLimit, ClientDied, ServerFailed, or an exception's name), `reason` (a sentence) and `trace`.
        """
        found = self.read_json("failures.json") if (self.folder / "failures.json").exists() else {}
        return {key: each | {"axes": circumstances.completed(each.get("axes", {}))} for key, each in found.items()}

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write or replace one of the run's JSON files."""
        replace_file(self.folder / name, json.dumps(value, indent=2).encode() + b"\n")

    def set_state(self, state: str) -> None:
        """Say in run.json that the run is :data:`RUNNING` or :data:`FINISHED`."""
        self.write_json("run.json", self.about() | {"state": state})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer. Raises :class:`RunError` when another process is."""
        with open(self.folder / ".lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(f"{self.folder} is being written by another process") from None
            yield

    # -- cells

    def rows(self) -> list[Row]:
        """Every finished cell's row. A torn last line, left by a writer that was killed, is not one."""
        try:
            text = self.cells_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        whole = text[: text.rfind("\n") + 1]
        reader = csv.DictReader(io.StringIO(whole))
        if unknown := set(reader.fieldnames or ()) - set(COLUMNS) - RETIRED:
            raise RunError(f"{self.cells_file} has columns this version does not know: {', '.join(sorted(unknown))}")
        empty = dict.fromkeys(COLUMNS, "") | {axis: str(of) for axis, of in circumstances.DEFAULTS.items()}
        return [_read(empty | {column: row[column] for column in row if column not in RETIRED}) for row in reader]

    def finished_keys(self) -> set[str]:
        """The keys of the cells that need no measuring any more."""
        return {key_of(row) for row in self.rows()}

    def prepare_cells(self) -> None:
        """Create cells.csv, or cut off what a killed writer left of a line."""
        self.rewrite_rows(self.rows())

    def append(self, key: str, row: Row, latency_ns: Numbers, others: Mapping[str, Numbers] | None = None) -> None:
        """Store one finished cell: its samples first, then its row, each safe on disk before this returns."""
        samples = io.BytesIO()
        named = {"latency_ns": latency_ns} | dict(others or {})
        arrays: dict[str, Any] = {name: _shrunk(values) for name, values in named.items()}
        np.savez_compressed(samples, **arrays)
        self.samples_file(key).parent.mkdir(exist_ok=True)
        replace_file(self.samples_file(key), samples.getvalue())
        with open(self.cells_file, "a", encoding="utf-8", newline="") as file:
            _writer(file).writerow(row)
            _sync(file)

    def rewrite_rows(self, rows: list[Row]) -> None:
        """Replace cells.csv as a whole."""
        text = io.StringIO(newline="")
        writer = _writer(text)
        writer.writeheader()
        writer.writerows(rows)
        replace_file(self.cells_file, text.getvalue().encode())

    def has_samples(self) -> bool:
        """Whether the latencies of any cell are beside it: those of the committed run are not."""
        return any(self.samples_file(key_of(row)).exists() for row in self.rows())

    def samples(self, key: str, name: str = "latency_ns") -> Numbers | None:
        """The latencies of one cell in ns, in the order they were taken; None when they were not kept.

        Other names, where the cell has them: `service_ns` and `due_ns` of an open loop, `client` of several clients.
        """
        try:
            with np.load(self.samples_file(key)) as file:
                return np.asarray(file[name], np.int64) if name in file else None
        except FileNotFoundError:
            return None

    def samples_of(self, row: Mapping[str, Any]) -> Numbers | None:
        """The latencies of one row of cells.csv."""
        return self.samples(key_of(row))

    def read_json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads((self.folder / name).read_bytes())
        except FileNotFoundError:
            raise RunError(f"{self.folder} is not a run: it has no {name}") from None
        except ValueError as error:
            raise RunError(f"{self.folder / name} is not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise RunError(f"{self.folder / name} is not a JSON object")
        return value


def _read(row: Row) -> Row:
    words = [word for word in row["noise_flags"].split(";") if word not in RETIRED_FLAGS]
    return row | {"noise_flags": ";".join(words)}


class PartOfRun(Run):
    """Some of a run's rows, for tables and pictures; refuses to be written to but for its plots, which have a folder of
    their own."""

    def __init__(self, folder: Path, chosen: Filter) -> None:
        super().__init__(folder)
        self.chosen = chosen

    @property
    def plots_folder(self) -> Path:
        """PNG and SVG of the part."""
        return self.folder / "plots-of-a-part"

    def rows(self) -> list[Row]:
        """The rows that were chosen."""
        return [row for row in super().rows() if self.chosen.accepts(row)]

    def rewrite_rows(self, rows: list[Row]) -> None:
        raise RunError(f"{self.folder}: some of a run cannot be written")


def create(results: Path, scenario: Mapping[str, Any], now: datetime | None = None) -> Run:
    """A new run's folder, and `results`/latest pointing to it."""
    results.mkdir(parents=True, exist_ok=True)
    stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H-%M-%SZ")
    run = _first_free(lambda n: results / f"{stamp}_{scenario['name']}{f'_{n}' if n else ''}")
    run.write_json("run.json", {"run_id": run.id, "state": RUNNING, "scenario": scenario})
    _point(results / "latest", run.id)
    return run


def unfinished(results: Path) -> list[Run]:
    """The runs that were interrupted, or are running now; oldest first."""
    return [run for run in runs(results) if run.about().get("state") == RUNNING]


def runs(results: Path) -> list[Run]:
    """Every run in `results` but the reference, oldest first."""
    folders = sorted(path.parent for path in results.glob("*/run.json") if not path.parent.is_symlink())
    return [Run(folder) for folder in folders if folder.name != REFERENCE]


def committed(results: Path) -> list[Run]:
    """The reference, and what of it is a run of its own: arrays and streams. Those that there are."""
    folders = results / REFERENCE, results / REFERENCE / DATA
    return [Run(folder) for folder in folders if (folder / "cells.csv").is_file()]


def find(results: Path, asked: str | None) -> Run:
    """The run that was asked for by path or id; else the latest; else the reference. Raises
    :class:`RunError`."""
    candidates = [results / "latest", results / REFERENCE] if asked is None else [Path(asked), results / asked]
    for folder in candidates:
        if (folder / "cells.csv").is_file():
            return Run(folder.resolve())
    if asked is None:
        raise RunError(f"there is no run in {results} yet: python -m scenarios run quick")
    raise RunError(f"there is no run {asked}: neither a folder with a cells.csv nor an id in {results}")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that at every moment either the old or the new content is there, whole."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
            _sync(file)
            os.replace(file.name, path)
        except BaseException:
            # Not there any more when the interrupt came just after it had taken its place.
            Path(file.name).unlink(missing_ok=True)
            raise


def _first_free(folder_of: Callable[[int], Path]) -> Run:
    number = 0
    while True:
        try:
            folder_of(number).mkdir()
        except FileExistsError:
            number += 1
        else:
            return Run(folder_of(number))


def _point(link: Path, target: str) -> None:
    """Make `link` a symbolic link to its sibling `target`, in one step."""
    new = link.with_name(f".{link.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    try:
        os.replace(new, link)
    finally:
        new.unlink(missing_ok=True)  # it is there only when an interrupt came first


def _writer(file: Any) -> csv.DictWriter[str]:
    return csv.DictWriter(file, COLUMNS, lineterminator="\n")


def _sync(file: IO[Any] | Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _shrunk(latencies: Numbers) -> np.ndarray[Any, Any]:
    """32 bits hold 4.29 s: half the file for every cell without a call slower than that."""
    fits = latencies.size == 0 or int(latencies.max()) < 2**32
    return latencies.astype(np.uint32) if fits else latencies
