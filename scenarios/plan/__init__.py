"""What is to be measured, before anything is: scenario files, the cells they expand to, loads and payloads.

Nothing here starts a process or reads a run; the scenario files are in ``scenarios/definitions``. Imports `common`.
"""
