"""Settings on the device: applied as a whole or not at all, on trial until the agent is reached."""

import os
import struct
from binascii import crc32

import scratch
from locator import settings as cfg
from locator import state as st
from locator.codec import cbor
from locator.downlink import applied, handlers, settings

GOOD = {cfg.INTERVAL_S: 900, cfg.TEMPERATURE_LOW_DC: -350}
OTHER = {cfg.INTERVAL_S: 1800}


class Device:
    """A device whose sessions are `order` and `talk`."""

    def __init__(self):
        self.port = scratch.Port()
        self.state = st.new()
        self.values = self.wake()

    def wake(self):
        self.values = applied.load(self.port.data_dir, self.state)
        return self.values

    def handlers(self):
        self.state[st.TO_REPORT] &= st.REPORT_SETTINGS
        return handlers.Handlers(self.port, None, None, None, self.state, None)

    def order(self, value):
        """A session in which settings come; what the device reports in its next turn."""
        at = self.handlers()
        at.take({3: 1, 4: value})
        said = self._say(at)
        self.wake()
        return said

    def talk(self):
        """A wake, and a session in which the device reports what it applies, if it has to."""
        self.wake()
        return self._say(self.handlers())

    def _say(self, at):
        out = cbor.Writer(bytearray(64))
        out.head(cbor.MAP, 1)
        if not at.write(out):
            return None
        at.on_ack()
        return cbor.loads(bytes(out.buf[: out.n]))[6]

    def file(self, name=applied.FILE):
        with open(self.port.data_dir + name, "rb") as f:
            return f.read()

    def put(self, data, name=applied.FILE):
        with open(self.port.data_dir + name, "wb") as f:
            f.write(data)


def values(changes):
    all_values = cfg.defaults()
    for key, value in changes.items():
        all_values[key] = value
    return all_values


def report(revision, changes, source, refused=0, why=0):
    return [revision, crc32(bytes(values(changes))), source, refused, why]


def trusted(changes, revision=7):
    """A device that has reached the agent under these settings."""
    device = Device()
    device.order([revision, changes])
    device.talk()
    return device


def test_a_new_device_has_the_built_in_settings_and_reports_so_once():
    device = Device()
    assert device.values == cfg.defaults()
    assert device.talk() == report(0, {}, applied.BUILT_IN)
    assert device.talk() is None


def test_new_settings_are_in_force_at_once_and_confirmed_by_the_next_session():
    device = Device()
    assert device.order([7, GOOD]) == report(7, GOOD, applied.ON_TRIAL)
    assert device.values == values(GOOD)
    assert applied.read(device.port.data_dir + applied.LAST_GOOD_FILE) is None
    assert device.talk() == report(7, GOOD, applied.CONFIRMED)
    assert applied.read(device.port.data_dir + applied.LAST_GOOD_FILE)[applied.REVISION] == 7
    assert device.talk() is None and device.state[st.TRIAL] == 0


def test_another_energy_is_planned_again():
    device = trusted(GOOD)
    device.state[st.LEVEL_AT], device.state[st.ENDS_AT] = 5, -1
    device.order([8, OTHER])
    assert device.state[st.ENDS_AT] == -1
    device.order([9, {cfg.BATTERY_MAH: 500}])
    assert device.state[st.LEVEL_AT] == device.state[st.ENDS_AT] == 0
    device.state[st.ENDS_AT], device.state[st.TRIAL] = 77, -1  # the agent was not reached under these
    device.wake()
    assert device.state[st.ENDS_AT] == 0


def test_the_same_revision_again_changes_and_reports_nothing():
    device = trusted(GOOD)
    before = device.file()
    assert device.order([7, GOOD]) is None
    assert device.file() == before


def test_a_value_out_of_range_refuses_the_whole_revision():
    for key, value in ((cfg.UPLOAD_EVERY_S, 86401), (cfg.INTERVAL_S, 0), (99, 1), (-1, 1), (cfg.ALARMS, "1")):
        device = trusted(GOOD)
        assert device.order([8, {cfg.LIGHT_LUX: 30, key: value}]) == report(
            7, GOOD, applied.CONFIRMED, 8, key
        )
        assert device.values == values(GOOD)
        assert device.order([8, {cfg.LIGHT_LUX: 30, key: value}]) is None  # reported already


def test_a_key_beyond_32_bits_is_refused_like_any_other():
    for key in (1 << 31, 1 << 40, -(1 << 63)):
        device = trusted(GOOD)
        assert device.order([8, {key: 1}]) == report(7, GOOD, applied.CONFIRMED, 8, settings.MALFORMED)


def test_a_refusal_that_the_flash_does_not_take_is_not_reported():
    # Otherwise each downlink would bring the settings again, and each turn another one.
    device = trusted(GOOD)
    os.mkdir(device.port.data_dir + applied.FILE + ".new")
    assert device.order([8, {99: 1}]) is None
    assert not device.state[st.TO_REPORT]


def test_an_invalid_revision_is_refused():
    for value in (None, 5, [], [1], [8, []], [0, {}], [-3, {}], [1 << 31, {}], ["8", {}], [8, {}, 1]):
        device = trusted(GOOD)
        assert device.order(value) == report(7, GOOD, applied.CONFIRMED, 0, settings.MALFORMED)
        assert device.values == values(GOOD)


def test_settings_under_which_the_agent_is_not_reached_are_given_up():
    device = trusted(GOOD)
    device.order([8, OTHER])
    tries = 0
    while device.wake() == values(OTHER):
        st.learn_session(device.state, False)
        tries += 1
        assert tries <= 10
    assert tries == 10 and device.values == values(GOOD)
    assert device.talk() == report(7, GOOD, applied.LAST_GOOD, 8, settings.UNREACHED)
    assert device.talk() is None


def test_a_trial_outlives_a_loss_of_power():
    device = trusted(GOOD)
    device.order([8, OTHER])
    device.state = st.new()
    assert device.wake() == values(OTHER)
    for _ in range(10):
        st.learn_session(device.state, False)
    assert device.wake() == values(GOOD)


def damaged(data):
    for i in range(len(data)):
        yield data[:i]
        for bit in range(8):
            yield data[:i] + bytes([data[i] ^ (1 << bit)]) + data[i + 1 :]


def test_any_flipped_bit_or_cut_ends_in_settings_that_are_reported():
    device = trusted(GOOD)
    whole, good = device.file(), device.file(applied.LAST_GOOD_FILE)
    for data in damaged(whole):
        device.put(data)
        device.put(good, applied.LAST_GOOD_FILE)
        assert device.talk() == report(7, GOOD, applied.LAST_GOOD)
        assert device.values == values(GOOD)
        device.put(data)
        device.put(data, applied.LAST_GOOD_FILE)
        assert device.talk() == report(0, {}, applied.BUILT_IN)
        assert device.values == cfg.defaults()


def test_settings_of_a_firmware_with_other_ranges_are_not_applied():
    device = trusted(GOOD)
    body = b"\x85\x01\x07\xa1\x00\x01\x00\x00"  # interval_s 1
    device.put(body + struct.pack("<I", crc32(body)))
    assert device.talk() == report(7, GOOD, applied.LAST_GOOD)


def test_every_single_bound_is_a_good_value_and_its_neighbour_is_not():
    for key in range(len(cfg.defaults())):
        lowest, highest = cfg._LOWEST[key], cfg._HIGHEST[key]
        assert lowest <= cfg.defaults()[key] <= highest
        assert cfg.is_good(key, lowest) and cfg.is_good(key, highest)
        assert not cfg.is_good(key, lowest - 1) and not cfg.is_good(key, highest + 1)
