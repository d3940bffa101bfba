"""The downlink handlers, with modules made for the test."""

import sys

from locator import downlink as orders
from locator import state as st
from locator.codec import cbor
from locator.downlink import handlers as downlinks

ONE, TWO = 1, 2
KEY = 5


class Words:
    """A module that says `length` bytes under its key, as long as there is something to say."""

    def __init__(self, key, length):
        self.key = key
        self.length = length
        self.taken = []

    def take(self, handlers, value):
        self.taken.append(value)

    def write(self, handlers, out):
        if not self.length:
            return 0
        out.int(self.key)
        out.bytes(bytes(self.length))
        return 1

    def on_ack(self, handlers):
        self.length = 0


def made(one, two):
    for name, module in (("one", one), ("two", two)):
        sys.modules["locator.downlink." + name] = module
        setattr(orders, name, module)
    downlinks.TAKES.clear()
    downlinks.TAKES.update({KEY: "one"})
    downlinks.REPORTS = ((ONE, "one"), (TWO, "two"))
    state = st.new()
    state[st.TO_REPORT] = st.REPORT_ALL
    return downlinks.Handlers(None, None, None, None, state, None)


def with_modules(test):
    takes, reports = dict(downlinks.TAKES), downlinks.REPORTS
    try:
        test()
    finally:
        downlinks.TAKES.clear()
        downlinks.TAKES.update(takes)
        downlinks.REPORTS = reports


def test_downlinks_go_to_their_modules_and_unknown_ones_nowhere():
    def check():
        one = Words(6, 0)
        made(one, Words(7, 0)).take({0: 1, 1: 2, 2: [], 3: 4, KEY: [9], 99: 1})
        assert one.taken == [[9]]

    with_modules(check)


def test_a_report_that_does_not_fit_waits_for_the_next_turn():
    def check():
        one, two = Words(6, 20), Words(7, 20)
        handlers = made(one, two)
        out = cbor.Writer(bytearray(32))
        assert handlers.write(out) == 1 and out.n == 22
        handlers.on_ack()
        assert handlers.to_report() and not one.length and two.length
        out.n = 0
        assert handlers.write(out) == 1
        assert handlers.to_report()  # until it is acknowledged
        handlers.on_ack()
        assert not handlers.to_report()

    with_modules(check)


class Greedy(Words):
    """A module for which memory does not suffice."""

    def write(self, handlers, out):
        out.int(self.key)
        raise MemoryError


def test_without_memory_for_one_the_others_are_reported():
    def check():
        handlers = made(Greedy(6, 20), Words(7, 20))
        out = cbor.Writer(bytearray(64))
        assert handlers.write(out) == 1 and out.n == 22
        handlers.on_ack()
        assert not handlers.to_report()

    with_modules(check)


def test_a_device_without_news_is_not_asked_again():
    def check():
        handlers = made(Words(6, 0), Words(7, 0))
        assert handlers.write(cbor.Writer(bytearray(32))) == 0
        assert not handlers.to_report()

    with_modules(check)


class Wide(Words):
    """A module that needs others."""

    def take(self, handlers, value):
        from locator.downlink import report, wakes

        self.taken = [report.REPORT, wakes.write]


def test_nothing_that_a_downlink_has_imported_stays():
    def check():
        for name in ("report", "why"):
            if sys.modules.pop("locator.downlink." + name, None):
                delattr(orders, name)
        wide = Wide(6, 0)
        handlers = made(wide, Words(7, 0))
        before = sorted(sys.modules)
        handlers.take({3: 4, KEY: [9]})
        assert len(wide.taken) == 2 and sorted(sys.modules) == before
        assert not hasattr(orders, "why")

    with_modules(check)
