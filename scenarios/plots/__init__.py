"""The pictures of a run as PNG and SVG, and how a contender looks in all of them.

Draws what is computed below. Imports `statistics`, `records`, `plan` and `common`.
"""
