"""A finished run made the committed one, ``results/reference``, and its figures written into the README.

Imports `statistics`, `records`, `plan` and `common`.
"""
