"""How the slots of a control segment change hands: each is one owner's, and the next one's when that has gone."""

import pytest

from shm_rpc_bridge import RPCTransportError, layout, posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.header import Offer
from shm_rpc_bridge.testing import AFTER, at, watched

from .sizes import GENERATION, NAME, SLOTS


@pytest.fixture
def other(server, held):
    return Control.open(NAME, held)


def test_a_slot_that_becomes_free_while_a_client_looks_is_claimed(server, client, monkeypatch):
    """The server lets go of one that was left, just when its client has asked for one kind of the two."""
    for number in range(SLOTS):
        client.claim_slot(object(), number)
    server._set_state(1, layout.SLOT_LEFT)
    real, asked = client._next_slot, []

    def next_slot(state, first=0):
        found = real(state, first)
        server._set_state(1, layout.SLOT_FREE)
        asked.append(state)
        return found

    claimed = iter([-1, 1])  # its lock is held by the server at first
    monkeypatch.setattr(client, "_claimed_slot", lambda *_: next(claimed))
    monkeypatch.setattr(client, "_next_slot", next_slot)
    assert client.claim_slot(object(), 13) == 1
    assert asked, "there was none at first"


def test_slots_are_claimed_in_order_each_once_and_by_whoever_comes(client, other):
    mine = [object() for _ in range(SLOTS)]
    assert client.claim_slot(mine[0], 10) == 0
    assert other.claim_slot(mine[1], 11) == 1
    assert client.claim_slot(mine[2], 12) == 2
    assert [other.token(slot) for slot in range(SLOTS)] == [10, 11, 12]
    for each in (client, other):
        with pytest.raises(RPCTransportError, match="all its 3 channels in use: close some clients"):
            each.claim_slot(object(), 13)
        assert [each.token(slot) for slot in range(SLOTS)] == [10, 11, 12]


def test_a_slot_that_was_left_can_be_claimed_when_none_is_free(client, other):
    owners = [object() for _ in range(SLOTS)]
    for owner in owners:
        client.claim_slot(owner, 1)
    client.leave_slots(owners[1])
    assert other.slots_left() == [1]
    new = object()
    assert other.claim_slot(new, 20) == 1
    assert other.token(1) == 20
    assert client.slots_left() == []
    with pytest.raises(RPCTransportError, match="in use"):
        client.claim_slot(object(), 21)
    client.leave_slots(owners[1])  # which has none any more
    assert other.slots_left() == []
    other.leave_slots(new)
    assert client.claim_slot(object(), 22) == 1


def test_a_free_slot_comes_before_one_that_was_left(client):
    first = object()
    assert client.claim_slot(first, 1) == 0
    client.leave_slots(first)
    assert client.claim_slot(object(), 2) == 1


def test_who_has_interrupted_itself_in_a_claim_gets_another_slot(held, server):
    """By a signal's handler, right after the lock was taken."""
    slots = []
    with watched(at("lock slot", lambda: slots.append(client.claim_slot(object(), 2)), AFTER)):
        client = Control.open(NAME, held)
    slots.append(client.claim_slot(object(), 1))
    assert sorted(slots) == [0, 1]


@pytest.mark.parametrize("claimer", ["the same", "another"])
def test_a_slot_that_was_claimed_and_left_in_between_is_passed_over_and_kept_by_nobody(
    client, other, claimer, monkeypatch
):
    """Between looking at its state and locking it."""

    def claim_and_leave():
        owner = object()
        assert other.claim_slot(owner, 7) == 0
        other.leave_slots(owner)

    comes_first = [claim_and_leave]
    lock = posix.LockFile.try_lock

    def lock_late(self, offset):
        if comes_first:
            comes_first.pop()()
        return lock(self, offset)

    monkeypatch.setattr(posix.LockFile, "try_lock", lock_late)
    assert [client.claim_slot(object(), number) for number in (1, 2)] == [1, 2]
    assert (client if claimer == "the same" else other).claim_slot(object(), 3) == 0


def test_leaving_gives_up_all_that_an_owner_has_and_nothing_of_others(client, server):
    one, two = object(), object()
    client.claim_slot(one, 1)
    client.claim_slot(two, 2)
    client.claim_slot(one, 3)
    client.leave_slots(one)
    assert server.slots_left() == [0, 2]
    assert server.slots_in_use() == [0, 1, 2]
    assert [server.reclaim(slot, list) for slot in range(SLOTS)] == [True, False, True]
    assert server.slots_in_use() == [1]
    assert server.slots_left() == []


def test_leaving_after_the_locks_are_let_go_of_does_nothing(server):
    held = []
    client = Control.open(NAME, held)
    owner = object()
    client.claim_slot(owner, 1)
    posix.let_go(held)
    client.leave_slots(owner)
    assert server.slots_left() == []
    assert server.reclaim(0, list)


def test_announced_slots_are_handed_out_once_in_order(server, client, other):
    for number in range(SLOTS):
        (client if number else other).claim_slot(object(), number + 1)
    assert server.next_announced() is None
    client.announce_slot(2)
    other.announce_slot(0)
    assert [server.next_announced() for _ in range(3)] == [0, 2, None]
    assert server.slots_in_use() == [0, 1, 2]


def test_a_slot_that_changes_hands_while_it_is_handed_out_stays_announced(held):
    def change_hands():
        layout.TOKEN.pack_into(client.map, layout.token_offset(SLOTS, 0), 99)

    with watched(at("serve slot", change_hands, AFTER)):
        server = Control.create(NAME, GENERATION, Offer(SLOTS, 2000, 3000, "json"), held)
    server.publish()
    client = Control.open(NAME, held)
    client.claim_slot(object(), 1)
    client.announce_slot(0)
    assert [server.next_announced() for _ in range(3)] == [0, 0, None]


def test_a_refusal_is_of_one_channel_and_not_of_the_next_in_its_slot(server, client):
    client.claim_slot(object(), 5)
    client.claim_slot(object(), 6)
    assert not client.is_refused(0, 5)
    server.refuse(0, 5)
    assert client.is_refused(0, 5)
    assert not client.is_refused(0, 7)
    assert not client.is_refused(1, 6)
    assert client.token(0) == 5


def test_a_slot_whose_owner_lives_is_not_reclaimed_and_that_of_the_dead_is_after_what_it_left_is_removed(server):
    held, removed = [], []
    client = Control.open(NAME, held)
    client.claim_slot(object(), 1)
    assert not server.reclaim(0, lambda: removed.append(0))
    assert removed == []
    posix.let_go(held)
    assert server.without_owner([0]) == [0]
    assert server.reclaim(0, lambda: removed.append(server.slots_in_use()))
    assert removed == [[0]]
    assert server.slots_in_use() == []


def test_nobody_gets_a_slot_while_what_its_last_owner_has_left_is_removed(server, client, other):
    owners = [object() for _ in range(SLOTS)]
    for owner in owners:
        client.claim_slot(owner, 1)
    client.leave_slots(owners[1])

    def claim_meanwhile():
        with pytest.raises(RPCTransportError, match="in use"):
            other.claim_slot(object(), 2)

    assert server.reclaim(1, claim_meanwhile)
    assert other.claim_slot(object(), 2) == 1


def test_a_slot_that_is_just_being_freed_is_had_a_moment_later(server, client, other, monkeypatch):
    """All were said to be in use while the server held its lock."""
    owners = [object() for _ in range(SLOTS)]
    for owner in owners:
        client.claim_slot(owner, 1)
    client.leave_slots(owners[1])
    pauses = []
    assert server._lock_file.try_lock(layout.slot_lock(1))
    monkeypatch.setattr(
        "shm_rpc_bridge.control.sleep",
        lambda seconds: pauses.append(seconds) or (len(pauses) == 2 and server._lock_file.unlock(layout.slot_lock(1))),
    )
    assert other.claim_slot(object(), 2) == 1
    assert len(pauses) == 2


def test_where_removing_fails_the_slot_stays_and_can_be_reclaimed_again(server):
    held = []
    Control.open(NAME, held).claim_slot(object(), 1)
    posix.let_go(held)

    def fail():
        raise OSError

    with pytest.raises(OSError, match=r"^$"):
        server.reclaim(0, fail)
    assert server.slots_in_use() == [0]
    assert server.reclaim(0, list)
    assert Control.open(NAME, held).claim_slot(object(), 2) == 0
    posix.let_go(held)


def test_of_thousands_of_slots_those_without_an_owner_are_found_in_one_look(held, name):
    """Of the system's own locks, which /proc/locks lists."""
    server = Control.create(name, GENERATION, Offer(1000, 2000, 3000, "json"), held)
    server.publish()
    living, dying = [], []
    clients = [Control.open(name, held_by) for held_by in (living, dying)]
    for number in range(300):
        clients[number % 2].claim_slot(object(), number)
    assert set(server.without_owner(list(range(1000)))) >= set(range(300, 1000))
    posix.let_go(dying)
    left = server.without_owner(list(range(300)))
    assert set(left) >= set(range(1, 300, 2))
    assert [slot for slot in left if server.reclaim(slot, list)] == list(range(1, 300, 2))
    assert server.slots_in_use() == list(range(0, 300, 2))
    posix.let_go(living)
    server.withdraw_name()


def test_where_the_system_does_not_list_its_locks_each_slot_is_asked_for(server, monkeypatch):
    monkeypatch.setattr(posix.LockFile, "locked_by_others", lambda self: None)
    assert server.without_owner(list(range(300))) == list(range(300))
