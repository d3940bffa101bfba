"""One session with the agent: connect, send turns, take the acknowledgements, disconnect.

A turn is one uplink and its downlink. Only a downlink that quotes the number of an uplink of this very
session counts, so an old downlink kept by a hostile broker frees nothing.
"""

from micropython import const

from locator import state as st
from locator import unload
from locator.codec import cbor
from locator.codec.cose import TAG_SIZE, EnvelopeError

_VERSION = const(1)
_ANSWERED = const(1)
_RANGES = const(2)
_TIME = const(3)
_EPOCH = const(11)
_REPLY_MS = const(10000)
_PROMPT_MS = const(1500)
_SENDS = const(2)  # one resend without a downlink, then patience
_HEADROOM = const(32)
UPLINK_BYTES = const(3500)  # of plain text and envelope, what a turn may carry
ROOM_BYTES = const(4736)
_BESIDE_BYTES = const(1792)  # of the room, an uplink or a downlink; after it are the records it is made of
_MAX_TURNS = const(40)
_MAX_RECORDS = const(64)  # as in codec/columns.py
_NEWEST_FIRST = const(16)  # records: they fit in one uplink


class _NoBatch:
    n = 0


class Outcome:
    """The result of a session: messages `sent`, `bytes` both ways, `turns` answered, `server_time` epoch or
    None; `refused`: the agent has answered but keeps no record that it was sent."""

    def __init__(self):
        self.sent = self.bytes = 0
        self.turns = 0
        self.refused = False
        self.server_time = None
        self.late = False  # the last downlink took long, or answers an earlier attempt


class Session:
    """`keys` are those in use (`session.keys`), `modem` is registered already. `open_handlers` makes the
    `downlink.handlers.Handlers`, called when there is something to execute or to report. `most`
    bytes go into an uplink. `room` is a bytearray of ROOM_BYTES for uplinks, their records and downlinks."""

    def __init__(self, modem, journal, numbers, keys, open_handlers, most, room=None):
        self.modem = modem
        self._journal = journal
        self._numbers = numbers
        self.keys = keys
        self._topic = b"landbridge/%s/" % keys.device.encode()
        self._room = memoryview(room or bytearray(ROOM_BYTES))
        self._batch = _batch(self._room[_BESIDE_BYTES:])
        self.most = most
        self._sent = []
        self.port = None  # measures how long a downlink took, if there is one
        self._heard = False  # the agent has kept a turn
        self._open_handlers = open_handlers
        self.handlers = None
        self.outcome = Outcome()

    def run(self, extras, messages, to_report, urgent):
        """Turns until nothing is left to send or `messages` are sent. `extras(writer, more)` writes the pairs
        of the uplink map after the columns and returns their number; `more` is False until a turn was kept.
        `to_report`: the handlers have something to report. `urgent`: the newest records go first, then the
        others from the oldest on. Raises `ModemError` when the connection breaks; `outcome` then has the
        progress.
        """
        if to_report and not self.handlers:
            self.handlers = self._open_handlers()
        self._heard = False
        self.modem.mqtt_subscribe(self._topic + b"down")
        for _ in range(_MAX_TURNS):
            if self.outcome.sent >= messages:
                return
            newest = urgent and not self._heard
            limit = _NEWEST_FIRST if newest else _MAX_RECORDS
            self._batch.n = self._journal.read_batch(self._batch.records, limit, newest)
            if self._heard and not self._batch.n and not (self.handlers and self.handlers.to_report()):
                return
            if not self.turn(extras, self._heard) or self.outcome.refused:
                return  # refused records would be sent until the day's messages are used up

    def pull(self, messages):
        """Run a session for the pieces of a release that `handlers` request, without records."""
        handlers = self.handlers = self.handlers or self._open_handlers()
        handlers.may_report = st.REPORT_PULL
        self._batch.n = 0
        self.modem.mqtt_subscribe(self._topic + b"down")
        while handlers.pull and self.outcome.sent < messages:
            if not self.turn(_nothing, True):
                return

    def end_records(self):
        """Release the memory for records; only `turn` may be called after it."""
        self._batch = _NoBatch
        unload("codec.columns")

    def turn(self, extras, more):
        """Send an uplink, execute its downlink; return whether one has come. Arguments as `run`'s."""
        self._sent = []  # a late answer to an earlier turn says nothing about this one
        for _ in range(_SENDS):
            envelope = self._seal(*self._write_fitting(extras, more))
            self.outcome.sent += 1
            self.outcome.bytes += len(envelope)
            self.modem.mqtt_publish(self._topic + b"up", envelope)
            sent_ms = self._ticks_ms()
            answered = self._await_reply()
            if answered is not None:
                self.outcome.turns += 1
                is_slow = self._ticks_ms() - sent_ms > _PROMPT_MS
                self.outcome.late = is_slow or answered != self._sent[-1]
                return True
        return False

    def _ticks_ms(self):
        return self.port.ticks_ms() if self.port else 0

    def _write_fitting(self, extras, more):
        """Write as many of the records as fit in one uplink."""
        while True:
            try:
                return self._write(extras, more)
            except cbor.Full:
                if not self._batch.n:
                    raise
                self._batch.n //= 2

    def _write(self, extras, more):
        """Write the uplink into the room; (start, end) of it. Another attempt needs the records again."""
        most = min(self.most, _BESIDE_BYTES - TAG_SIZE) if self._batch.n else self.most
        out = cbor.Writer(self._room[:most])
        out.n = _HEADROOM + 1  # the map's head is one byte and comes last
        out.int(0)
        out.int(_VERSION)
        pairs = 1
        if self._batch.n:
            out.int(1)
            self._batch.write(out)
            pairs += 1
        pairs += extras(out, more)
        if self.handlers:
            pairs += self.handlers.write(out)
        end = out.n
        out.n = _HEADROOM
        out.head(cbor.MAP, pairs)
        return _HEADROOM, end

    def _seal(self, start, end):
        """Encrypt the uplink in place; a second attempt is written again, under another number."""
        number = self._numbers.next_number()
        self._sent.append(number)
        first, last = self.keys.up.seal(self._room, start, end, number)
        return self._room[first:last]

    def _await_reply(self):
        """The number of the uplink of this session that a genuine downlink has answered, or None."""
        for _ in range(4):  # a hostile broker may send more than one message
            plain = self._receive()
            if plain is None:
                return None
            try:
                reply = read_downlink(plain)
            except cbor.CborError:
                continue
            if reply.get(_ANSWERED) in self._sent:
                self._apply(reply)
                return reply[_ANSWERED]
        return None

    def _receive(self):
        """The text of the next message, an empty one when it is not genuine; None when there is no message. A
        function of its own, whose frame goes with the message: to read and execute it needs the heap."""
        data = self.modem.mqtt_receive(_REPLY_MS)
        if data is None:
            return None
        self.outcome.bytes += len(data)
        try:
            # The uplink in the room is on its way; another attempt would write it again.
            return self.keys.down.open(data, self._room[:_BESIDE_BYTES])[1]
        except EnvelopeError:
            return b""

    def _apply(self, reply):
        if _EPOCH in reply:
            # Under an old epoch the agent keeps nothing: the next turn repeats it under the present one.
            from locator.session import epochs

            self.outcome.refused = not epochs.enter(self.keys, reply[_EPOCH])
            return
        self._heard = True
        waiting = self._journal.pending()
        self._journal.acknowledge(reply[_RANGES])
        self.outcome.refused = self._batch.n > 0 and self._journal.pending() == waiting
        self.outcome.server_time = reply[_TIME]
        self._numbers.date(reply[_TIME], True)
        # An answer to an earlier attempt of this turn acknowledges the same contents.
        if self.handlers:
            self.handlers.on_ack()
        if len(reply) > _TIME + 1:
            if not self.handlers:
                self.handlers = self._open_handlers()
            self.handlers.take(reply)


def _batch(room):
    from locator.codec.columns import Batch  # `say` lets go of it

    return Batch(room)


def _nothing(out, more):
    return 0


def read_downlink(plain):
    """The downlink as a dict: 1 the number of the uplink answered, 2 a flat list of acknowledged ranges,
    3 epoch seconds, keys of the handlers from 4 on.

    Raises `cbor.CborError` when `plain` is no downlink of our version. Keys we do not know are for
    newer firmware.
    """
    reply = cbor.loads(plain)
    if type(reply) is not dict or reply.get(0) != _VERSION:
        raise cbor.CborError("not a downlink of version 1")
    answered, ranges, time = reply.get(_ANSWERED), reply.get(_RANGES), reply.get(_TIME)
    if type(answered) is not int or type(time) is not int or time >> 31 or type(ranges) is not list:
        raise cbor.CborError("downlink incomplete")
    if len(ranges) % 2 or not all(type(seq) is int and seq > 0 for seq in ranges):
        raise cbor.CborError("ranges")
    return reply
