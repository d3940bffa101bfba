"""Sessions with an agent that does not keep records, or whose time is wrong."""

import scratch
from locator.codec import cbor, record
from locator.codec.cose import DOWN, UP, Envelope, EnvelopeError
from locator.journal.log import FORGED, Log
from locator.journal.numbers import Numbers
from locator.journal.store import Journal
from locator.session import epochs
from locator.session.keys import Keys
from locator.session.session import Session, read_downlink
from raising import raises

KEY = bytes(32)
NOW = 845500000


class Config:
    key = KEY
    device = "lb-0001"


class Agent:
    """The modem, and beyond it an agent that acknowledges the sequences up to `keeps`. From what is said
    in another epoch than its own it keeps nothing, and says its own. Each downlink comes after so many
    `forged` ones."""

    def __init__(self, keeps, epoch=0, forged=0):
        self._keeps = keeps
        self._forged = forged
        self._replies = []
        self.kept = []  # uplinks that were said in the agent's own epoch, as maps
        self.enter(epoch)

    def enter(self, epoch):
        self.epoch = epoch
        self._up, self._down = (Envelope(KEY, way, "lb-0001", epoch) for way in (UP, DOWN))

    def mqtt_subscribe(self, topic):
        pass

    def mqtt_publish(self, topic, data):
        keeps, down = self._keeps, self._down
        try:
            number, text = self._up.open(bytes(data))
            self.kept.append(cbor.loads(text))
        except EnvelopeError:
            keeps = 0
            number, down = self._earlier(data)
        buf = bytearray(128)
        out = cbor.Writer(buf)
        out.n = 32
        out.head(cbor.MAP, 4 if down is self._down else 5)
        for key, value in ((0, 1), (1, number)):
            out.int(key)
            out.int(value)
        out.int(2)
        out.head(cbor.ARRAY, 2 if keeps else 0)
        for bound in (1, keeps)[: 2 if keeps else 0]:
            out.int(bound)
        out.int(3)
        out.int(NOW)
        if down is not self._down:
            out.int(11)
            out.int(self.epoch)
        start, end = down.seal(buf, 32, out.n, number)
        reply = bytes(buf[start:end])
        self._replies = [reply[:-1] + bytes([reply[-1] ^ 1])] * self._forged + [reply]

    def _earlier(self, data):
        """The number of an uplink that was said in an earlier epoch, and what seals downlinks in it."""
        for epoch in range(self.epoch):
            try:
                number, _ = Envelope(KEY, UP, "lb-0001", epoch).open(bytes(data))
            except EnvelopeError:
                continue
            return number, Envelope(KEY, DOWN, "lb-0001", epoch)
        raise AssertionError("of a later epoch")

    def mqtt_receive(self, timeout_ms):
        return self._replies.pop(0) if self._replies else None


class Numbered(Agent):
    """Notes the numbers of the uplinks."""

    def __init__(self, keeps):
        super().__init__(keeps)
        self.numbers = []

    def mqtt_publish(self, topic, data):
        self.numbers.append(Envelope(KEY, UP, "lb-0001").open(bytes(data))[0])
        super().mqtt_publish(topic, data)


def session(records, keeps):
    """A session of a device with so many records; its outcome, and the records that wait."""
    outcome, pending, _ = talk_in(scratch.folder(), records, Agent(keeps))
    return outcome, pending


def talk_in(folder, records, agent):
    """The same with this agent, and the keys at the end of it."""
    numbers = Numbers(folder, 1)
    journal = Journal(folder, numbers)
    for i in range(records):
        journal.append([record.REUSED, 1, 0, 0, NOW + i, 1] + [0] * 14)
    session = Session(agent, journal, numbers, Keys(folder, Config), None, 1000)
    session.run(lambda out, more: 0, 60, False, False)
    return session.outcome, journal.pending(), session.keys


def test_acknowledged_records_are_freed_after_a_session():
    outcome, pending = session(10, 10)
    assert (outcome.turns, outcome.refused, pending) == (1, False, 0)


def test_an_agent_that_keeps_nothing_more_costs_one_message():
    outcome, pending = session(10, 0)
    assert (outcome.turns, outcome.refused, pending) == (1, True, 10)
    outcome, pending = session(10, 9)
    assert (outcome.turns, outcome.refused, pending) == (2, True, 1)


class Holding(Agent):
    """The broker before it holds the first downlink back, and hands it over when the second would come."""

    def __init__(self, keeps):
        super().__init__(keeps)
        self._held = None

    def mqtt_publish(self, topic, data):
        super().mqtt_publish(topic, data)
        reply = self._replies.pop()
        self._replies = [] if self._held is None else [self._held]
        self._held = reply


def test_the_time_of_a_reply_to_an_earlier_attempt_is_of_the_past():
    outcome, pending, _ = talk_in(scratch.folder(), 10, Holding(10))
    assert (outcome.sent, outcome.turns, outcome.late, pending) == (2, 1, True, 0)
    outcome, _ = session(10, 10)
    assert not outcome.late


def test_numbers_begin_at_the_time_of_the_first_reply_where_none_was_known():
    folder = scratch.folder()
    numbers = Numbers(folder, 0)
    journal = Journal(folder, numbers)
    agent = Numbered(9)
    for i in range(10):
        journal.append([record.REUSED, 1, 0, 0, NOW + i, 1] + [0] * 14)
    Session(agent, journal, numbers, Keys(folder, Config), None, 1000).run(
        lambda out, more: 0, 60, False, False
    )
    first, second = agent.numbers
    assert first < 1 << 37 and second == NOW << 8


def test_a_time_that_no_clock_of_ours_holds_makes_no_reply():
    for time, good in ((b"\x1a\x7f\xff\xff\xff", True), (b"\x1a\x80\x00\x00\x00", False), (b"\x20", False)):
        try:
            read_downlink(b"\xa4\x00\x01\x01\x05\x02\x80\x03" + time)
        except cbor.CborError:
            assert not good
        else:
            assert good


def test_a_device_with_an_old_epoch_enters_that_of_the_agent_and_stays():
    folder = scratch.folder()
    outcome, pending, keys = talk_in(folder, 10, Agent(10, epoch=60))
    assert (outcome.turns, outcome.refused, pending, keys.epoch) == (2, False, 0, 60)
    outcome, pending, keys = talk_in(folder, 10, Agent(20, epoch=60))
    assert (outcome.turns, pending, keys.epoch) == (1, 0, 60)


def test_a_device_with_a_very_old_epoch_catches_up_in_steps_that_an_agent_follows():
    outcome, pending, keys = talk_in(scratch.folder(), 10, Agent(10, epoch=150))
    assert (outcome.turns, outcome.refused, pending, keys.epoch) == (4, False, 0, 150)
    keys = Keys(scratch.folder(), Config)
    assert epochs.enter(keys, 0x7FFFFFFF) and keys.epoch == 64


class Handlers:
    """Has one thing to say, until the agent has it."""

    def __init__(self):
        self.waits = True

    def to_report(self):
        return self.waits

    def write(self, out):
        out.int(7)
        out.int(1)
        return 1

    def on_ack(self):
        self.waits = False

    def take(self, reply):
        raise AssertionError("no order was given")


def say_once(agent, folder):
    """A session with something to report at its beginning; its outcome, and the handlers."""

    def extras(out, more):
        if more:
            return 0
        out.int(4)
        out.int(NOW)
        return 1

    numbers = Numbers(folder, 1)
    handlers = Handlers()
    session = Session(agent, Journal(folder, numbers), numbers, Keys(folder, Config), lambda: handlers, 1000)
    session.run(extras, 60, True, False)
    return session.outcome, handlers


def test_reports_of_an_old_epoch_are_repeated():
    agent = Agent(0, epoch=1)
    outcome, handlers = say_once(agent, scratch.folder())
    assert agent.kept == [{0: 1, 4: NOW, 7: 1}]
    assert (outcome.turns, outcome.server_time, handlers.waits) == (2, NOW, False)


def test_a_reply_with_an_epoch_acknowledges_nothing():
    enter, epochs.enter = epochs.enter, lambda keys, epoch: False  # the flash is full
    try:
        outcome, handlers = say_once(Agent(0, epoch=1), scratch.folder())
    finally:
        epochs.enter = enter
    assert (outcome.turns, outcome.server_time, outcome.refused, handlers.waits) == (1, None, True, True)


def test_an_epoch_only_rises():
    folder = scratch.folder()
    keys = Keys(folder, Config)
    assert epochs.enter(keys, 2)
    for epoch in (2, 1, 0, -1, 1 << 31, True, None, "3"):
        assert not epochs.enter(keys, epoch)
    assert Keys(folder, Config).epoch == 2


def test_forged_downlinks_are_counted_and_too_many_end_the_epoch():
    folder = scratch.folder()
    outcome, pending, keys = talk_in(folder, 10, Agent(10, forged=3))
    assert (outcome.turns, pending, keys.down.forged) == (1, 0, 3)
    log = Log()
    log.counters[FORGED] = 15996
    epochs.weigh(keys, log)
    assert log.counters[FORGED] == 15999 and keys.epoch == 0
    epochs.weigh(keys, log)
    assert log.counters[FORGED] == 0 and keys.epoch == 1
    assert Keys(folder, Config).epoch == 1


def test_a_malformed_or_other_epoch_envelope_does_not_count_as_forged():
    keys = Keys(scratch.folder(), Config)
    buf = bytearray(64)
    start, end = Envelope(KEY, DOWN, "lb-0001", 1).seal(buf, 32, 40, 1)
    for data in (b"", b"\x83", bytes(buf[start:end])):
        raises(EnvelopeError, keys.down.open, data)
    assert keys.down.forged == 0
