"""The walk-through from its first to its last step: record the shop, replay it, split it, and see what was true.

Runs the commands of the documents, and shows each before it runs it; all that they write is in one folder. Ends with
exit status 1 where a prediction was off by more than a quarter in one of the runs, each of which has its own.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path("examples", "monolith")
MOVED = ("shop.pricing:quote", "shop.images:thumbnail", "shop.reports:monthly")
STAYING = ("shop.cart:add", "shop.money:round_up")
PAIRS = 5
"""Of measurements in a run, before and after, each with a replay: a phase of the machine is in all of them."""
KEPT = ("replay.json", "replay.png", "replay.svg", "report.html")
CUTS = {"cuts.json": "cuts.json", "cuts.png": "cuts.png", "cuts.svg": "cuts.svg", "report.html": "cuts.html"}
"""Of where to cut, and what it is called beside the replay's."""
REFERENCE = Path("results", "reference")
"""The run that says what a call over a border costs."""


def main() -> int:
    asked = _parser().parse_args()
    output = Path(os.path.relpath(asked.output, ROOT))  # as the commands are run there, and what they write names it
    if (ROOT / output).exists():
        print(f"{output} exists: move it away, or name another folder with --output", file=sys.stderr)
        return 2
    (ROOT / output).mkdir(parents=True)
    requests = ["--requests", str(asked.requests)]
    replaying = ["--path", str(HERE), "--seconds", asked.seconds, "--callers", "4", "--workers", "2"]
    replaying += [word for name in asked.contender for word in ("--contender", name)]
    real = ["--path", str(HERE), "--seconds", asked.seconds, "--rounds", "0", "--with-handler", "--contender", "shm"]
    real += [word for name in MOVED for word in ("--function", name)]
    recording = [word for name in (*MOVED, *STAYING) for word in ("--target", name)]
    runs = [output / f"{number}" for number in range(1, asked.runs + 1)]
    for own in runs:
        (ROOT / own).mkdir()
        calls = str(own / "calls.rec")
        run(["-m", "shm_rpc_bridge.record", *recording, "-o", calls, "--", str(HERE / "main.py"), *requests])
        for pair in range(1, asked.pairs + 1):
            run(["-m", "scenarios", "replay", calls, *real, "--results", str(own)])
            run([str(HERE / "measure.py"), "-o", str(own / f"today-{pair}.rec"), *requests])
            run([str(HERE / "measure.py"), "--split", "-o", str(own / f"split-{pair}.rec"), *requests])
    run(["-m", "scenarios", "replay", calls, *replaying, "--results", str(output)])  # what all functions would cost
    (cost,) = (ROOT / output).glob("replay-*")
    for name in KEPT:
        shutil.copy2(cost / name, ROOT / output / name)
    package = str(output / "package.rec")
    recording = ["--package", "shop", "--payloads", "sizes", "-o", package]
    run(["-m", "shm_rpc_bridge.record", *recording, "--", str(HERE / "main.py"), *requests])
    run(["-m", "scenarios", "cuts", package, "--run", str(REFERENCE), "--results", str(output)])
    (cuts,) = (ROOT / output).glob("cuts-*")
    for name, kept in CUTS.items():
        shutil.copy2(cuts / name, ROOT / output / kept)
    return run(["-m", "scenarios", "proof", *map(str, runs), "--output", str(output)], check=False)


def run(arguments: list[str], *, check: bool = True) -> int:
    print("\n$", shlex.join(["python", *arguments]), flush=True)
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, check=check).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--runs", type=int, default=3, metavar="N", help="of everything (default: %(default)s)")
    add(
        "--pairs",
        type=int,
        default=PAIRS,
        metavar="N",
        help="of measurements in a run, and replays (default: %(default)s)",
    )
    add("--requests", type=int, default=240, metavar="N", help="to the shop in each (default: %(default)s)")
    add("--contender", action="append", default=[], metavar="NAME", help="replayed; default: those of replay")
    add("--seconds", default="10s", metavar="TIME", help="of the recorded rhythm (default: %(default)s)")
    output = ROOT / "results" / "monolith"
    add("--output", type=Path, default=output, metavar="DIR", help="made anew (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
