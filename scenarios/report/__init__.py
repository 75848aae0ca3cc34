"""The page of a run, ``report.html``: its answer, tables and charts, and the templates they go into.

Shows what `statistics` and `advice` compute. Imports `advice`, `plots`, `tables`, `statistics`,
`records`, `plan` and `common`.
"""
