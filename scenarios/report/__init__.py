"""The page of a run, ``report.html``: its answer, tables and charts, and the templates they go into.

Shows what `statistics` and `advice` compute. Imports them, `plots` for colours and markers, `records`, `plan` and
`common`.
"""
