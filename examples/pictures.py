"""What examples/arrays.py moves into another process: methods of an array."""


def total(array):
    return float(array.sum())


def first(array):
    return float(array.flat[0])


def negative(array):
    return -array
