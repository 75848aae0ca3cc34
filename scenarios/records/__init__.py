"""A run on disk: the files of ``results/<run>/``, and where and with what they were made.

Computes no figure. Imports `plan` and `common`.
"""
