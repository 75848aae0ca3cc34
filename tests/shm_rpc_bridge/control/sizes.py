"""Of the control segment that the tests look at."""

NAME = "controlled"
GENERATION = 0xABC
SLOTS = 3
