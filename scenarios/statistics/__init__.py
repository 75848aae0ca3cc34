"""What a figure is: percentiles, intervals, ratios, significance, and warnings about them, from rows and samples.

Everything that shows a figure asks here; nothing here shows one or starts a process. Imports `records`, `plan` and
`common`.
"""
