"""One wake from reset to sleep: the only file that knows the order of things."""

import gc

from micropython import const

from locator.config import Config
from locator.journal import log as logs
from locator.journal import record, rtc
from locator.journal.ledger import Ledger
from locator.journal.log import Log
from locator.journal.store import Journal
from locator.modem import CALM_FAILS, REGISTERED, ModemError, ModemRestarted, recovery, unload
from locator.modem import make as make_modem
from locator.orders import applied
from locator.plan import alarms, budget, decide
from locator.plan import state as st
from locator.port import DEEPSLEEP_RESET, POWER_ON, WAKE_MOTION

_GNSS_POLL_MS = const(1000)
_FOUND_AGAIN_MS = const(6000)
_LEAST_MV = const(3000)  # the board's converters give up at 2800
_WEAK_MS = const(3600 * 1000)


def run(port, board):
    """Do what this wake is for; returns (ms to sleep, what else wakes) for `port.deepsleep`.

    A battery so weak that the power may fail in a write to flash is left alone.
    """
    senses, motion = _sense(port)
    if senses[3] < _LEAST_MV:
        return _WEAK_MS, 0
    return Wake(port, board, senses, motion).run()


def _sense(port):
    """What is felt now, and all counts of motion; after a jolt the counts of the minute that follows
    it, because a bump is no departure."""
    felt = port.senses()
    motion, shock_mg = felt[2], felt[4]
    if port.wake_reason == WAKE_MOTION:
        port.sleep_ms(1000 * st.RECOUNT_S)
        felt = port.senses()
        motion += felt[2]
        shock_mg = max(shock_mg, felt[4])
    clock = (port.clock_s(), port.wake_reason, port.reset_cause)
    return clock + felt[:4] + (shock_mg,) + felt[5:], motion


class Wake:
    """Everything that one wake holds. It ends with `run`: deep sleep is a reset."""

    def __init__(self, port, board, senses, motion):
        self._port = port
        self._board = board
        self._config = Config(port.config_dir)
        board.apn = self._config.apn
        self._ledger = Ledger(port.data_dir, int.from_bytes(port.random(4), "little"))
        self._journal = Journal(port.data_dir, self._ledger)
        kept = port.rtc_memory
        self._state = rtc.unpack(kept, st.SIZE)
        if self._state is None:
            kept = rtc.read_copy(port.data_dir)
            from locator import trouble

            self._state = trouble.power_was_lost(kept, self._ledger, self._journal)
        self._log = Log(rtc.log_of(kept, st.SIZE))
        # Taken while memory is in one piece: late in a wake there may be no room to save.
        self._packed_buf = bytearray(rtc.HEAD_SIZE + 4 * st.SIZE + logs.MAX_BYTES)
        if self._log.begin(port):
            self._state[st.TO_TELL] = st.EVERYONE  # the wake before may have ended before it was noted
        self._settings = applied.load(port.data_dir, self._state)
        self._modem = make_modem(board, port)
        self._modem.login = self._config.apn_login
        self._identity = None
        self._fix = None
        self._cell = None
        self._was_on = False
        self._senses = senses
        self._motion = motion

    def run(self):
        """Actions until the plan says sleep."""
        st.feel(self._state, self._senses)
        alarms.feel(self._state, self._senses, self._settings)
        self._save()
        while True:
            hints = (self._journal.pending(), self._settings)
            action = decide.next(self._state, self._senses, hints)
            if action.kind == decide.SLEEP:
                break
            try:
                self._DO[action.kind](self, action)
            except Exception:
                from locator import trouble

                trouble.fault(self, self._state, action.kind, hints)
                raise
            finally:
                self._save()
        self._stop_modem()
        budget.spend(self._state, self._port.ticks_ms() // 1000)
        self._save()
        asleep_ms = 1000 * action.limit_s - self._port.ticks_ms()
        return max(1000, asleep_ms), action.wake_on

    # What the plan may ask for.

    def _attach(self, action):
        result, cause, plmn = st.NO, 0, 0
        budget.begin_try(self._state, self._port.clock_s(), self._port.random(1)[0])
        self._save_twice()
        try:
            ladder = recovery(self._state[st.TRY_FAILS])
            if ladder and not self._modem.on and ladder.before_start(self._port):
                self._state[st.CONFIGURED] = self._state[st.PARKED] = self._state[st.ORBITS] = 0
            self._start_modem()
            if self._state[st.SEARCHED] != action.mcc:
                from locator.plan.regions import region

                self._modem.prefer(region(action.mcc))
                self._state[st.SEARCHED] = action.mcc
            if ladder and not action.plmn:
                action.plmn = ladder.after_start(self._modem, self._state[st.LAST_PLMN])
                self._state[st.CHOSEN_PLMN] = action.plmn
            result, cause = self._modem.attach(action.limit_s, action.patience_s, action.plmn)
            self._cell = self._modem.cell()
            plmn = self._cell.plmn if self._cell else 0
            if result == REGISTERED:
                self._take_network_time()
                self._weigh()
                if self._modem.FETCHES_ORBITS and budget.orbits_due(self._state):
                    from locator.modem import assistance

                    self._state[st.ORBITS_TRIED] = self._state[st.NOW]
                    assistance.download(self._modem)
            self._read_card(result == REGISTERED)
        except ModemError as error:
            self._lost(error)
            result = st.NO
        finally:
            unload("ladder", "survey", "rescue", "ntp", "assistance")  # a conversation needs the heap
        if result == REGISTERED:
            budget.accepted(self._state)
        else:
            budget.refused(self._state, self._port.clock_s(), cause)
            self._note(logs.REFUSED, cause)
        st.learn_attach(self._state, result, plmn)

    def _find(self, action):
        """Search for a fix; the radio is off unless the agent is to be reached in this wake."""
        try:
            self._start_modem()
            registered = self._state[st.ATTACHED] == st.YES or self._state[st.PARKED]
            self._modem.gnss_start(not registered)
            self._fix = self._poll_fix(1000 * action.limit_s)
        except ModemError as error:
            self._lost(error)
        try:  # whatever happened: with GNSS on, a BG95 has no network
            if self._modem.on:
                self._modem.gnss_stop()
        except ModemError as error:
            self._lost(error)
        if self._fix and self._fix.time:
            self._set_time(self._fix.time, record.TIME_GNSS)
        st.learn_fix(self._state, self._fix is not None)
        alarms.searched(self._state, max(1, self._fix.sats) if self._fix else 0, self._settings)

    def _probe(self, action):
        """Where we are heard: the serving cell, if there is one soon."""
        budget.begin_look(self._state, self._port.clock_s())
        self._save_twice()
        try:
            self._start_modem()
            self._cell = self._modem.look(action.limit_s)
        except ModemError as error:
            self._lost(error)
        self._state[st.DID_PROBE] = st.YES

    def keep_record(self, _=None):
        """What this wake has found, into flash."""
        try:
            self._journal.append(self._fields())
        except OSError as error:
            self._not_kept(error)
            self._state[st.DID_RECORD] = st.NO
            return
        st.learn_record(self._state)

    def _talk(self, action):
        from locator import contact

        gc.collect()
        us, config = (self._port, self._modem, self._state), self._config
        talk = contact.prepare(*us, self._journal, self._ledger, config, self._open_desk)
        try:
            contact.run(*us, config, talk, self._extras().write)
        except ModemError as error:
            self._lost(error)
        finally:  # also when something else goes wrong: what has failed is not tried again at once
            self._learn_talk(talk.outcome)
            self._save()
        if talk.desk:
            self._settings = applied.load(self._port.data_dir, self._state)
            if talk.desk.at_last:
                talk.desk.at_last()

    def _extras(self):
        from locator.link.extras import Extras

        identity = self._identity if self._is_new_day() else None
        told = (self._state, self._senses, self._settings, identity)
        return Extras(self._port, self._journal, self._ledger, *told)

    def _open_desk(self):
        from locator.orders.desk import Desk

        port, board = self._port, self._board
        return Desk(port, self._config, self._journal, self._ledger, self._state, self._log, board.NAME)

    def _learn_talk(self, outcome):
        self._state[st.SENT_TODAY] += outcome.sent
        if outcome.server_time:
            self._set_time(outcome.server_time, record.TIME_NETWORK)
            self._state[st.IDENTITY_DAY] = self._state[st.DAY] + 1
        answered = outcome.turns > 0 and (outcome.refused or self._journal.pending() == 0)
        if not answered:
            self._note(logs.UNANSWERED, outcome.turns)
        st.learn_talk(self._state, answered)

    _DO = {
        decide.ATTACH: _attach,
        decide.FIX: _find,
        decide.PROBE: _probe,
        decide.RECORD: keep_record,
        decide.TALK: _talk,
    }

    # How it is done.

    def _start_modem(self):
        if self._modem.on:
            return
        surely_off = not self._was_on and self._port.reset_cause in (DEEPSLEEP_RESET, POWER_ON)
        self._was_on = True
        self._modem.start(surely_off, not self._state[st.CONFIGURED])
        if not self._state[st.CONFIGURED]:
            self._state[st.CONFIGURED], self._state[st.SEARCHED] = 1, 0

    def _lost(self, error):
        """A verb has failed. A modem that has restarted by itself must be set up again."""
        restarted = isinstance(error, ModemRestarted)
        if restarted:
            self._modem.on = False
        self._note(logs.RESTARTED if restarted else logs.MODEM, error.code)

    def _weigh(self):
        """The battery under the load of a connection; whatever moved meanwhile is not forgotten."""
        seen_mv, _, motion, _, shock_mg, _, _ = self._port.senses()
        self._state[st.LOADED_MV] = min(seen_mv, self._modem.supply_mv() or seen_mv)
        self._motion += motion
        alarms.later_shock(self._state, shock_mg)

    def _note(self, kind, value):
        self._log.add(self._port.clock_s(), kind, value)

    def _read_card(self, registered):
        """Which card it is: another one, or none, is an alarm. A card that cannot be read costs no report."""
        try:
            if registered:
                self._identity = self._modem.identity()
                _, iccid, imsi, _ = self._identity
                if iccid and imsi:
                    alarms.card(self._state, alarms.number_of(iccid + imsi), self._settings)
            elif self._modem.card_gone():
                alarms.card(self._state, 0, self._settings)
        except ModemError as error:
            self._lost(error)

    def _is_new_day(self):
        """Whether the agent has not been told today who we are."""
        return self._state[st.IDENTITY_DAY] != self._state[st.DAY] + 1

    def _stop_modem(self):
        if not self._modem.on:
            return
        try:
            self._state[st.PARKED] = 1 if self._modem.stop(self._may_park()) else 0
            if self._modem.lost_supply:
                self._state[st.ORBITS] = 0
        except ModemError:
            self._port.modem_rail(False)
            self._state[st.PARKED] = self._state[st.ORBITS] = 0

    def _may_park(self):
        """Whether the modem is registered and may stay so in PSM. Where nobody asked for service but the
        radio was on, this is when a refusal is noticed."""
        state = self._state
        registered = state[st.ATTACHED] == st.YES or state[st.PARKED]
        if state[st.ATTACHED] == st.NO or not (registered or state[st.DID_PROBE]):
            return False
        served, cause = self._modem.serves(_FOUND_AGAIN_MS if registered else 0)
        budget.refused(state, self._port.clock_s(), cause)
        stays = served and registered and state[st.TRY_FAILS] < CALM_FAILS
        return stays and self._modem.psm_granted()

    def _poll_fix(self, limit_ms):
        deadline = self._port.ticks_ms() + limit_ms
        while self._port.ticks_ms() < deadline:
            self._port.sleep_ms(_GNSS_POLL_MS)
            self._port.feed()
            fix = self._modem.gnss_poll()
            if fix:
                return fix
        return None

    def _take_network_time(self):
        epoch_s = self._modem.network_time()
        if not epoch_s and not self._state[st.OFFSET]:
            from locator.modem import ntp

            epoch_s = ntp.ask(self._modem)
        if epoch_s and st.credible(self._state, self._port.clock_s(), epoch_s):
            self._set_time(epoch_s, record.TIME_NETWORK)

    def _set_time(self, epoch_s, quality):
        st.learn_time(self._state, self._port.clock_s(), epoch_s, quality)

    def _fields(self):
        """The fields of a record from what this wake has found, in the order of record.FIELDS."""
        battery_mv, temperature_dc = self._senses[3:5]
        fix, cell = self._fix, self._cell
        kind = record.FIX if fix else record.CELL if cell else record.STILL
        quality, time = self._time_of_record()
        place = (0,) * 7
        if fix:
            place = (fix.lat, fix.lon, fix.alt, fix.speed, fix.heading, fix.hdop, fix.sats)
        heard = (cell.plmn, cell.tac, cell.cell, -cell.rsrp) if cell else (0,) * 4
        body = record.felt(battery_mv, temperature_dc)
        head = (kind, quality, self._state[st.EVENTS], 0, time, self._ledger.boot)
        return list(head + place + body + heard + (min(255, self._motion),))

    def _time_of_record(self):
        if self._fix and self._fix.time:
            return record.TIME_GNSS, self._fix.time
        offset = self._state[st.OFFSET]
        if not offset:
            return record.TIME_NONE, self._port.clock_s()
        return record.TIME_RTC, self._port.clock_s() + offset

    def _save(self):
        self._port.rtc_write(self._packed())

    def _save_twice(self):
        """In flash as well, before the network is asked."""
        self._save()
        try:
            rtc.keep_copy(self._port.data_dir, self._packed())
        except OSError as error:
            self._not_kept(error)

    def _not_kept(self, error):
        """The flash does not take something. What it holds can still be told, and what is told makes room."""
        self._note(logs.FLASH, error.args[0])
        self._journal.free(1)

    def _packed(self):
        return rtc.pack_into(self._packed_buf, self._state, self._log.pack())
