"""A finished run made the committed one, ``results/reference``, and its figures written into the documents.

Imports `tables`, `statistics`, `records`, `plan` and `common`.
"""
