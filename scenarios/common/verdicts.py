"""What is said of figures in words, from where on."""

from __future__ import annotations

CHEAP_SHARE = 0.05
"""Splitting a function off is cheap where its calls cost less: of the function's own time, or of the program's."""
