"""The pictures of a run as PNG and SVG, and how a contender looks in all of them.

Draws what `statistics` computes. Imports it, `records`, `plan` and `common`.
"""
