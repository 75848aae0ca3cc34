"""What is measured, as data, and the machinery that measures it: runner, statistics, files, plots."""
