"""What a server keeps for one client, and what can be called of it."""

import pytest

from shm_rpc_bridge.objects import Objects


class Account:
    def balance(self):
        return 3

    def secret(self):
        return 4


class Empty:
    pass


@pytest.fixture
def objects():
    return Objects({Account: frozenset({"balance"}), Empty: frozenset()})


def test_numbers_count_from_1_and_are_never_used_again(objects):
    assert [objects.keep(Account()) for _ in range(3)] == [1, 2, 3]
    objects.let_go(3)
    objects.let_go(3)
    assert len(objects) == 2
    assert objects.keep(Account()) == 4


def test_a_registered_method_of_a_kept_object_is_found(objects):
    assert objects.method(objects.keep(Account()), "balance")() == 3


@pytest.mark.parametrize("number", [0, 2, True, "1", None, [1]])
def test_an_object_that_is_not_kept_is_said_to_be_closed(objects, number):
    objects.keep(Account())
    with pytest.raises(LookupError, match=r"there is no object .*: its handle was closed"):
        objects.method(number, "balance")


@pytest.mark.parametrize("name", ["secret", "__init__", "", None, 1, []])
def test_a_method_that_is_not_registered_is_refused_naming_those_that_are(objects, name):
    with pytest.raises(LookupError, match=r"unknown method .* of a Account; registered: balance"):
        objects.method(objects.keep(Account()), name)


def test_a_class_without_methods_says_that_there_are_none(objects):
    with pytest.raises(LookupError, match="registered: none"):
        objects.method(objects.keep(Empty()), "balance")
