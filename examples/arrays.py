"""An array in another process: copied, borrowed, through a Pipe. arrays.py [MB, up to which] [SECONDS of each]"""

import functools
import multiprocessing
import sys
import time

import numpy
import pictures

from shm_rpc_bridge import spawn

SIZES_MB = (0.004, 0.1, 1, 8, 64)


def answer(pipe):
    """The other end of a Pipe: what a program has without a library."""
    while True:
        method, array = pipe.recv()
        pipe.send(getattr(pictures, method)(array))


def milliseconds(seconds, call, *arguments):
    """The median."""
    durations, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(durations) < 5:
        start = time.perf_counter()
        call(*arguments)
        durations.append(time.perf_counter() - start)
    return 1000 * sorted(durations)[len(durations) // 2]


def main(largest_mb, seconds):
    here, there = multiprocessing.Pipe()
    multiprocessing.Process(target=answer, args=(there,), daemon=True).start()

    def by_pipe(method, array):
        here.send((method, array))
        return here.recv()

    def borrowed(client, method, array):
        with client.borrow(method, array) as result:
            return float(result.flat[0])

    print("ms, the median      sum of it there         one element there       its negative, and back")
    print("        sum here    copied  borrowed  Pipe   copied  borrowed  Pipe   copied  borrowed    Pipe")
    options = {"max_message_size": 1 << 30}
    with spawn("pictures", **options) as copying, spawn("pictures", borrow=["total", "first"], **options) as lending:
        for megabytes in (size for size in SIZES_MB if size <= largest_mb):
            array = numpy.ones(int(megabytes * 1e6 / 4), "f4")
            durations = [milliseconds(seconds, pictures.total, array)]
            calls = copying.call, lending.call, by_pipe
            durations += [milliseconds(seconds, call, method, array) for method in ("total", "first") for call in calls]
            calls = copying.call, functools.partial(borrowed, lending), by_pipe
            durations += [milliseconds(seconds, call, "negative", array) for call in calls]
            print(f"{megabytes:6} MB" + "{:7.3f}   {:7.3f} {:8.3f} {:7.3f}".format(*durations[:4]), end="")
            print(" {:7.3f} {:8.3f} {:7.3f} {:7.3f} {:8.3f} {:8.3f}".format(*durations[4:]))


if __name__ == "__main__":
    main(*map(float, [*sys.argv[1:], *("64", "0.1")[len(sys.argv) - 1 :]]))
