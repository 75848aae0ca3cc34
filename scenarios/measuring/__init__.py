"""What runs inside a measured client process: the timed loops, and readings of the process and the machine.

An import costs memory and start-up time that would be measured with the call, so neither NumPy nor pandas is loaded
here. Imports `plan` and `common`.
"""
