"""The command line: what can be typed, what each command does, and its tables and messages in the terminal.

May import every other room; no other room imports it.
"""
