"""The harness measured by itself: what it must find, and whether it does.

Runs real cells through `running`. Imports it, `statistics`, `records`, `measuring`, `plan` and `common`.
"""
