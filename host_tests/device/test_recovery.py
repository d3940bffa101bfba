"""A loss of power ends no pause, repeats no alarm and keeps the lasting state."""

from array import array

from locator import settings as cfg
from locator import state as st
from locator.actions import recovery as trouble
from locator.actions import register
from locator.codec import checked, record
from locator.hal import POWER_ON, WAKE_TIMER
from locator.journal import copy, rtc
from locator.scheduler import budget, energy
from woken import device, live, talks

DAY_S = 86400


def lost(it, kept, now=0):
    """The state that goes on after a loss of power, from the copy `kept`."""
    state = copy.state(it.port.data_dir, kept)
    return trouble.power_was_lost(state, it.numbers, it.journal, "bg95", now)


def after_a_loss_of_power(it):
    """The state that goes on then."""
    return lost(it, copy.read(it.port.data_dir))


def wake_until(it, end_s):
    """Wakes as far apart as it asks for, without satellites, until its clock shows `end_s`."""
    while it.port.now_s < end_s:
        it.fix = it.cell = it.identity = None
        it.senses = (it.port.now_s, WAKE_TIMER, POWER_ON, it.battery_mv, 200, 0, 0, 0, 0, 0)
        it.port.now_s += it.run()[0] // 1000


def boots_until_heard(hours, hold):
    """How often power is lost, every so many hours, until a device that `hold` has silenced is heard."""
    it = device("", 3600)
    it.settings = cfg.defaults()
    it.state[st.NOW] = it.port.now_s
    hold(it.state)
    copy.keep(it.port.data_dir, bytes(rtc.pack(st.kept(it.state), it.log.pack())), it.state)
    sessions = []
    talks(it, lambda: sessions.append(1) or st.learn_session(it.state, True))
    for boot in range(60):
        it.state = it.kept._state = st.new(after_a_loss_of_power(it))
        it.state[st.PROFILE_DUE] = 0  # a card without profiles
        it.port.now_s = 1
        wake_until(it, hours * 3600)
        if sessions:
            return boot
    return None


def refused(state):
    state[st.REFUSED_UNTIL] = state[st.NOW] + 96 * 3600


def barred(state):
    state[st.MCC], state[st.LOCKED_PLMN] = st.MCC_RUSSIA, 250001
    state[st.BARRED_UNTIL] = state[st.NOW] + 24 * 3600


def out_of_tries(state):
    for i in range(st.ATTEMPTS_KEPT):
        state[st.ATTEMPTS + i] = state[st.NOW] - 60 * (st.ATTEMPTS_KEPT - i)


def out_of_messages(state):
    state[st.SENT_TODAY] = 60


def failing(state):
    state[st.ATTEMPT_FAILS], state[st.LAST_ATTEMPT], state[st.LOADED_MV] = 8, state[st.NOW] - 1, 1


def test_a_pause_ends_where_power_is_lost_oftener_than_it_lasts():
    for hold, paused_s in (
        (refused, 96 * 3600), (barred, 24 * 3600), (out_of_tries, 90360), (out_of_messages, 81400),
        (failing, 8 * 3600),
    ):  # fmt: skip
        for hours in (3, 20):
            boots = boots_until_heard(hours, hold)
            assert boots is not None and boots >= paused_s // (hours * 3600), (hold, hours, boots)
            assert boots <= paused_s // (hours // 2 * 7200) + 1, (hold, hours, boots)


def test_copies_of_the_state_are_hours_apart():
    it = device("", 3600)
    it.settings = cfg.defaults()
    refused(it.state)
    kept = []
    it.kept.copy = it.kept.attempt = lambda: kept.append(it.port.now_s)
    wake_until(it, 5000 + 48 * 3600)
    assert 20 <= len(kept) <= 25
    assert min(kept[i + 1] - kept[i] for i in range(len(kept) - 1)) >= 2 * 3600 - 120


def test_copies_of_all_the_state_are_left_to_wakes_that_are_idle_for_a_day_at_most():
    it = device("", 3600)
    kept = []
    it.kept.copy = lambda: kept.append(2)
    it.kept.attempt = lambda: kept.append(1)
    for copied_h, idle, attached in (
        (0, False, 0), (19, True, 0), (19, False, 0), (18, False, 0), (18, False, 1), (6, False, 1),
    ):  # fmt: skip
        it.state[st.COPIED_AT], it.state[st.NOW] = copied_h * 3600, 30 * 3600
        it.state[st.ATTACHED] = attached
        it.kept.in_time(idle)
    assert kept == [2, 2, 1, 2, 1, 2]


def test_lasting_state_is_restored_from_the_last_attempt_and_the_rest_from_the_copy():
    it = device("", 3600)
    state, folder = it.state, it.port.data_dir
    state[st.NOW], state[st.TRIAL], state[st.AGE_MIN] = 7200, 5, 100
    copy.keep_attempt(folder, state)
    assert copy.state(folder, copy.read(folder))[st.TRIAL] == 5  # there is no copy yet
    copy.keep(folder, bytes(rtc.pack(st.kept(it.state), it.log.pack())), state)
    state[st.NOW], state[st.TRIAL], state[st.AGE_MIN] = 9000, 4, 200
    copy.keep_attempt(folder, state)
    found = copy.state(folder, copy.read(folder))
    assert (found[st.NOW], found[st.TRIAL], found[st.AGE_MIN]) == (9000, 4, 100)
    state[st.NOW], state[st.TRIAL] = 9900, 10
    copy.keep(folder, bytes(rtc.pack(st.kept(it.state), it.log.pack())), state)
    found = copy.state(folder, copy.read(folder))
    assert (found[st.NOW], found[st.TRIAL], found[st.AGE_MIN]) == (9900, 10, 200)
    damage = bytearray(bytes(rtc.pack(st.kept(it.state), it.log.pack())))
    damage[40] ^= 1
    found = copy.state(folder, bytes(damage))
    assert found[st.AGE_MIN] == 0


def test_power_that_is_lost_long_after_an_attempt_is_no_failure():
    it = device("", 3600)
    state = it.state
    state[st.NOW] = state[st.LAST_ATTEMPT] = 3600
    state[st.NOW] += 7200
    copy.keep(it.port.data_dir, bytes(rtc.pack(st.kept(it.state), it.log.pack())), it.state)
    assert after_a_loss_of_power(it)[st.ATTEMPT_FAILS] == 0


def test_a_loss_of_power_reports_no_alarm_twice_and_forgets_none():
    it = device("", 3100)
    copy.keep(it.port.data_dir, bytes(rtc.pack(st.kept(it.state), it.log.pack())), it.state)
    it.lux = 500
    live(it, 1)
    state = after_a_loss_of_power(it)
    assert state[st.EVENTS] == record.EVENT_POWER_ON and state[st.RAISED] & record.EVENT_LIGHT
    it.lux = 0
    live(it, 1)
    assert not after_a_loss_of_power(it)[st.RAISED] & record.EVENT_LIGHT


USED_MJ, GAVE_WAY_MJ = 3500, 9360


def used_for_300_days(it):
    """Its state by then, in an attempt."""
    state = it.state
    state[st.NOW] = 300 * DAY_S
    state[st.ENERGY_MJ], state[st.ENERGY_MJ + 1], state[st.ENERGY_MJ + 2] = 1000, 2000, 500
    for i in range(st.ATTEMPTS_KEPT):
        budget.count(state, state[st.NOW] - 60 * (st.ATTEMPTS_KEPT - i))
    budget.count(state, state[st.NOW])
    return state


def test_a_brown_out_ends_no_day_of_the_battery():
    it = device("", 3600)
    state = used_for_300_days(it)
    copy.keep(it.port.data_dir, bytes(rtc.pack(st.kept(it.state), it.log.pack())), state)
    for lost in range(1, 4):
        state = st.new(after_a_loss_of_power(it))
        assert energy.used_mj(state) == USED_MJ + GAVE_WAY_MJ, "for the first one, which was in an attempt"
        state[st.NOW] = 7200
        assert state[st.NOW] - state[st.BEGAN] == 300 * DAY_S + lost * 7200
        it.state = it.kept._state = state
        copy.keep(it.port.data_dir, bytes(rtc.pack(st.kept(it.state), it.log.pack())), state)


def test_a_release_with_another_state_goes_on_with_the_battery_and_the_attempts():
    it = device("", 3600)
    state = used_for_300_days(it)
    for integers in (st.SIZE - 8, st.SIZE + 1):
        copy.keep(it.port.data_dir, rtc.pack(array("i", [7] * integers), bytes(230)), state)
        kept, now = copy.read(it.port.data_dir), 300 * DAY_S + 3600
        assert rtc.unpack(kept, st.SIZE) is None
        found = lost(it, kept, now)
        found[st.NOW] = now
        assert (
            energy.used_mj(found) == USED_MJ + GAVE_WAY_MJ and found[st.NOW] - found[st.BEGAN] == 300 * DAY_S
        )
        assert budget.wait_s(found) == budget.wait_s(state) > 80000, "as if no time had passed"
        energy.Account("bg95", 0).slept(found)
        assert energy.used_mj(found) == USED_MJ + GAVE_WAY_MJ, "the sleep before is in it"
        for damaged in (kept[:-1], kept[:-9] + b"?" + kept[-8:], kept[:5], b""):
            found = lost(it, damaged, now)
            assert energy.used_mj(found) == 0 and not budget.wait_s(found)


def test_pauses_outlive_rtc_memory_that_is_lost_while_its_clock_goes_on():
    it = device("", 3600)
    state = it.state
    state[st.NOW] = 40 * DAY_S
    refused(state)
    copy.keep(it.port.data_dir, bytes(rtc.pack(st.kept(it.state), it.log.pack())), state)
    now = state[st.NOW] + 3600
    found = lost(it, copy.read(it.port.data_dir), now)
    found[st.NOW] = now
    assert budget.wait_s(found) == 96 * 3600


def test_connections_are_spread_over_the_time_of_the_same_clock():
    state = st.new()
    state[st.NOW], state[st.ATTEMPTED], state[st.FAILED] = 62 * DAY_S, 21 * 62 + 70, 70
    trouble.restart(state)
    assert state[st.ATTEMPTED] - state[st.FAILED] == 0
    state[st.NOW], state[st.ATTEMPTED] = 3600, 5
    trouble.restart(state)
    assert state[st.ATTEMPTED] - state[st.FAILED] == 5
    state[st.NOW] = 2 * budget.CONNECTION_S
    trouble.restart(state)
    assert state[st.ATTEMPTED] - state[st.FAILED] == 3, "no more often for the power that is lost"
    state[st.NOW] = 0
    trouble.restart(state, 10 * budget.CONNECTION_S)
    assert state[st.ATTEMPTED] - state[st.FAILED] == 13


def test_motion_after_the_record_counts_for_the_next_one():
    it = device("", 3600)
    it.state[st.DID_RECORD] = st.YES
    it.modem.supply_mv = lambda: 3310
    it.port.senses = None
    it.senses = (0, WAKE_TIMER, 0, 3600, -150, 0, 0, 0, 0, 0)
    register.weigh(it)
    assert it.state[st.LOADED_MV] == 3310
    assert it.state[st.LOADED_DC] == -150


def test_download_files_are_removed_after_a_wake_that_did_not_end_in_sleep():
    from locator.esim import download  # here, and last: a whole wake beside it needs more heap than there is

    it = device("", 3100)
    for name in (download.PACKAGE, download.ANSWERS):
        with open(it.port.data_dir + name, "wb") as f:
            f.write(bytes(2000))
    for _ in range(2):
        it.state[st.TO_REPORT] = 0
        trouble.cut_off(it.state, it.port.data_dir)
        assert it.state[st.TO_REPORT] == st.REPORT_ALL
    for name in (download.PACKAGE, download.ANSWERS):
        assert not checked.exists(it.port.data_dir + name)
