"""The tables of a run's figures, as pandas frames of fields. What a column is called, where its number comes from and
how it reads is said here once; the terminal, the report and the documents only lay it out. Imports `statistics`, `plan`
and `common`.
"""
