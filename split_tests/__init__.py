"""The test suites of installed packages, run while the packages' functions are in another process.

`make split-tests` runs every suite of `packages.toml` plain, split over this library with each codec, and split over a
pickling `multiprocessing.Pipe`, and counts which tests pass and why the rest fail. Needs the network the first time.
"""
