"""Ideal conditions for a device under fault injection: a port without a UART, and a modem by its verbs."""

_REGISTERED = 0  # of locator.modem; a slot holds no constants


class Port:
    """The part of `locator.hal` that a wake uses; the caller adds the end of a boot."""

    data_dir = "data"
    config_dir = "config"

    def __init__(self, reset_cause, wake_reason, clock_s, rtc_memory):
        self._now_ms = 0
        self._clock_s = clock_s
        self.reset_cause = reset_cause
        self.wake_reason = wake_reason
        self.rtc_memory = rtc_memory

    def ticks_ms(self):
        return self._now_ms

    def clock_s(self):
        return self._clock_s + self._now_ms // 1000

    def sleep_ms(self, ms):
        self._now_ms += ms

    def senses(self):
        return 3600, 150, 0, 0, 0, 0, 0

    def random(self, n):
        return bytes(n)

    def modem_rail(self, on):
        pass

    def feed(self):
        pass

    def show(self, registered, fixed):
        pass


class Modem:
    """Registered at once, a fix at once; verbs that are not here have nothing to do.

    `rooms` is the module `locator.modem` of the application that runs. `ask(uplink)` is the broker: the
    replies, a list of bytes. `time_s()` is the network's time, epoch seconds or None.
    """

    FETCHES_ASSISTANCE = False
    hosts = None
    updates = ()
    on = False
    uninvited = (0, 0)
    missed = 0

    def __getattr__(self, verb):
        return lambda *_: None

    def __init__(self, port, rooms, ask, time_s):
        self._port = port
        self._rooms = rooms
        self._ask = ask
        self.network_time = time_s
        self._replies = []
        self.channel = self

    def start(self, *_):
        self.on = True

    def attach(self, *_):
        return _REGISTERED, 0

    def cell(self):
        return self._rooms.Cell(460000, 1, 1, -90, -90)

    def listen(self, limit_s, is_kept):
        return self.cell()

    def serves(self, *_):
        return True, 0

    def listing(self, *_):
        return ()

    def card_gone(self):
        return False

    SERVICES = ()

    def identity(self):
        return "860000000000017", "8986000000000000011", "460001234567890", "none"

    def psm_granted(self):
        return False

    def stop(self, park):
        self.on = False
        return False

    def gnss_poll(self):
        return self._rooms.Fix(0, 2956301, 10655156, 122, 0, 0, 5, 9)

    def mqtt_publish(self, topic, payload):
        self._replies = self._ask(bytes(payload))

    def mqtt_receive(self, timeout_ms):
        if self._replies:
            return self._replies.pop(0)
        self._port.sleep_ms(timeout_ms)
