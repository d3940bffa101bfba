"""One wake from reset to sleep: the only file that knows the order of things."""

import gc

from micropython import const

from locator import settings as cfg
from locator import state as st
from locator import unload
from locator.codec import record
from locator.config import Config
from locator.hal import DEEPSLEEP_RESET, POWER_ON, WAKE_MOTION, WAKE_TIMER
from locator.journal import log as logs
from locator.journal import rtc
from locator.journal.ledger import Ledger
from locator.journal.log import Log
from locator.journal.store import Journal
from locator.modem import AS_IT_IS, CALM_FAILS, DENIED, REGISTERED, ModemError, ModemRestarted, recovery
from locator.modem import make as make_modem
from locator.scheduler import ATTACH, FIX, PROBE, RECORD, SLEEP, TALK, budget, energy
from locator.scheduler.pace import Pace

_GNSS_POLL_MS = const(1000)
_FOUND_AGAIN_MS = const(6000)
_RESUMED_MS = const(6000)  # a network that is searched for takes longer
_LEAST_MV = const(3000)  # the board's converters give up at 2800
_WEAK_MS = const(3600 * 1000)
_KEEP_S = const(2 * 3600)  # what lasts is in flash so often, when nothing else brings it there
_COPY_S = const(12 * 3600)  # the same of all of the state, about
_ROOM_BYTES = const(4736)  # of session/talk.py
_SELDOM = (
    "modem.ladder", "modem.survey", "modem.rescue", "modem.ntp", "modem.services", "modem.cme_texts",
    "scheduler.regions", "actions.searching", "clock",
)  # fmt: skip
_TALKING = (
    "actions.session", "session.reconnect", "downlink.desk", "session.extras", "session.talk",
    "codec.columns", "codec.cose", "session.mqtt", "session.keys", "modem.sockets", "session.update_apn",
    "clock",
)  # fmt: skip
_DOING = {ATTACH: energy.SEARCH, FIX: energy.FIND, PROBE: energy.SEARCH, TALK: energy.TALK}


def run(port, board):
    """Do what this wake is for; returns (ms to sleep, what else wakes) for `port.deepsleep`.

    A battery so weak that the power may fail in a write to flash is left alone; one that is not known is
    taken for a good one.
    """
    senses, motion = _sense(port)
    if 0 < senses[3] < _LEAST_MV:
        return _WEAK_MS, 0
    return Wake(port, board, senses, motion).run()


def _sense(port):
    """What is felt now, and all counts of motion; after a jolt the counts of the minute that follows
    it, because a bump is no departure. So it is where the sleep tells only that something has moved in it."""
    felt = port.senses()
    motion, shock_mg, reason = felt[2], felt[4], port.wake_reason
    if reason == WAKE_TIMER and motion > 0 and getattr(port, "latches_motion", False):
        reason = WAKE_MOTION
    if reason == WAKE_MOTION:
        port.sleep_ms(1000 * st.RECOUNT_S)
        felt = port.senses()
        motion += felt[2]
        shock_mg = max(shock_mg, felt[4])
    clock = (port.clock_s(), reason, port.reset_cause)
    return clock + felt[:4] + (shock_mg,) + felt[5:], motion


class Wake:
    """Everything that one wake holds. It ends with `run`: deep sleep is a reset."""

    def __init__(self, port, board, senses, motion):
        self._port = port
        self._pace = Pace(port, board.MODEM)
        self._board = board
        self._config = Config(port.config_dir)
        self._ledger = Ledger(port.data_dir, int.from_bytes(port.random(4), "little"))
        kept = port.rtc_memory
        # After another reset somebody else may have been at the flash.
        known = rtc.journal_of(kept) if port.reset_cause == DEEPSLEEP_RESET else ()
        self._journal = Journal(port.data_dir, self._ledger, known)
        state = rtc.unpack(kept, st.SIZE)
        if state is None:
            from locator.actions import recovery as trouble
            from locator.journal import copy

            kept = copy.read(port.data_dir)
            state = copy.state(port.data_dir, kept)
            trouble.power_was_lost(state, self._ledger, self._journal, port.clock_s())
        self._state = st.new(state)
        self._raised = self._state[st.RAISED]
        self._log = Log(rtc.log_of(kept, st.SIZE))
        # Taken while memory is in one piece: late in a wake there may be no room to save, or to report.
        # Nothing is saved while a conversation uses it.
        self._room = bytearray(_ROOM_BYTES)
        if self._log.begin(port):
            self._state[st.TO_TELL] = st.EVERYONE  # the wake before may have ended before it was noted
        self._settings = self._applied()
        unload("actions.recovery", "journal.copy")
        self._modem = make_modem(board, port)
        self._modem.own_hosts = self._config.hosts
        self._modem.use(self._config.apn, self._config.apn_login, self._config.hosts)
        if self._state[st.CARD_DUE]:
            from locator.esim import access

            access.use(port.data_dir, self._modem)
        self._identity = self._fix = self._cell = self._network = None
        self._was_on = self._copy_is_due = False
        self._senses = senses
        self._motion = motion

    def _applied(self):
        """The settings in force."""
        from locator.downlink import applied

        try:
            return applied.load(self._port.data_dir, self._state)
        finally:
            unload("downlink.applied", "downlink.settings", "codec.checked")

    def run(self):
        """Actions until the plan says sleep."""
        self._feel()
        did = 0
        while True:
            pending = self._journal.pending()
            action = self._pace.next(self._state, self._senses, pending, self._settings)
            if self._copy_is_due and action.kind not in (ATTACH, PROBE):  # these keep what lasts
                self._copy_is_due = False
                self._save_in_time(action.kind == SLEEP)
            if action.kind == SLEEP:
                break
            did = did or action.reason
            try:
                self._pace.to(_DOING.get(action.kind, self._resting()))
                self._DO[action.kind](self, action)
            except Exception:
                from locator.actions import recovery as trouble

                trouble.fault(self, self._state, action.kind, self._pace.hints)
                raise
            finally:
                self._save()
        self._card("talked")
        self._pace.to(self._resting())
        self._stop_modem()
        if any(self._modem.channel.uninvited):
            from locator.actions import recovery as trouble

            trouble.uninvited(self._modem.channel.uninvited, self._state, self._note)
        budget.spend(self._state, self._port.ticks_ms() // 1000)
        spent_mj = self._pace.end(self._state)
        self._log.wake(self._port.clock_s(), did, action.reason, spent_mj)
        self._save_alarms()
        self._port.rtc_write(rtc.pack_journal(self._room, self._packed(), self._journal.keep()))
        if self._port.reset_cause == POWER_ON:
            self._port.show(self._state[st.ATTACHED] == st.YES, self._fix is not None)
        return self._asleep_ms(action.limit_s), action.wake_on

    def _asleep_ms(self, limit_s):
        """`limit_s` begin with the moment that was decided about, a minute behind a jolt. Rounded up: to wake
        a moment early is to wake twice. Where power is lost oftener than a pause lasts, its end comes by the
        copies in flash: until the agent has answered no sleep leaves one out."""
        if not self._state[st.LAST_UPLOAD] and self._state[st.ERRAND] != st.SHIPPING:
            limit_s = min(limit_s, _KEEP_S + 60 - self._senses[0] % _KEEP_S)
        return 1000 * max(1, limit_s - (self._port.clock_s() - self._senses[0]))

    def _feel(self):
        # Imported here: the frame of `run` would keep the module to the end of the wake.
        from locator.scheduler import alarms

        before = self._state[st.NOW]
        st.feel(self._state, self._senses)
        alarms.feel(self._state, self._senses, self._settings)
        self._pace.feel(self._state, self._settings, self._senses[4])
        self._copy_is_due = before // _KEEP_S != self._state[st.NOW] // _KEEP_S
        self._save()

    # What the plan may ask for.

    def _attach(self, action):
        result, cause, plmn, seen, took_ms = st.NO, 0, 0, self._state[st.SEEN], _RESUMED_MS
        budget.begin_try(self._state, self._port.clock_s(), self._port.random(1)[0])
        told, self._state[st.TOLD_PLMN] = self._state[st.TOLD_PLMN], 0  # until it has answered
        self._save_attempt()
        try:
            ladder = recovery(self._state[st.TRY_FAILS])
            if ladder and not self._modem.on and ladder.before_start(self._port):
                self._state[st.CONFIGURED] = self._state[st.PARKED] = self._state[st.ORBITS] = 0
            self._start_modem()
            from locator.actions import searching
            from locator.modem import services

            self._services = services.settle(self._modem, self._settings[cfg.SMS_TO_CARD])
            self._card("prepare")
            searching.settle(self._modem, self._state, action.mcc)
            if ladder and not action.plmn:
                action.plmn = ladder.after_start(self._modem, self._state[st.LAST_PLMN], seen)
                self._state[st.CHOSEN_PLMN] = action.plmn
            # What a look has seen is asked already, unless another one is held.
            wanted = AS_IT_IS if 0 < seen == (action.plmn or told or seen) else action.plmn
            since_ms = self._port.ticks_ms()
            result, cause = self._modem.attach(action.limit_s, action.patience_s, wanted, told)
            took_ms = self._port.ticks_ms() - since_ms
            self._state[st.TOLD_PLMN] = 0 if result == DENIED else told if wanted == AS_IT_IS else wanted
            self._cell = self._modem.cell()
            plmn = self._cell.plmn if self._cell else 0
            if result == REGISTERED:
                searching.learn(self._state, self._cell)
                if plmn // 1000 == st.MCC_RUSSIA and wanted not in (AS_IT_IS, plmn):
                    self._modem.attach(action.limit_s, 0, plmn)  # before anything searches again
                    self._state[st.TOLD_PLMN] = plmn
                self._registered()
            self._read_card(result == REGISTERED)
        except ModemError as error:
            self._lost(error)
            result = st.NO
        finally:
            self._let_go(_SELDOM)  # a conversation needs the heap
        is_there = plmn == self._state[st.LAST_PLMN]  # else another one was asked, quickly
        budget.end_try(self._state, self._port.clock_s(), is_there and took_ms < _RESUMED_MS)
        if result == REGISTERED:
            budget.accepted(self._state)
        else:
            budget.refused(self._state, self._port.clock_s(), cause)
            self._note(logs.REFUSED, cause)
            self._pace.unserved(self._state, plmn > 0)
        st.learn_attach(self._state, result, plmn)
        self._card("tried", cause, plmn > 0)

    def _registered(self):
        self._take_network_time()
        self._weigh()
        if self._modem.FETCHES_ORBITS and budget.orbits_due(self._state):
            assistance = self._modem.part("assistance")
            self._state[st.ORBITS_TRIED] = self._state[st.NOW]
            self._state[st.CARD_BYTES] += assistance.BYTES
            assistance.download(self._modem)

    def _find(self, action):
        """Search for a fix; the radio is off unless the agent is to be reached in this wake."""
        try:
            self._start_modem()
            registered = self._state[st.ATTACHED] == st.YES or self._state[st.PARKED]
            self._modem.gnss_start(not registered)
            self._fix = self._poll_fix(1000 * action.limit_s)
            if not registered:
                self._state[st.SEEN] = 0  # the look is over: to register now would be a second attach
        except ModemError as error:
            self._lost(error)
        try:  # whatever happened: with GNSS on, a BG95 has no network
            if self._modem.on:
                self._modem.gnss_stop()
        except ModemError as error:
            self._lost(error)
        if self._fix and self._fix.time:
            st.learn_time(self._state, self._port.clock_s(), self._fix.time, record.TIME_GNSS)
        st.learn_fix(self._state, self._fix is not None)
        if self._fix:
            self._pace.found(self._state, self._fix)
        from locator.scheduler import alarms

        alarms.searched(self._state, max(1, self._fix.sats) if self._fix else 0, self._settings)

    def _probe(self, action):
        """Where we are heard: the serving cell, if there is one soon."""
        budget.begin_look(self._state, self._port.clock_s())
        self._save_attempt()
        try:
            self._start_modem()
            state, told, held = self._state, self._state[st.TOLD_PLMN], self._state[st.HELD_PLMN]
            used = told in (state[st.CHOSEN_PLMN], state[st.NETWORK]) and not state[st.LOOKS]
            self._cell = self._modem.look(action.limit_s, told in (0, held) if held else told and used)
        except ModemError as error:
            self._lost(error)
        self._pace.looked(self._state, self._cell)

    def keep_record(self, _=None):
        """What this wake has found, into flash."""
        try:
            self._journal.append(self._fields())
        except OSError as error:
            self._not_kept(error)
            self._state[st.DID_RECORD] = st.NO
            return
        st.learn_record(self._state)
        self._save_alarms()

    def _talk(self, action):
        """The plan and the conversation have no room beside each other."""
        self._pace.rest()
        try:
            self._converse()
        finally:
            self._let_go(_TALKING)
            gc.collect()
        self._pace.reported(self._state, self._state[st.DID_TALK] == st.YES, self._cell)

    def _converse(self):
        from locator.actions import session as contact

        us = (self._port, self._modem, self._state, self._journal, self._ledger, self._config)
        is_told = self._state[st.IDENTITY_DAY] == st.day(self._state) + 1  # today, who we are
        told = (self._senses, self._settings, None if is_told else self._identity)
        then = self._talked, self._lost
        at_last = contact.converse(us, self._log, self._board.NAME, told, *then, self._room)
        self._settings = self._applied()
        for do in at_last:
            do()

    def _talked(self, server_time):
        if server_time and self._believes(server_time):
            st.learn_time(self._state, self._port.clock_s(), server_time, record.TIME_NETWORK)
        self._save()

    _DO = {ATTACH: _attach, FIX: _find, PROBE: _probe, RECORD: keep_record, TALK: _talk}

    # How it is done.

    def _let_go(self, names):
        """Of these modules, and of those of the modem's folder that are seldom needed."""
        unload(*names, *self._modem.parts)
        self._modem.parts.clear()

    def _resting(self):
        return energy.IDLE if self._modem.on else energy.ALONE

    def _start_modem(self):
        if self._modem.on:
            return
        surely_off = not self._was_on and self._port.reset_cause in (DEEPSLEEP_RESET, POWER_ON)
        self._was_on = True
        doing = self._pace.to(energy.START)
        self._modem.start(surely_off, not self._state[st.CONFIGURED])
        self._pace.to(doing)
        if not self._state[st.CONFIGURED]:
            self._state[st.CONFIGURED], self._state[st.SEARCHED] = 1, 0

    def _lost(self, error):
        """A verb has failed. A modem that has restarted by itself must be set up again."""
        restarted = isinstance(error, ModemRestarted)
        if restarted:
            self._modem.on = False
        self._note(logs.RESTARTED if restarted else logs.MODEM, error.code)

    def _weigh(self):
        """The battery under the load of a connection; whatever moved meanwhile is not forgotten: what is felt
        behind the record is left for the next wake, where the modem can tell the voltage."""
        told_mv = self._modem.supply_mv()
        if told_mv and self._state[st.DID_RECORD]:
            self._state[st.LOADED_MV] = told_mv
            return
        seen_mv, _, motion, _, shock_mg, _, _ = self._port.senses()
        self._state[st.LOADED_MV] = min(seen_mv or told_mv or 0, told_mv or seen_mv)
        self._motion += motion
        self._state[st.SHOCK_MG] = max(self._state[st.SHOCK_MG], shock_mg)  # the next wake counts it

    def _note(self, kind, value):
        self._log.add(self._port.clock_s(), kind, value)

    def _card(self, verb, *arguments):
        """What `profiles` does about it, where the card has profiles to choose from."""
        if self._state[st.CARD_DUE]:
            self._let_go(_SELDOM)
            self._pace.rest()
            from locator.actions import profile as profiles

            us = (self._port, self._board, self._modem, self._state, self._save_twice)
            profiles.run(verb, us, arguments)

    def _read_card(self, registered):
        """Which card it is: another one, or none, is an alarm. A card that cannot be read costs no report."""
        from locator.scheduler import alarms

        try:
            if registered:
                self._identity = self._modem.identity() + self._services
                _, iccid, imsi, *_ = self._identity
                if iccid and imsi:
                    self._card("recognize", iccid)
                    alarms.card(self._state, alarms.number_of(iccid), alarms.number_of(imsi), self._settings)
            elif self._modem.card_gone():
                alarms.card(self._state, 0, 0, self._settings)
        except ModemError as error:
            self._lost(error)

    def _stop_modem(self):
        if not self._modem.on:
            return
        try:
            self._state[st.PARKED] = 1 if self._modem.stop(self._may_park()) else 0
            if self._modem.lost_supply:
                self._state[st.ORBITS] = 0
        except ModemError:
            self._modem.cut_supply()
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
        if not (served or cause):
            self._modem.radio_off()  # a refusal that comes while the modem shuts down is noticed by nobody
        return served and registered and state[st.TRY_FAILS] < CALM_FAILS and self._modem.psm_granted()

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
        from locator import clock as timing

        self._network = timing.network(self._port, self._modem, self._state)

    def _believes(self, epoch_s):
        """Whether the agent's time can be right; `_network` is what the network has told in this wake."""
        if st.credible(self._state, self._port.clock_s(), epoch_s):
            return True
        from locator import clock as timing

        return timing.believes(self._state, self._port.clock_s(), epoch_s, self._network)

    def _fields(self):
        """The fields of a record from what this wake has found, in the order of record.FIELDS."""
        fix, cell = self._fix, self._cell
        kind = record.FIX if fix else record.CELL if cell else record.STILL
        quality, time = self._time_of_record()
        place = (0,) * 7
        if fix:
            place = (fix.lat, fix.lon, fix.alt, fix.speed, fix.heading, fix.hdop, fix.sats)
        heard = (cell.plmn, cell.tac, cell.cell, -cell.rsrp) if cell else (0,) * 4
        body = record.felt(*self._senses[3:5])  # battery, temperature
        head = (kind, quality, self._state[st.EVENTS], 0, time, self._ledger.boot)
        return list(head + place + body + heard + (max(0, min(255, self._motion)),))

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
        """In flash as well."""
        from locator.journal import copy

        self._state[st.COPIED_AT] = self._state[st.NOW]
        self._save()
        self._keep(copy.keep, self._packed(), self._state)

    def _save_in_time(self, is_idle):
        """A loss of power is not to begin the pauses again. A copy of all takes an erase of flash, as a
        record does: it is left to a wake that is idle, after half a day to one that asks no network, for a
        day at most."""
        state = self._state
        wait_s = 2 * _COPY_S if state[st.ATTACHED] or state[st.DID_PROBE] else _COPY_S
        if is_idle or not state[st.COPIED_AT] or state[st.NOW] - state[st.COPIED_AT] >= wait_s:
            self._save_twice()
        else:
            self._save_attempt()

    def _save_attempt(self):
        """What lasts in flash as well, before the network is asked."""
        from locator.journal import copy

        self._save()
        self._keep(copy.keep_attempt, self._state)

    def _keep(self, keep, *what):
        try:
            keep(self._port.data_dir, *what)
        except OSError as error:
            self._not_kept(error)
        unload("journal.copy")

    def _save_alarms(self):
        """In flash as well when an alarm has been told or is over: a loss of power tells none twice."""
        if self._state[st.RAISED] == self._raised:
            self._save()
            return
        self._raised = self._state[st.RAISED]
        self._save_twice()

    def _not_kept(self, error):
        """The flash does not take something. What it holds can still be told, and what is told makes room."""
        self._note(logs.FLASH, error.args[0])
        self._journal.free(1)

    def _packed(self):
        return rtc.pack_into(self._room, st.kept(self._state), self._log.pack())
