"""Two checkouts of the library, block by block in turns, in one run: is B slower than A?

`checkouts` finds them, `measured` is what runs in the measured processes, `process` and `block` start and end those,
`rounds` decides the order and measures, `verdict` is the statistics. Imports `running`, `statistics`, `records`, `plan`
and `common`.
"""
