"""A class whose objects stay in the server, a generator, and how long unused memory is kept here, seconds."""

KEPT = 0.1


class Basket:
    def __init__(self):
        self.things = []

    def add(self, thing):
        self.things.append(len(thing))
        return sum(self.things)


def count():
    yield from range(1000)
