"""Conversations with an agent that does not keep what it is sent, or does not know what day it is."""

import scratch
from locator.journal import record
from locator.journal.ledger import Ledger
from locator.journal.store import Journal
from locator.link import cbor
from locator.link.cose import DOWN, UP, Envelope
from locator.link.talk import Conversation, read_reply

KEY = bytes(32)
NOW = 845500000


class Config:
    key = KEY
    device = "lb-0001"


class Agent:
    """The modem, and behind it an agent that acknowledges the sequences up to `keeps`."""

    def __init__(self, keeps):
        self._keeps = keeps
        self._up = Envelope(KEY, UP, "lb-0001")
        self._down = Envelope(KEY, DOWN, "lb-0001")
        self._reply = None

    def mqtt_subscribe(self, topic):
        pass

    def mqtt_publish(self, topic, data):
        number, _ = self._up.open(bytes(data))
        buf = bytearray(128)
        out = cbor.Writer(buf)
        out.n = 32
        out.head(cbor.MAP, 4)
        for key, value in ((0, 1), (1, number)):
            out.int(key)
            out.int(value)
        out.int(2)
        out.head(cbor.ARRAY, 2 if self._keeps else 0)
        for bound in (1, self._keeps)[: 2 if self._keeps else 0]:
            out.int(bound)
        out.int(3)
        out.int(NOW)
        start, end = self._down.seal(buf, 32, out.n, number)
        self._reply = bytes(buf[start:end])

    def mqtt_receive(self, timeout_ms):
        return self._reply


def talk(records, keeps):
    """A conversation of a device with so many records; its outcome, and the records that wait."""
    folder = scratch.folder()
    ledger = Ledger(folder, 1)
    journal = Journal(folder, ledger)
    for i in range(records):
        journal.append([record.STILL, 1, 0, 0, NOW + i, 1] + [0] * 14)
    conversation = Conversation(Agent(keeps), journal, ledger, Config, None, 1000)
    conversation.run(lambda out, more: 0, 60, False, False)
    return conversation.outcome, journal.pending()


def test_what_the_agent_keeps_is_freed():
    outcome, pending = talk(10, 10)
    assert (outcome.turns, outcome.refused, pending) == (1, False, 0)


def test_an_agent_that_keeps_nothing_more_costs_one_message():
    outcome, pending = talk(10, 0)
    assert (outcome.turns, outcome.refused, pending) == (1, True, 10)
    outcome, pending = talk(10, 9)
    assert (outcome.turns, outcome.refused, pending) == (2, True, 1)


def test_a_time_that_no_clock_of_ours_holds_makes_no_reply():
    for time, good in ((b"\x1a\x7f\xff\xff\xff", True), (b"\x1a\x80\x00\x00\x00", False), (b"\x20", False)):
        try:
            read_reply(b"\xa4\x00\x01\x01\x05\x02\x80\x03" + time)
        except cbor.CborError:
            assert not good
        else:
            assert good
