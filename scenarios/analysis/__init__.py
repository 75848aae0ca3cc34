"""What the notebooks in ``notebooks/`` call: each function takes an opened run and gives text, a table or a picture.

Notebook by notebook a module, and `notebook` with what all of them begin with. Imports `advice`, `plots`,
`tables`, `statistics`, `records`, `plan` and `common`.
"""
