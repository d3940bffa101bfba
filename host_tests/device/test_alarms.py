"""Alarms: raised once for each occurrence, and armed again."""

import fixed
from locator import settings
from locator import state as st
from locator.actions import recovery as trouble
from locator.codec import record
from locator.hal import DEEPSLEEP_RESET, ON_LIGHT, ON_MOTION, ON_TAMPER, WAKE_LIGHT, WAKE_TAMPER, WAKE_TIMER
from locator.scheduler import alarms, decide

START_S = 360_000
SETTINGS = fixed.unpaced()
HINTS = fixed.hints(5, SETTINGS)
EVERY = sum(rule[0] for rule in alarms.RULES) | record.EVENT_TAMPER


class Sensors:
    """What the device feels; `look` is a wake ten minutes later that returns the events it has found."""

    def __init__(self, limits=SETTINGS):
        self.state = st.new()
        self.now = START_S
        self.limits = limits

    def felt(self, wake, mv, dc, lux, mg, deg, lid):
        return self.now, wake, DEEPSLEEP_RESET, mv, dc, 0, lux, mg, deg, lid

    def look(self, wake=WAKE_TIMER, mv=3600, dc=-50, lux=0, mg=0, deg=0, lid=0, after_s=600):
        self.now += after_s
        state = self.state
        state[st.URGENT] = 0
        senses = self.felt(wake, mv, dc, lux, mg, deg, lid)
        st.feel(state, senses)
        alarms.feel(state, senses, self.limits)
        events = state[st.EVENTS]
        self.action = decide.next(state, senses, HINTS)
        if self.action.kind == decide.FIX:  # its place comes first
            state[st.DID_FIX] = st.NO
            self.action = decide.next(state, senses, HINTS)
        st.learn_record(state)
        return events

    def armed(self):
        senses = self.felt(WAKE_TIMER, 3600, -50, 0, 0, 0, 0)
        for i in (st.DID_FIX, st.DID_RECORD, st.ATTACHED, st.DID_SESSION):
            self.state[i] = st.NO
        self.state[st.LAST_RECORD] = self.state[st.LAST_SESSION] = self.now
        self.state[st.URGENT] = 0
        return decide.next(self.state, senses, HINTS).wake_on

    def search(self, sats, after_s):
        self.now += after_s
        self.state[st.NOW] = self.now
        alarms.searched(self.state, sats, self.limits)
        events = self.state[st.EVENTS]
        st.learn_record(self.state)
        return events


def once(event, high, between, low):
    """Raised at the first wake with `high`, not again until it was `low`; `between` arms nothing."""
    sensors = Sensors()
    assert sensors.look(**high) == event
    assert sensors.state[st.URGENT] == 1 and sensors.action.kind == decide.ATTACH
    assert sensors.look(**high) == 0 and sensors.state[st.URGENT] == 0
    assert sensors.look(**between) == 0
    assert sensors.look(**high) == 0
    assert sensors.look(**low) == 0
    assert sensors.look(**high) == event


def test_a_door_is_reported_once_until_it_is_dark():
    once(record.EVENT_LIGHT, {"lux": 20}, {"lux": 1}, {"lux": 0})


def test_a_shock_is_reported_once_until_a_quiet_wake():
    once(record.EVENT_SHOCK, {"mg": 4000}, {"mg": 2001}, {"mg": 2000})


def test_a_tilt_is_reported_once_until_it_is_half_of_it():
    once(record.EVENT_TILT, {"deg": 30}, {"deg": 16}, {"deg": 15})


def test_a_low_battery_is_reported_once_until_it_has_recovered():
    once(record.EVENT_BATTERY, {"mv": 3250}, {"mv": 3349}, {"mv": 3350})


def test_an_open_lid_is_reported_once_until_it_is_shut():
    once(record.EVENT_TAMPER, {"lid": 1}, {"lid": 1}, {"lid": 0})


def test_below_its_limit_nothing_is_an_alarm():
    sensors = Sensors()
    assert sensors.look(lux=19, mg=3999, deg=29, mv=3251) == 0
    assert sensors.state[st.RAISED] == 0


def test_the_cause_of_the_wake_counts_whatever_the_senses_show():
    sensors = Sensors()
    assert sensors.look(WAKE_LIGHT, lux=7) == record.EVENT_LIGHT
    assert sensors.look(lux=7) == 0
    assert sensors.look(WAKE_TAMPER, lux=7) == record.EVENT_TAMPER
    assert sensors.look(WAKE_TAMPER) == record.EVENT_TAMPER  # it was shut in between


def test_an_interrupt_that_is_still_there_is_not_waited_for():
    sensors = Sensors()
    sensors.look(lux=300)
    assert sensors.armed() == ON_TAMPER | ON_MOTION
    sensors.look(lid=1)
    assert sensors.armed() == ON_LIGHT | ON_MOTION
    sensors.look()
    assert sensors.armed() == ON_LIGHT | ON_TAMPER | ON_MOTION


def test_all_at_once_are_one_record():
    assert Sensors().look(mv=3000, lux=300, mg=9000, deg=90, lid=1) == EVERY


def test_an_alarm_that_may_wait_asks_for_no_session():
    only_light = settings.defaults()
    only_light[settings.ALARMS] = record.EVENT_LIGHT
    sensors = Sensors(only_light)
    assert sensors.look(mg=9000) == record.EVENT_SHOCK
    assert sensors.state[st.URGENT] == 0
    assert sensors.look(lux=300) == record.EVENT_LIGHT
    assert sensors.state[st.URGENT] == 1


def test_a_shock_in_mid_wake_counts_in_the_next():
    sensors = Sensors()
    sensors.state[st.SHOCK_MG] = 4000
    assert sensors.look() == record.EVENT_SHOCK
    assert sensors.look() == 0
    assert sensors.look(mg=4000) == record.EVENT_SHOCK


def test_a_temperature_is_reported_when_it_has_held_and_when_it_is_back():
    for inside, outside, nearly in ((-300, -401, -381), (200, 601, 581)):
        sensors = Sensors()
        sensors.look(dc=inside)
        assert sensors.look(dc=outside) == 0
        assert sensors.look(dc=outside, after_s=1799) == 0
        assert sensors.look(dc=outside, after_s=1) == record.EVENT_TEMPERATURE
        assert sensors.look(dc=outside, after_s=9000) == 0
        assert sensors.look(dc=nearly) == 0
        assert sensors.look(dc=inside) == record.EVENT_TEMPERATURE_BACK
        assert sensors.look(dc=inside) == 0


def test_a_short_cold_is_no_alarm():
    sensors = Sensors()
    for _ in range(3):
        assert sensors.look(dc=-410, after_s=1700) == 0
        assert sensors.look(dc=-400, after_s=100) == 0


def test_gnss_is_lost_when_nothing_is_found_on_the_move():
    sensors = Sensors()
    sensors.state[st.MOVING] = 1
    assert sensors.search(8, 0) == 0
    assert sensors.search(0, 1800) == 0
    assert sensors.search(0, 3 * 3600 - 1) == 0
    assert sensors.search(0, 1) == record.EVENT_GNSS
    assert sensors.search(0, 9000) == 0
    assert sensors.search(5, 1800) == 0
    sensors.search(7, 1800)
    sensors.search(0, 1800)
    assert sensors.search(0, 3 * 3600) == record.EVENT_GNSS


def test_a_hall_a_stop_and_a_narrow_sky_are_no_loss():
    sensors = Sensors()
    assert sensors.search(0, 9 * 3600) == 0  # never seen a sky
    sensors.search(8, 0)
    assert sensors.search(0, 9 * 3600) == 0  # standing
    sensors.state[st.MOVING] = 1
    assert sensors.search(0, 9 * 3600) == 0
    sensors.state[st.MOVING] = 0
    assert sensors.search(0, 9 * 3600) == 0
    sensors.state[st.MOVING] = 1
    assert sensors.search(0, 9 * 3600) == 0
    sensors.search(5, 0)
    assert sensors.search(0, 9 * 3600) == sensors.search(0, 9 * 3600) == 0


def cards(*numbers):
    """The events of each card that is read in turn."""
    state = st.new()
    events = []
    for number in numbers:
        alarms.card(state, number, 3 * number, SETTINGS)
        events.append(state[st.EVENTS])
        state[st.EVENTS] = 0
    return events


def test_another_card_is_reported_each_time_and_a_missing_one_once():
    alarm = record.EVENT_CARD
    assert cards(7, 7, 7) == [0, 0, 0]
    assert cards(7, 8, 8, 7) == [0, alarm, 0, alarm]
    assert cards(7, 0, 0, 7, 0) == [0, alarm, 0, 0, alarm]
    assert cards(7, 0, 0, 8, 8) == [0, alarm, 0, alarm, 0]
    assert cards(0, 0, 7) == [0, 0, 0]  # no card was ever there


def test_another_card_is_shown_to_the_agent():
    state = st.new()
    alarms.card(state, 7, 1, SETTINGS)
    state[st.IDENTITY_DAY] = 3
    alarms.card(state, 7, 1, SETTINGS)
    assert state[st.IDENTITY_DAY] == 3
    alarms.card(state, 8, 1, SETTINGS)
    assert state[st.IDENTITY_DAY] == 0


def test_another_imsi_of_the_same_card_is_reported_and_no_alarm():
    state = st.new()
    alarms.card(state, 7, 1, SETTINGS)
    state[st.IDENTITY_DAY] = 3
    alarms.card(state, 7, 2, SETTINGS)
    assert state[st.IDENTITY_DAY] == 0 and not state[st.EVENTS]


def test_a_card_has_a_number_that_fits_in_the_state():
    numbers = {alarms.number_of("8931440400012345678" + str(i)) for i in range(300)}
    assert len(numbers) == 300 and 0 not in numbers
    assert all(-(1 << 31) <= number < 1 << 31 for number in numbers)
    assert min(numbers) < 0 < max(numbers)


def test_after_a_power_failure_an_open_door_is_not_reported_again():
    sensors = Sensors()
    sensors.look(lux=300, dc=-500)
    trouble.restart(sensors.state)
    sensors.now = 0
    assert sensors.look(lux=300, dc=-500, after_s=1) == 0
    assert sensors.state[st.OUT_SINCE]


def test_a_battery_that_is_not_known_is_not_low():
    assert not Sensors().look(mv=0) & record.EVENT_BATTERY
