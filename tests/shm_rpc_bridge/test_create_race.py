"""Two create one transport, or start one server, at the same moment: one gets it, and the others are told."""

import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, SharedMemoryTransport
from shm_rpc_bridge.testing import AFTER, BEFORE, Pause, Step, at, leftovers, watched

from .children import create_and_hang, opener_until
from .services import PATIENCE, calling, context, process, run_server, serving
from .steps import CREATOR_STEPS, OPENER_STEPS, SERVER_STEPS, until
from .strangers import create_in_turns, server_that_dies

pytestmark = pytest.mark.fault("create-race")


def exchange(creator, name):
    with SharedMemoryTransport.open(name) as opener:
        opener.send_request(b"to the one that has it")
        assert creator.receive_request(PATIENCE) == b"to the one that has it"


@pytest.mark.parametrize("make", [SharedMemoryTransport.create, RPCServer], ids=["transport", "server"])
def test_of_several_threads_one_gets_the_name_and_the_others_an_error(name, make):
    """Each removed what the other had made: both got it, or none, or one that could not be opened."""
    rounds, number = 200, 3
    gate = threading.Barrier(number)
    outcomes = [[] for _ in range(rounds)]
    closed = [threading.Event() for _ in range(rounds)]

    def race():
        for outcome in outcomes:
            gate.wait(PATIENCE)
            try:
                made = make(name)
            except RPCTransportError as error:
                outcome.append(error)
                gate.wait(PATIENCE)
            else:
                outcome.append(made)
                gate.wait(PATIENCE)
                if make is not RPCServer:
                    exchange(made, name)
                made.close()
                closed[outcomes.index(outcome)].set()
            gate.wait(PATIENCE)

    with calling(race) as one, calling(race) as two, calling(race) as three:
        for racer in (one, two, three):
            racer.result(4 * PATIENCE)
    for outcome in outcomes:
        errors = [str(each) for each in outcome if isinstance(each, RPCTransportError)]
        assert len(errors) == number - 1
        assert all("is in use" in error for error in errors), errors
    assert all(event.is_set() for event in closed)


@pytest.mark.parametrize("pairs", [50, pytest.param(10_000, marks=pytest.mark.soak)])
def test_of_two_processes_one_gets_the_transport_and_the_other_an_error(name, pairs, figures):
    """Before, 31 of 300 pairs got none, two, or one that could not be opened."""
    pairs = figures.scaled(pairs)
    gate, outcomes = context.Barrier(3), context.SimpleQueue()
    with process(create_in_turns, name, pairs, gate, outcomes), process(create_in_turns, name, pairs, gate, outcomes):
        for _ in figures.progress("pairs of creators", range(pairs)):
            gate.wait(PATIENCE)
            came = sorted([outcomes.get(), outcomes.get()])
            assert came[0] == "created"
            assert "is in use" in came[1]
            SharedMemoryTransport.open(name).close()
            gate.wait(PATIENCE)
            gate.wait(PATIENCE)
            assert leftovers(name) == []
    figures.record("create-race", "pairs of creators, of which one got the transport", pairs, "pairs", pairs)


_public = CREATOR_STEPS.index(Step("link name", AFTER))
BEFORE_IT_HAS_THE_NAME = CREATOR_STEPS[:_public]
AFTER_IT_HAS_THE_NAME = [step for step in CREATOR_STEPS[_public:] if step.action == "link name"]


@pytest.mark.parametrize("step", BEFORE_IT_HAS_THE_NAME, ids=str)
def test_who_is_overtaken_at_any_step_is_told_and_disturbs_nobody(name, step):
    pause = Pause(PATIENCE)
    with watched(at(step.action, pause, step.when)), calling(SharedMemoryTransport.create, name) as slow:
        pause.wait_until_reached()
        with SharedMemoryTransport.create(name) as quick:
            pause.resume()
            with pytest.raises(RPCTransportError, match="is in use"):
                slow.result(PATIENCE)
            exchange(quick, name)
    assert leftovers(name) == []


@pytest.mark.parametrize("step", AFTER_IT_HAS_THE_NAME, ids=str)
def test_who_comes_when_it_has_the_name_is_told(name, step):
    pause = Pause(PATIENCE)
    with watched(at(step.action, pause, step.when)), calling(SharedMemoryTransport.create, name) as first:
        pause.wait_until_reached()
        with pytest.raises(RPCTransportError, match="is in use"):
            SharedMemoryTransport.create(name)
        pause.resume()
        with first.result(PATIENCE) as creator:
            exchange(creator, name)


_linked = SERVER_STEPS.index(Step("link control", AFTER))


@pytest.mark.parametrize("step", SERVER_STEPS[:_linked], ids=str)
def test_a_server_that_is_overtaken_at_any_step_of_starting_is_told(name, step):
    pause = Pause(PATIENCE)
    with watched(at(step.action, pause, step.when)), calling(RPCServer, name) as slow:
        pause.wait_until_reached()
        with serving(name):
            pause.resume()
            with pytest.raises(RPCTransportError, match="is in use"):
                slow.result(PATIENCE)
            assert len(leftovers(name)) == 2
    assert leftovers(name) == []


@pytest.mark.parametrize(
    ("action", "when"),
    [("open locks", AFTER), ("lock remover", AFTER), ("unlink name", BEFORE), ("unlink name", AFTER)],
)
def test_two_may_find_the_same_dead_creators_transport(name, action, when):
    """The one that removes it is stopped there; what it removes when it goes on is never the other's."""
    made = context.Event()
    with process(create_and_hang, name, made) as child:
        assert made.wait(PATIENCE)
        child.kill()
        child.join(PATIENCE)
    pause = Pause(PATIENCE)
    # The first locks that are opened are the creator's own, so the step is looked for from the first link on.
    armed = at(action, pause, when)
    linking = []

    def hook(step):
        if step == Step("link name", BEFORE):
            linking.append(step)
        return armed(step) if linking else None

    with watched(hook), calling(SharedMemoryTransport.create, name) as slow:
        pause.wait_until_reached()
        try:
            quick = SharedMemoryTransport.create(name)
        except RPCTransportError as error:
            assert "is in use" in str(error)  # noqa: PT017
            pause.resume()
            with slow.result(PATIENCE) as creator:
                exchange(creator, name)
        else:
            with quick:
                pause.resume()
                with pytest.raises(RPCTransportError, match="is in use"):
                    slow.result(PATIENCE)
                exchange(quick, name)


_found = OPENER_STEPS.index(Step("say found", AFTER))
WHILE_UNLINKING = [step for step in OPENER_STEPS[_found:] if step.action.startswith("unlink ")]


@pytest.mark.parametrize("step", WHILE_UNLINKING, ids=str)
def test_an_opener_that_is_killed_while_it_takes_the_names_away_is_told_to_the_creator(name, step):
    """A creator whose names were there went on to wait for a peer, for ever."""
    with SharedMemoryTransport.create(name) as creator, process(opener_until, name, *step) as child:
        child.join(PATIENCE)
        assert child.exitcode == -9
        with pytest.raises(RPCTransportError, match="has closed it or died"):
            creator.receive_request(PATIENCE)
    assert leftovers(name) == []


def test_two_servers_that_find_the_same_dead_one_do_not_both_get_its_name(name):
    with process(server_that_dies, name) as child:
        child.join(PATIENCE)
    pause = Pause(PATIENCE)
    with watched(at("lock remover", pause, AFTER)), calling(RPCServer, name) as first:
        pause.wait_until_reached()
        with pytest.raises(RPCTransportError, match="is in use: another server is starting"):
            RPCServer(name)
        pause.resume()
        first.result(PATIENCE).close()


def test_one_of_two_server_processes_serves(name):
    children = [context.Process(target=run_server, args=(name, {})) for _ in range(2)]
    for child in children:
        child.start()
    for _ in until(PATIENCE):
        if sum(child.is_alive() for child in children) == 1:
            break
    with RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE) as client:
        assert client.call("add", a=1, b=2) == 3
        client.call("stop")
    for child in children:
        child.join(PATIENCE)
    assert sorted(child.exitcode for child in children) == [0, 1]
