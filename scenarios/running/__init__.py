"""Carries out a scenario: processes, order, reruns of disturbed cells, progress, and the search for a capacity.

What it measures goes to disk cell by cell. Imports `statistics`, `records`, `measuring`, `plan` and `common`.
"""
