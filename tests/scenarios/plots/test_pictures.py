"""Every picture is fit for print: words of nine points that touch no others and are not cut off, on the reference and
on a run of 25 contenders; drawn again it is the same file."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Annotation, Text
from rich.console import Console

from contenders import registry
from scenarios.advice.question import Question
from scenarios.analysis import advice, latency, notebook, parts
from scenarios.analysis.notebook import OpenedRun, Picture
from scenarios.plots import pictures, sheet, style
from scenarios.plots.sheet import Sheet
from scenarios.records.store import Run
from scenarios.statistics import figures
from scenarios.statistics.figures import headline
from tests.scenarios.rows import run_of
from tests.scenarios.tables import cells

ROOT = Path(__file__).parent.parent.parent.parent
REFERENCE = Run(ROOT / "results" / "reference")
STRANGERS = [f"somebodys-contender-{letter}" for letter in "abcde"]
NAMES = [*registry.names()[:20], *STRANGERS]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """25 contenders, five of which nobody knows, many alike, in a lane nobody knows as well; clients; rates."""
    rng = np.random.default_rng(7)
    rows = []
    for lane, name in itertools.product(("unheard-of",), NAMES):
        base = 0.1 if name in style.WITHOUT_IPC else float(rng.choice([3.0, 50.0, 55.0, 60.0, 400.0]))
        medians = {
            at: [base * (1 + at / 2e4) * (1 + 0.05 * repeat) for repeat in range(3)] for at in (100, 10_000, 2_000_000)
        }
        spent = {"client_cpu": base * 0.6, "server_cpu": base * 0.6}
        rows += cells(name, medians, lane=lane, p99=3 * base, **spent, voluntary_switches_per_call="2")
    for name, clients in itertools.product(NAMES, (1, 2, 16)):
        rows += cells(name, {100: [50.0 * clients] * 3}, p99=900.0, scenario="s/clients", clients=str(clients))
    for name, rate in itertools.product(NAMES, (1000, 50_000)):
        load = {"scenario": "s/load", "load": f"{rate}/s", "offered_rps": str(rate), "calls_per_s": str(rate / 2)}
        rows += cells(name, {100: [9e5] * 3}, **load)
    rows = [row | {"order_index": str(number), "calls": "1000"} for number, row in enumerate(rows)]
    return run_of(tmp_path_factory.mktemp("many") / "2026-01-01T00-00-00Z_many", rows)


@pytest.fixture(scope="module")
def drawn(many: Run) -> dict[str, dict[str, Sheet]]:
    return {"reference": pictures.sheets(REFERENCE), "many": pictures.sheets(many)}


@pytest.fixture(scope="module")
def in_notebooks(many: Run) -> dict[str, Sheet]:
    """The pictures that only notebooks show."""
    opened = OpenedRun(REFERENCE, figures.frame(REFERENCE.rows()))
    strangers = OpenedRun(many, figures.frame(many.rows()))
    question = Question(10_000, 500, 500, "native")
    shown = {
        "smallest": latency.smallest_call(opened, "native"),
        "p99": latency.by_payload(opened, "native", "p99"),
        "switches": parts.switches(opened),
        "switches of many": parts.switches(strangers, "unheard-of"),
        "stacked": parts.stacked(opened),
        "share": advice.share_by_handler(opened, question),
        "break-even": advice.break_even(opened, question),
        "cores": advice.cores_at_the_rate(opened, question),
    }
    return {name: picture.sheet for name, picture in shown.items() if isinstance(picture, Picture)}


def texts(sheet: Sheet) -> Iterator[Text]:
    """Everything that is written. Of ticks beyond an axis' limits matplotlib keeps labels that it does not draw."""
    hidden: set[Text] = set()
    for axis in (axis for axes in sheet.figure.axes for axis in (axes.xaxis, axes.yaxis)):
        drawn = set(axis._update_ticks())  # type: ignore[attr-defined]
        hidden |= {tick.label1 for tick in (*axis.majorTicks, *axis.minorTicks) if tick not in drawn}
    for each in sheet.figure.findobj(Text):
        assert isinstance(each, Text)
        if each.get_text().strip() and each.get_visible() and each not in hidden:
            yield each


def box(text: Text) -> np.ndarray:
    if (
        text.get_rotation() % 90
    ):  # its bounds are mostly empty: a square as large as a letter in its middle stands for it
        middle = np.array(text.get_window_extent().extents).reshape(2, 2).mean(axis=0)
        return np.array([*(middle - 5), *(middle + 5)])
    whole = Text.get_window_extent(text) if isinstance(text, Annotation) else text.get_window_extent()
    return np.array(whole.extents)


def faults(sheet: Sheet) -> list[str]:
    """What is wrong with the words of a sheet."""
    sheet.figure.draw_without_rendering()
    written = [(text.get_text(), box(text), text.get_fontsize()) for text in texts(sheet)]
    width, height = sheet.figure.bbox.size
    found = [f"{text!r} is of {points} points" for text, _, points in written if points < style.POINTS]
    found += [
        f"{text!r} is cut off"
        for text, (left, low, right, high), _ in written
        if left < -0.5 or low < -0.5 or right > width + 0.5 or high > height + 0.5
    ]
    # A line of type is higher than its letters, so that a pixel of overlap touches nothing.
    for (one, a, _), (other, b, _) in itertools.combinations(written, 2):
        if (np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) > 1).all():
            found.append(f"{one!r} is on {other!r}")
    return found


@pytest.mark.parametrize("run", ["reference", "many"])
def test_words_are_large_enough_to_print_and_neither_cut_off_nor_on_each_other(
    drawn: dict[str, dict[str, Sheet]], run: str
) -> None:
    assert {name: found for name, sheet in drawn[run].items() if (found := faults(sheet))} == {}


def test_so_are_those_of_the_pictures_in_notebooks(in_notebooks: dict[str, Sheet]) -> None:
    assert len(in_notebooks) == 8
    assert {name: found for name, sheet in in_notebooks.items() if (found := faults(sheet))} == {}


def test_a_fault_would_be_found() -> None:
    with style.applied():
        bad = Sheet("A title", 2)
        axes = bad.panels.subplots()
        axes.text(0.5, 0.5, "one")
        axes.text(0.5, 0.5, "other")
        axes.text(0.2, 0.2, "small", fontsize=8)
        axes.text(1.2, 0.2, "far too long for what is left of the sheet").set_in_layout(False)
        found = faults(bad.finish())
    assert [each.split("' ")[-1] for each in found] == ["is of 8.0 points", "is cut off", "is on 'other'"]


def test_a_picture_is_as_wide_as_600_pixels_on_a_screen(drawn: dict[str, dict[str, Sheet]]) -> None:
    widths = {float(each.figure.get_figwidth()) for run in drawn.values() for each in run.values()}
    assert widths == {sheet.WIDTH_INCHES} == {600 / 96}


def test_a_picture_says_the_lane_that_it_is_of(drawn: dict[str, dict[str, Sheet]]) -> None:
    """`cost` said the last one of the run."""
    said = {name: re.findall(r"\(lane (.*)\)", sheet.title) for name, sheet in drawn["reference"].items()}
    assert said["first"] == said["cost"] == said["clients"] == said["load"] == ["native"]
    assert all(said[f"latency_{lane}"] == [lane] for lane in ("bytes", "json", "native", "pickle"))


def test_there_is_one_of_each_kind_and_lanes_nobody_knows_have_theirs(drawn: dict[str, dict[str, Sheet]]) -> None:
    kinds = [
        "first",
        "latency_bytes",
        "latency_json",
        "latency_native",
        "latency_pickle",
        "cost",
        "clients",
        "in_flight_full-async",
        "in_flight_full-in-flight",
        "slow_calls",
        "load",
        "real_native",
        "drift",
    ]
    assert list(drawn["reference"]) == kinds
    assert list(drawn["many"]) == ["first", "latency_unheard-of", "cost", "clients", "load", "drift"]


def test_the_committed_pictures_are_those_and_no_others(drawn: dict[str, dict[str, Sheet]]) -> None:
    expected = {f"{name}{suffix}" for name in drawn["reference"] for suffix in (".png", ".svg")}
    assert {path.name for path in REFERENCE.plots_folder.iterdir()} == expected


def test_drawn_again_without_samples_every_file_is_the_same(
    many: Run, drawn: dict[str, dict[str, Sheet]], tmp_path: Path
) -> None:
    folder = tmp_path / many.folder.name
    shutil.copytree(many.folder, folder, ignore=shutil.ignore_patterns("samples", "plots"))
    pictures.draw(Run(folder), Console(quiet=True))
    copies = {path.name: path.read_bytes() for path in (folder / "plots").iterdir()}
    sheets = drawn["many"].items()
    assert copies == {f"{name}.{kind}": getattr(each, kind)() for name, each in sheets for kind in ("png", "svg")}
    assert all(name.endswith(".png") or b"<dc:date>" not in text for name, text in copies.items())


def test_the_first_picture_has_the_ways_people_know_with_their_medians_and_the_direct_call(
    drawn: dict[str, dict[str, Sheet]],
) -> None:
    (axes,) = drawn["reference"]["first"].panels.axes
    lines = figures.summary(headline(figures.frame(REFERENCE.rows())))
    lines = lines[(lines["lane"] == "native") & (lines["payload_bytes"] == 100)].set_index("contender")
    names = [each.get_text().rpartition("(")[2].rstrip(")") for each in axes.get_yticklabels()]
    assert set(style.BOLD) <= set(names)
    assert 6 <= len(names) <= 7
    assert list(lines.loc[names, "p50_us"]) == sorted(lines.loc[names, "p50_us"], reverse=True)
    bars, dots = axes.lines[: 2 * len(names) : 2], axes.lines[1 : 2 * len(names) : 2]
    for name, bar, dot in zip(names, bars, dots, strict=True):
        assert list(dot.get_xdata()) == [lines.loc[name, "p50_us"]]
        assert list(bar.get_xdata()) == [lines.loc[name, "p50_low"], lines.loc[name, "p50_high"]]
    assert list(axes.lines[-1].get_xdata()) == [lines.loc["direct", "p50_us"]] * 2


@pytest.mark.parametrize("lane", ["bytes", "json", "native"])
def test_no_decade_of_a_latency_axis_is_empty(drawn: dict[str, dict[str, Sheet]], lane: str) -> None:
    (axes,) = drawn["reference"][f"latency_{lane}"].panels.axes
    values = [value for line in axes.lines for value in np.asarray(line.get_ydata(), float)]
    low, high = axes.get_ylim()
    assert min(values) / low < 10
    assert high / max(values) < 10
    decades = {int(np.floor(np.log10(value))) for value in values}
    assert decades == set(range(min(decades), max(decades) + 1))


def test_an_overloaded_rate_stretches_no_axis(drawn: dict[str, dict[str, Sheet]]) -> None:
    p50 = drawn["reference"]["load"].panels.axes[0]
    assert p50.get_ylim()[1] < 10_000, "those that were not served took from 150 ms on"


def test_every_point_of_cost_against_latency_is_named(drawn: dict[str, dict[str, Sheet]]) -> None:
    (axes,) = drawn["reference"]["cost"].panels.axes
    named = {each.get_text() for each in axes.texts}
    measured = {row["contender"] for row in REFERENCE.rows() if row["server_cpu_us_per_call"]}
    assert measured <= named


def test_notebooks_show_the_files_of_the_run(drawn: dict[str, dict[str, Sheet]]) -> None:
    opened = notebook.open_run(str(REFERENCE.folder))
    shown = latency.by_payload(opened, "native")
    assert isinstance(shown, Picture)
    assert shown._repr_png_()[0] == drawn["reference"]["latency_native"].png()
