"""Commands on the device: run at most once in all cases, results reported until they are acknowledged."""

import fixed
import scratch
from locator import settings as cfg
from locator import state as st
from locator.codec import cbor, checked
from locator.downlink import applied, commands, handlers
from locator.hal import DEEPSLEEP_RESET, ON_LIGHT, ON_MOTION, WAKE_MOTION, WAKE_TIMER
from locator.journal import copy, rtc
from locator.journal.log import Log
from locator.scheduler import SLEEP, decide, energy

NOW = 845500000
LATER = NOW + 3600
CLOCK_S = 50000
VERBS = (
    commands.LOCATE, commands.REBOOT, commands.LOG, commands.FACTORY, commands.SHIPPING, commands.NEW_BATTERY,
)  # fmt: skip


class PowerCut(Exception):
    pass


class Port(scratch.Port):
    resets = 0
    rtc = b""

    def rtc_write(self, data):
        self.rtc = data

    def reset(self):
        self.resets += 1


class Device:
    def __init__(self):
        self.port = Port(CLOCK_S)
        self.state = st.new()
        self.state[st.NOW] = CLOCK_S

    def handlers(self):
        return handlers.Handlers(self.port, None, None, None, self.state, Log())

    def talk(self, *orders, now=NOW):
        """A session in which these commands come; the results it reports, and then what comes last."""
        at = self.handlers()
        results = self._say(at)
        at.take({3: now, 5: list(orders)})
        results += self._say(at)
        for do in at.at_last:
            do()
        return results

    def _say(self, at):
        out = cbor.Writer(bytearray(128))
        out.head(cbor.MAP, 1)
        if not commands.write(at, out):
            return []
        commands.on_ack(at)
        return cbor.loads(bytes(out.buf[: out.n]))[7]

    def wake(self, now=CLOCK_S + 60, reason=WAKE_TIMER, motion=0):
        st.feel(self.state, (now, reason, DEEPSLEEP_RESET, 3600, -50, motion, 0, 0, 0, 0))

    def next(self):
        senses = (self.state[st.NOW], WAKE_TIMER, DEEPSLEEP_RESET, 3600, -50, 0, 0, 0, 0, 0)
        return decide.next(self.state, senses, fixed.hints(0, fixed.unpaced()))

    def lose_power(self):
        self.state = st.new()
        self.state[st.TO_REPORT] = st.REPORT_ALL


def command(number, verb, argument=0, expiry=LATER):
    return [number, expiry, verb, argument]


def test_a_command_is_done_once_and_reported_until_acknowledged():
    device = Device()
    order = command(7, commands.DENSE, 3600)
    at = device.handlers()
    at.take({3: NOW, 5: [order]})
    assert device.state[st.DENSE_UNTIL] == CLOCK_S + 3600
    device.state[st.DENSE_UNTIL] = 1
    at = device.handlers()
    at.take({3: NOW, 5: [order]})  # its result is not reported yet
    assert device.state[st.DENSE_UNTIL] == 1
    assert device.talk() == [[7, commands.DONE]]
    assert device.talk() == []
    assert device.talk(order) == [[7, commands.REPEATED]]
    assert device.state[st.DENSE_UNTIL] == 1


def test_expired_unknown_and_malformed_commands_are_refused_and_reported():
    device = Device()
    assert device.talk(
        command(1, commands.REBOOT, expiry=NOW),
        command(2, 99),
        command(3, commands.DENSE, 86401),
        command(4, commands.DENSE, -1),
        command(5, commands.REBOOT, 1),
    ) == [
        [1, commands.EXPIRED],
        [2, commands.UNKNOWN_VERB],
        [3, commands.BAD_ARGUMENT],
        [4, commands.BAD_ARGUMENT],
        [5, commands.BAD_ARGUMENT],
    ]
    assert device.port.resets == 0 and device.state[st.DENSE_UNTIL] == 0


def test_text_that_is_no_command_is_ignored():
    device = Device()
    for value in (None, 5, "x", {}, [5], [[]], [[1, 2, 3]], [[0, LATER, 1, 0]], [[1 << 31, LATER, 1, 0]],
                  [["1", LATER, 3, 0]], [[1, LATER, 3, None]], [[1, LATER, b"", 0]]):  # fmt: skip
        at = device.handlers()
        at.take({3: NOW, 5: value})
        assert not at.at_last and device.talk() == []


def test_more_commands_than_the_file_holds_wait():
    device = Device()
    orders = [command(number, commands.DENSE, 60) for number in range(1, 13)]
    at = device.handlers()
    at.take({3: NOW, 5: orders})
    assert [result[0] for result in device.talk()] == list(range(1, 9))
    assert [result[0] for result in device.talk(*orders[8:])] == [9, 10, 11, 12]


def test_locate_takes_a_fix_in_the_next_wake_and_reports_it():
    for found, result in ((True, commands.DONE), (False, commands.NO_FIX)):
        device = Device()
        for i in (st.LAST_RECORD, st.LAST_FIX, st.LAST_SESSION, st.LAST_ATTEMPT):
            device.state[i] = CLOCK_S
        device.state[st.DID_RECORD] = device.state[st.DID_FIX] = st.YES
        device.state[st.DID_SESSION] = device.state[st.ATTACHED] = st.YES
        assert device.talk(command(1, commands.LOCATE)) == []
        assert device.next().kind == SLEEP and device.next().limit_s == 60
        device.wake()
        assert device.next().kind == decide.FIX and device.state[st.TO_REPORT] & st.REPORT_COMMANDS
        st.learn_fix(device.state, found)
        assert device.next().kind == decide.ATTACH
        st.learn_attach(device.state, 1, 262001)
        assert device.next().kind == decide.RECORD
        st.learn_record(device.state)
        assert device.talk() == [[1, result]]
        st.learn_session(device.state, True)
        assert device.state[st.REQUEST] == 0 and device.next().limit_s > 3000


def test_reboot_and_factory_reset_come_last_and_are_reported_afterwards():
    for verb in (commands.REBOOT, commands.FACTORY):
        device = Device()
        assert device.talk(command(1, verb)) == []
        assert device.port.resets == 1 and device.port.rtc
        assert device.state[st.URGENT] and device.state[st.TO_REPORT] & st.REPORT_COMMANDS
        assert device.talk() == [[1, commands.DONE]]
        assert device.talk(command(1, verb)) == [[1, commands.REPEATED]]
        assert device.port.resets == 1


def test_a_factory_reset_forgets_settings_and_keeps_the_budgets():
    device = Device()
    applied.load(device.port.data_dir, device.state)
    at = device.handlers()
    at.take({3: NOW, 4: [3, {cfg.INTERVAL_S: 900}]})
    for i in range(st.ATTEMPTS, st.ATTEMPTS + st.ATTEMPTS_KEPT):
        device.state[i] = 1000 + i
    device.state[st.SENT_TODAY] = 9
    device.state[st.FIX_FAILS] = 3
    kept = [device.state[i] for i in range(st.ATTEMPTS, st.ATTEMPTS + st.ATTEMPTS_KEPT)]
    device.talk(command(1, commands.FACTORY))
    assert applied.load(device.port.data_dir, device.state) == cfg.defaults()
    assert [device.state[i] for i in range(st.ATTEMPTS, st.ATTEMPTS + st.ATTEMPTS_KEPT)] == kept
    assert device.state[st.SENT_TODAY] == 9 and device.state[st.FIX_FAILS] == 0


def test_a_new_battery_begins_its_account_and_its_days_in_flash_too():
    device = Device()
    state = device.state
    for i in (st.ENERGY_MJ, st.ENERGY_MJ + 1, st.ENERGY_MJ + 2, st.HOLDS_MJ):
        state[i] = 900_000_000
    state[st.BEGAN], state[st.ENDS_AT], state[st.LEVEL_AT] = -300 * 86400, -1, CLOCK_S
    state[st.SENT_TODAY] = 60
    assert device.talk(command(1, commands.NEW_BATTERY)) == [[1, commands.DONE]]
    kept = rtc.unpack(copy.read(device.port.data_dir), st.SIZE)
    for found in (state, kept, rtc.unpack(device.port.rtc, st.SIZE)):
        assert energy.used_mj(found) == found[st.NOW] - found[st.BEGAN] == found[st.HOLDS_MJ] == 0
        assert found[st.ENDS_AT] == found[st.LEVEL_AT] == 0
    device.wake()
    assert state[st.SENT_TODAY] == 60, "no more messages for it"
    assert device.talk(command(1, commands.NEW_BATTERY)) == [[1, commands.REPEATED]]
    assert device.talk(command(2, commands.NEW_BATTERY, 1)) == [[2, commands.BAD_ARGUMENT]]


def test_a_new_battery_that_the_flash_does_not_take_is_not_reported_as_done():
    device = Device()

    def full(*_):
        raise OSError(28)

    keep_copy, commands.copy.keep = commands.copy.keep, full
    try:
        assert device.talk(command(1, commands.NEW_BATTERY)) == [[1, commands.CUT_SHORT]]
    finally:
        commands.copy.keep = keep_copy


def test_shipping_mode_begins_when_it_is_reported_and_ends_with_the_first_jolt():
    device = Device()
    for i in (st.LAST_RECORD, st.LAST_FIX, st.LAST_SESSION):
        device.state[i] = CLOCK_S
    at = device.handlers()
    at.take({3: NOW, 5: [command(1, commands.SHIPPING)]})
    assert device.next().reason != decide.SHIPPED  # its result is not reported yet
    assert device.talk() == [[1, commands.DONE]]
    action = device.next()
    assert action.reason == decide.SHIPPED and action.limit_s == 20 * 86400
    assert action.wake_on & ON_MOTION and action.wake_on & ON_LIGHT
    device.wake(CLOCK_S + 86400, WAKE_MOTION, 3)
    assert device.state[st.REQUEST] == 0 and device.state[st.URGENT]
    assert device.next().kind == decide.FIX
    st.learn_fix(device.state, True)
    assert device.next().kind == decide.ATTACH


def test_a_file_of_commands_that_is_damaged_lets_nothing_happen_twice():
    device = Device()
    device.talk(command(NOW - 10, commands.DENSE, 60))
    path = device.port.data_dir + "/commands.bin"
    with open(path, "rb") as f:
        whole = f.read()
    for i in range(len(whole)):
        with open(path, "wb") as f:
            f.write(whole[:i] + bytes([whole[i] ^ 0x10]) + whole[i + 1 :])
        assert device.talk(command(NOW - 10, commands.REBOOT)) == [[NOW - 10, commands.REPEATED]]
        assert device.port.resets == 0
    with open(path, "wb") as f:
        f.write(whole[:-1])
    assert device.talk(command(NOW + 5, commands.LOG), now=NOW + 9) == [[NOW + 5, commands.REPEATED]]
    assert device.talk(command(NOW + 10, commands.LOG), now=NOW + 10) == [[NOW + 10, commands.DONE]]


def test_a_damaged_file_accepts_commands_again_after_the_agent_s_clock_was_years_ahead():
    device = Device()
    device.state[st.OFFSET] = NOW - CLOCK_S
    device.talk(command(NOW - 10, commands.DENSE, 60))
    path = device.port.data_dir + "/commands.bin"
    with open(path, "wb") as f:
        f.write(b"?")
    ahead = NOW + 10 * 365 * 86400
    assert device.talk(command(NOW, commands.LOG, expiry=ahead + 60), now=ahead) == [[NOW, commands.REPEATED]]
    assert device.talk(command(NOW + 1, commands.LOG), now=NOW + 1) == [[NOW + 1, commands.DONE]]


class Doing:
    """Counts what is done while the power fails at write number `cut`, `late` or before it."""

    def __init__(self, cut, late):
        self.done = 0
        self._left = cut
        self._late = late
        self._write = checked.write
        self._verbs = dict(commands._DO)

    def __enter__(self):
        checked.write = self._frail_write
        for verb, do in self._verbs.items():
            commands._DO[verb] = self._counted(do)
        return self

    def __exit__(self, *_):
        checked.write = self._write
        commands._DO.update(self._verbs)

    def _counted(self, do):
        def counted(handlers, argument):
            self.done += 1
            return do(handlers, argument)

        return counted

    def _frail_write(self, path, body):
        self._left -= 1
        if self._left == 0 and not self._late:
            raise PowerCut
        self._write(path, body)
        if self._left == 0:
            raise PowerCut


def test_no_power_cut_has_a_command_done_twice_or_forgotten():
    for verb in VERBS:
        for late in (False, True):
            for cut in range(1, 6):
                device = Device()
                results = []
                with Doing(cut, late) as doing:
                    for _ in range(4):  # the agent sends it until it has a result
                        try:
                            results += device.talk(*([] if results else [command(7, verb)]))
                        except PowerCut:
                            device.lose_power()
                        if device.state[st.REQUEST] == st.LOCATE:
                            st.learn_fix(device.state, True)
                            st.learn_record(device.state)
                assert doing.done <= 1, (verb, late, cut)
                assert results and all(each[0] == 7 for each in results), (verb, late, cut)
                if doing.done == 0:
                    assert results[0][1] == commands.CUT_SHORT, (verb, late, cut)


def test_dense_points_end_with_their_time_or_their_energy():
    from locator.scheduler import budget

    device = Device()
    state = device.state
    settings = fixed.unpaced()
    device.talk(command(1, commands.DENSE, 7200))
    assert decide.point_every_s(state, settings) == settings[cfg.DENSE_INTERVAL_S]
    state[st.NOW] = CLOCK_S + 7200
    assert decide.point_every_s(state, settings) == settings[cfg.INTERVAL_S]
    state[st.NOW] = CLOCK_S + 600
    wakes = 0
    while budget.is_dense(state):
        budget.spend(state, 90)
        wakes += 1
    assert 50 < wakes < 60


def test_dense_reports_leave_half_of_the_budgets_to_others():
    from locator.scheduler import budget

    device = Device()
    state = device.state
    settings = fixed.unpaced()
    device.talk(command(1, commands.DENSE, 86400))
    state[st.LAST_SESSION] = state[st.LAST_RECORD] = CLOCK_S
    tries = 0
    for now in range(CLOCK_S, CLOCK_S + 80000, 300):
        state[st.NOW] = now
        if fixed.upload_due(state, (now, 0, 0, 3600), (0, settings)):
            dense = now - state[st.LAST_SESSION] < settings[cfg.UPLOAD_EVERY_S]
            tries += dense
            budget.begin_attempt(state, now, 0)
            state[st.LAST_SESSION] = now
    assert tries == 12
    state[st.ATTEMPTS : st.ATTEMPTS + st.ATTEMPTS_KEPT] = st.new()[: st.ATTEMPTS_KEPT]
    state[st.SENT_TODAY] = 30
    assert not budget.may_report_densely(state)


def test_a_reboot_after_a_factory_reset_completes_it():
    device = Device()
    device.state[st.SKY_SATS] = 9
    assert device.talk(command(1, commands.FACTORY), command(2, commands.REBOOT)) == []
    assert device.state[st.SKY_SATS] == 0 and device.port.resets
    assert device.talk() == [[1, commands.DONE], [2, commands.DONE]]
