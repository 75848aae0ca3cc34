"""Pillow's fit, recorded, replayed, really split, and what was predicted of it beside what was measured.

As examples/monolith/prove.py, for a function that nobody here wrote. Ends with exit status 1 where a prediction was off
by more than a quarter in one of the runs.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path("examples", "others")
RECORD = ["-m", "shm_rpc_bridge.record", "--target", "PIL.ImageOps:fit"]
REPLAY = ["-m", "scenarios", "replay", "--rounds", "0", "--with-handler", "--contender", "shm"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="of everything (default: %(default)s)")
    parser.add_argument(
        "--pairs", type=int, default=5, metavar="N", help="measurements in a run (default: %(default)s)"
    )
    parser.add_argument("--pictures", default="300", metavar="N", help="in each (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "results" / "others", metavar="DIR", help="made anew")
    asked = parser.parse_args()
    output = asked.output.resolve()
    if output.exists():
        print(f"{output} exists: move it away, or name another folder with --output", file=sys.stderr)
        return 2
    runs = [output / f"{number}" for number in range(1, asked.runs + 1)]
    program, split = (str(HERE / name) for name in ("fit.py", "fit_split.py"))
    pictures = ["--pictures", asked.pictures]
    for own in runs:
        own.mkdir(parents=True)
        calls = str(own / "calls.rec")
        run([*RECORD, "-o", calls, "--", program, *pictures])
        for pair in range(1, asked.pairs + 1):
            run([*REPLAY, calls, "--results", str(own)])
            run([*RECORD, "--payloads", "sizes", "-o", str(own / f"today-{pair}.rec"), "--", program, *pictures])
            run([split, "--record", str(own / f"split-{pair}.rec"), *pictures])
    return run(["-m", "scenarios", "proof", *map(str, runs), "--output", str(output)], check=False)


def run(arguments: list[str], *, check: bool = True) -> int:
    print("\n$", shlex.join(["python", *arguments]), flush=True)
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, check=check).returncode


if __name__ == "__main__":
    sys.exit(main())
