"""The harness measured by itself: what it must find, and whether it does.

Runs real cells. Imports `running`, `statistics`, `records`, `measuring`, `plan` and `common`.
"""
