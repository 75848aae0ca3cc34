"""What the options of both clients have in common. Pure."""


class Kept:
    """What an option is that keeps its value."""


KEPT = Kept()
