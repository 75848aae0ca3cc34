"""Handles where something else happens meanwhile: forks, signals, drops, and objects that raise when they are asked."""

import gc
import os
import signal
import threading
from typing import Protocol

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
)
from shm_rpc_bridge.testing import in_memory

from .forks import status_of
from .services import PATIENCE, calling, started

pytestmark = pytest.mark.fault("handles")


class Basket:
    """Knows how much is in it, and can wait."""

    entered = threading.Event()
    leave = threading.Event()

    def add(self) -> "Basket":
        return Basket()

    def price(self) -> float:
        return 61.25

    def wait(self) -> int:
        self.entered.set()
        assert self.leave.wait(PATIENCE)
        return 1

    @property
    def odd(self):
        raise AttributeError("looked up in vain")

    def away(self) -> None: ...


class Shop(Protocol):
    def basket(self) -> Basket: ...


class Named(Protocol):
    def basket(self) -> Shop: ...


@pytest.fixture
def shop(name):
    Basket.entered.clear()
    Basket.leave.clear()
    server = RPCServer(name, max_objects=5)
    server.register("basket", Basket)
    server.register("add", lambda a, b: a + b)
    server.register_class(Basket)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        yield client
        Basket.leave.set()


@pytest.mark.parametrize("interface", [Shop, Named])
def test_a_handle_that_is_declared_as_what_it_is_of_gives_what_its_methods_return(shop, interface):
    """Each of its results, that of closing it included, was to be converted to the handle's own type."""
    if interface is Shop:
        pytest.importorskip("msgspec")
    with shop.proxy(interface).basket() as basket:
        assert basket.price() == 61.25
        basket.add().close()


def test_an_object_that_raises_when_a_method_is_looked_up_costs_one_call(shop, monkeypatch):
    """It ended the server: only what the library itself found missing was caught there."""
    with shop.call("basket") as basket:
        for raised in (AttributeError("gone"), KeyError("gone"), TypeError("gone")):

            def refuse(self, raised=raised):
                raise raised

            monkeypatch.setattr(Basket, "away", property(refuse))
            with pytest.raises(type(raised)) as caught:
                basket.away()
            assert isinstance(caught.value, RPCMethodError)
        assert basket.price() == 61.25
    assert shop.call("add", 1, 2) == 3


class UnhashableKind(type):
    def __hash__(cls):
        raise RuntimeError

    __eq__ = None


def test_a_result_of_an_odd_class_is_refused_as_such_where_classes_are_registered(name):
    """Whether it is of one of these was asked its metaclass, and the method was said to have failed."""
    odd = UnhashableKind("Odd", (), {})()
    server = RPCServer(name)
    server.register("odd", lambda: odd)
    server.register_class(Basket)
    refused = pytest.raises(RPCSerializationError, match="the result of 'odd' is an Odd")
    with started(server), RPCClient(name, timeout=PATIENCE) as client, refused:
        client.call("odd")


def test_a_forked_child_is_told_whose_the_handle_is_even_while_it_is_used(shop):
    """It waited for the parent's lock, for ever."""
    with shop.call("basket") as basket, calling(basket.wait) as waiting:
        assert Basket.entered.wait(PATIENCE)
        pid = os.fork()
        if not pid:
            status = 1
            try:
                basket.price()
            except RPCTransportError as error:
                whose = f"belongs to process {os.getppid()}" in str(error)
                basket.close()
                status = 0 if whose and error.may_have_run is False else 2
            finally:
                os._exit(status)
        assert status_of(pid) == 0
        Basket.leave.set()
        assert waiting.result(PATIENCE) == 1
        assert basket.price() == 61.25


def test_a_handler_that_uses_the_handle_it_interrupts_is_refused_and_the_call_gets_its_answer(shop):
    """Both went through one channel: the interrupted call waited for an answer that the other one had dropped."""
    refused = []

    def handler(number, frame):
        try:
            basket.price()
        except RPCTransportError as error:
            refused.append(str(error))
        other.close()
        Basket.leave.set()

    basket = shop.call("basket")
    other = basket.add()
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with calling(Basket.entered.wait, PATIENCE) as entered:
            entered.add_done_callback(lambda _: os.kill(os.getpid(), signal.SIGUSR1))
            assert basket.wait() == 1
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(refused) == 1
    assert "this has interrupted a call" in refused[0]
    assert basket.price() == 61.25
    basket.close()


def test_objects_whose_handles_were_dropped_go_with_the_next_call_through_the_channel(shop):
    """The fifth was refused, and there was nothing left to close."""
    with shop.call("basket") as basket:
        for _ in range(20):
            basket.add()
            gc.collect()


def test_closing_waits_for_no_call_of_another_thread(shop):
    basket = shop.call("basket")
    other = basket.add()
    with calling(basket.wait) as waiting:
        assert Basket.entered.wait(PATIENCE)
        other.close()
        basket.close()
        Basket.leave.set()
        assert waiting.result(PATIENCE) == 1
    with pytest.raises(RPCTransportError, match="the handle is closed"):
        basket.price()


def test_no_thread_calls_through_a_channel_whose_call_has_failed_and_that_is_not_closed_yet(shop):
    """One that had waited for that call sent its own request, beside the late response."""
    basket = shop.with_options(timeout=0.1).call("basket")
    end, outcomes = basket._origin._end_if_unused, []

    def let_another_in():
        basket._origin._end_if_unused = end
        with calling(basket.price) as other:
            outcomes.append(other.exception(PATIENCE))
        end()

    basket._origin._end_if_unused = let_another_in
    with pytest.raises(RPCTimeoutError, match="whether it ran is unknown"):
        basket.wait()
    (refused,) = outcomes
    assert "the handle is lost" in str(refused)
    assert refused.may_have_run is False


def test_an_object_is_held_before_another_thread_can_close_the_channel(shop):
    """Closing the only other handle just then lost the new one."""
    basket = shop.call("basket")
    origin, ours = basket._origin, []

    class Held(set):
        def add(self, number):
            ours.append(origin._lock._is_owned())
            super().add(number)

    origin.held = Held(origin.held)
    basket.add().close()
    basket.close()
    assert ours == [True]


def test_names_of_the_librarys_own_are_not_registered():
    with in_memory(), RPCServer("s") as server, pytest.raises(ValueError, match="name of the library's own"):
        server.register("$call", print)
