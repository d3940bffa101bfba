"""The operators' budgets over hours and days, refusals, and a loss of power."""

import fixed
from locator import state as st
from locator.actions import recovery as trouble
from locator.hal import DEEPSLEEP_RESET, WAKE_TIMER
from locator.modem import UNNAMED
from locator.scheduler import budget, energy, refusals

HOUR = 3600
DAY = 24 * HOUR
SETTINGS = fixed.unpaced()


def impatient(state, hours, start=HOUR):
    """The times at which a device attempts a session, as soon as it may each time."""
    times = []
    for now in range(start, start + hours * HOUR, 30):
        state[st.NOW] = now
        if not budget.wait_s(state):
            budget.begin_attempt(state, state[st.NOW], 0)
            times.append(now)
    return times


def most_within(times, window_s):
    return max(sum(1 for t in times if first <= t < first + window_s) for first in times)


def test_the_most_impatient_device_keeps_the_budgets():
    times = impatient(st.new(), 72)
    assert min(times[i + 1] - times[i] for i in range(len(times) - 1)) >= 60
    assert most_within(times, HOUR) == 10
    assert most_within(times, DAY) == 24


def test_a_loss_of_power_forgets_no_attempt():
    state = st.new()
    before = impatient(state, 3)
    assert len(before) == 24
    state[st.NOW] = 4 * HOUR
    trouble.restart(state)
    state[st.NOW] = 5
    assert DAY - 4 * HOUR < budget.wait_s(state) <= DAY + DAY // 16
    after = impatient(state, 30, start=5)
    assert after[0] + 4 * HOUR - before[0] >= DAY


def test_the_budgets_hold_and_their_pauses_end_over_losses_of_power():
    for lost_every_s in (3000, 9000, 5 * HOUR, 17 * HOUR):
        state, times = st.new(), []
        for boot in range(8 * DAY // lost_every_s):
            copy = bytes(st.kept(state))
            for now in range(60, lost_every_s, 60):
                state[st.NOW] = now
                if not budget.wait_s(state):
                    budget.begin_attempt(state, now, 0)
                    times.append(boot * lost_every_s + now)
                    copy = bytes(st.kept(state))
                elif now % (2 * HOUR) == 0:
                    copy = bytes(st.kept(state))
            state = st.new(copy)
            trouble.restart(state)
        assert most_within(times, HOUR) <= 10 and most_within(times, DAY) <= 24
        assert lost_every_s < 2 * HOUR or times[-1] >= 5 * DAY, lost_every_s


def test_a_modem_that_sleeps_registered_asks_only_where_its_network_is_gone():
    state = st.new()
    state[st.NOW], state[st.IN_PSM] = HOUR, 1
    for asked_on, tries in ((False, 0), (True, 2)):
        budget.begin_attempt(state, HOUR, 0)
        budget.end_attempt(state, HOUR + 30)
        if asked_on:
            budget.asked_on(state, HOUR + 30)
        assert sum(1 for time in state[st.ATTEMPTS : st.ATTEMPTS + st.ATTEMPTS_KEPT] if time) == tries
    assert budget.since_attempt_s(state, 1) == -30


class Numbers:
    def count_power_on(self):
        pass


class Journal:
    home = "/nowhere"


def test_power_that_is_lost_in_an_attempt_makes_it_one_that_has_failed():
    state = st.new()
    for fails in (1, 2, 3):
        state[st.NOW] = HOUR
        budget.begin_attempt(state, HOUR, 0)
        state = trouble.power_was_lost(st.new(st.kept(state)), Numbers(), Journal(), "bg95")
        assert state[st.ATTEMPT_FAILS] == fails and budget.sags(state)
    assert trouble.power_was_lost(st.new(), Numbers(), Journal(), "bg95")[st.ATTEMPT_FAILS] == 0


def test_a_wake_in_which_the_supply_gives_way_is_in_the_energy_account():
    used = []
    for modem in ("bg95", "sim7600"):
        state = st.new()
        state[st.NOW] = state[st.LAST_ATTEMPT] = HOUR
        trouble.power_was_lost(state, Numbers(), Journal(), modem)
        used.append(energy.used_mj(state))
    assert used == [9360, 23040], "a boot, a search, and what is before them"
    state[st.NOW], state[st.LAST_ATTEMPT] = DAY, HOUR
    trouble.power_was_lost(state, Numbers(), Journal(), modem)
    assert energy.used_mj(state) == used[1], "long after the attempt"


def test_power_that_is_lost_in_a_scan_makes_it_an_attempt_that_has_failed():
    state = st.new()
    state[st.NOW], state[st.LAST_ATTEMPT] = DAY, HOUR
    budget.begin_scan(state, DAY + 5)
    state = trouble.power_was_lost(st.new(st.kept(state)), Numbers(), Journal(), "bg95")
    assert state[st.ATTEMPT_FAILS] == 1 and budget.sags(state)
    assert state[st.LAST_ATTEMPT] == -1  # the pause begins with it


def test_power_that_is_lost_in_a_scan_is_counted_once_however_soon_it_is_lost_again():
    for late_s in (0, 5, 65, 119):
        for begins_s in (0, 1, 30, 119, 40 * DAY):
            state = st.new()
            state[st.NOW] = DAY
            budget.begin_scan(state, DAY + late_s)
            for _ in range(3):
                state = trouble.power_was_lost(st.new(st.kept(state)), Numbers(), Journal(), "bg95", begins_s)
                state[st.NOW] = begins_s
                assert state[st.ATTEMPT_FAILS] == 1, (late_s, begins_s)
                assert state[st.LAST_ATTEMPT] == budget.attempt_at(state, 1) == (begins_s - 1 or -1)
                assert not any(state[st.ATTEMPTS + i] for i in range(1, st.ATTEMPTS_KEPT))


def may_scan_within(state, hours):
    """Whether it may scan within so many hours; it wakes each half minute until then."""
    for now in range(1, hours * HOUR, 30):
        state[st.NOW] = now
        if not budget.wait_s(state):
            return True
    return False


def test_the_budgets_hold_where_power_is_lost_in_every_scan():
    for late_s in (0, 65, 119):
        state, times, boot_s = st.new(), [], 0
        while boot_s < 3 * DAY:
            now = late_s
            if may_scan_within(state, 2):
                now += state[st.NOW]
                budget.begin_scan(state, now)
                times.append(boot_s + now)
            boot_s += max(now, state[st.NOW]) + 2
            state = trouble.power_was_lost(st.new(st.kept(state)), Numbers(), Journal(), "bg95")
        assert min(times[i + 1] - times[i] for i in range(len(times) - 1)) >= 60
        assert most_within(times, HOUR) <= 10 and most_within(times, DAY) <= 24
        assert times[-1] > 2 * DAY


def test_power_that_is_lost_long_after_a_scan_says_nothing_about_it():
    state = st.new()
    budget.begin_scan(state, HOUR)
    state[st.NOW] = DAY
    state = trouble.power_was_lost(st.new(st.kept(state)), Numbers(), Journal(), "bg95")
    assert state[st.ATTEMPT_FAILS] == 0 and not budget.sags(state)


def test_a_loss_of_power_forgets_no_message():
    state = st.new()
    senses = (5 * DAY, WAKE_TIMER, DEEPSLEEP_RESET, 3600, 200, 0, 0, 0, 0, 0)
    st.feel(state, senses)
    state[st.SENT_TODAY], state[st.PULLED_TODAY] = 60, 40
    trouble.restart(state)
    st.feel(state, (5,) + senses[1:])
    assert budget.messages_left(state) == 0 and budget.pulls_left(state) == 0
    st.feel(state, (DAY,) + senses[1:])
    assert budget.messages_left(state) == 60


def test_a_release_is_pulled_on_a_battery_that_nothing_can_measure_and_on_no_bad_one():
    state = st.new()
    pulls = []
    for loaded_mv in (0, 1, 3349, 3350):
        state[st.LOADED_MV] = loaded_mv
        pulls.append(budget.pulls_left(state) > 0)
    assert pulls == [True, False, False, True]


def test_a_day_ends_where_power_is_lost_oftener():
    state, sensed = st.new(), (WAKE_TIMER, DEEPSLEEP_RESET, 3600, 200, 0, 0, 0, 0, 0)
    state[st.SENT_TODAY] = 60
    sent = []
    for _ in range(5):
        for now in range(1, 10 * HOUR, HOUR):
            st.feel(state, (now,) + sensed)
        trouble.restart(state)
        sent.append(state[st.SENT_TODAY])
    assert sent == [60, 60, 0, 0, 0]
    assert st.day(state) == 1


def test_a_loss_of_power_forgets_the_time_and_keeps_the_place():
    state = st.new()
    for i in (st.OFFSET, st.LAST_SESSION, st.IN_PSM, st.MCC, st.LOCKED_PLMN, st.ATTEMPT_FAILS):
        state[i] = 7
    state[st.NOW], state[st.BARRED_UNTIL] = 1000, 5000
    trouble.restart(state)
    assert not state[st.OFFSET] and not state[st.LAST_SESSION] and not state[st.IN_PSM]
    assert state[st.MCC] == state[st.LOCKED_PLMN] == state[st.ATTEMPT_FAILS] == 7
    assert state[st.BARRED_UNTIL] == 4000


def test_a_card_that_is_refused_for_good_asks_ever_less_often():
    state = st.new()
    state[st.NOW] = HOUR
    pauses = []
    for _ in range(10):
        budget.begin_attempt(state, state[st.NOW], 0)
        budget.refused(state, state[st.NOW], 8)
        pauses.append(budget.wait_s(state) * 16 // 17 // HOUR)
        state[st.NOW] += budget.wait_s(state)
    assert pauses == [1, 4, 8, 16, 24, 36, 48, 72, 96, 96]
    budget.accepted(state)
    budget.refused(state, state[st.NOW], 3)
    assert HOUR < budget.wait_s(state) < 1.1 * HOUR


def test_a_clock_that_gains_five_percent_keeps_the_pauses_and_windows():
    state = st.new()
    state[st.NOW] = HOUR
    budget.refused(state, HOUR, 8)
    state[st.NOW] += HOUR * 105 // 100
    assert budget.wait_s(state) > 0
    times = [t * 100 // 105 for t in impatient(st.new(), 72)]
    assert min(times[i + 1] - times[i] for i in range(len(times) - 1)) >= 60
    assert most_within(times, HOUR) <= 10 and most_within(times, DAY) <= 24


def test_refusals_without_a_cause_count_as_permanent_after_five():
    state = st.new()
    now = state[st.NOW] = HOUR
    pauses = []
    for _ in range(12):
        budget.refused(state, now, UNNAMED)
        state[st.NOW] = now
        pauses.append(budget.wait_s(state) * 16 // 17 // HOUR)
        budget.refused(state, now, 0)  # no service in between changes nothing
        now += budget.wait_s(state) + 60
    assert pauses == [0, 0, 0, 0, 1, 4, 8, 16, 24, 24, 24, 24]
    for end in (lambda: budget.accepted(state), lambda: budget.refused(state, now, 11)):
        end()
        state[st.REFUSALS] = state[st.REFUSED_UNTIL] = 0
        for _ in range(4):
            budget.refused(state, now, UNNAMED)
        assert state[st.REFUSED_UNTIL] == 0


def test_causes_that_pass_are_no_refusal():
    state = st.new()
    state[st.NOW] = HOUR
    for cause in (0, 11, 13, 15, 17, 22):
        budget.refused(state, HOUR, cause)
    assert budget.wait_s(state) == 0


def test_nothing_is_sent_when_the_messages_of_the_day_are_used_up():
    state = st.new()
    sensed = (HOUR, WAKE_TIMER, DEEPSLEEP_RESET, 3600, 0, 0, 0)
    st.feel(state, sensed)
    assert fixed.upload_due(state, sensed, (5, SETTINGS))
    state[st.SENT_TODAY] = 60
    assert not fixed.upload_due(state, sensed, (5, SETTINGS))
    sensed = (DAY + 1, WAKE_TIMER, DEEPSLEEP_RESET, 3600, 0, 0, 0)
    st.feel(state, sensed)
    assert fixed.upload_due(state, sensed, (5, SETTINGS))


def test_pauses_are_spread_again_with_each_attempt():
    state = st.new()
    pauses = set()
    for phase in range(256):
        state[st.NOW] = HOUR
        budget.begin_attempt(state, HOUR, phase)
        pauses.add(budget.session_every_s(state, SETTINGS))
    assert len(pauses) == 256
    assert min(pauses) == 4 * HOUR and max(pauses) <= 4.5 * HOUR


def test_a_scan_for_a_cell_counts_and_leaves_half_a_day_s_attempts_to_reports():
    state = st.new()
    looks = 0
    for now in range(HOUR, 2 * DAY, 600):
        state[st.NOW] = now
        if budget.may_scan(state):
            budget.begin_scan(state, now + 90)
            looks += 1
    assert 22 <= looks <= 24
    assert not budget.may_scan(state) and not budget.wait_s(state)
    state[st.IN_PSM] = 1  # registered already: no attach needed
    before = bytes(state)
    assert budget.may_scan(state)
    budget.begin_scan(state, 2 * DAY)
    assert bytes(state) == before


def test_no_scan_for_a_cell_while_the_card_is_refused():
    state = st.new()
    state[st.NOW] = HOUR
    budget.refused(state, HOUR + 200, 6)
    state[st.NOW] = HOUR + 200 + HOUR + HOUR // 16 - 1
    assert not budget.may_scan(state) and budget.wait_s(state) == 1
    state[st.NOW] += 1
    assert budget.may_scan(state)


def test_a_context_that_is_refused_for_good_has_pauses_of_its_own():
    state = st.new()
    now = 1000
    for hours in (1, 4, 8, 16, 24):
        refusals.learn_data(state, now, 27)
        assert state[st.DATA_UNTIL] >= now + 3600 * hours
        assert state[st.DATA_UNTIL] < now + 4000 * hours
        now = state[st.DATA_UNTIL]
    for cause in (0, 26, 31, 34, 35, 38, 102, 111):
        refusals.learn_data(state, now, cause)
        assert state[st.DATA_UNTIL] == now
