"""Registers with a network, and reads what it gives: time, assistance data, battery under load, SIM."""

from micropython import const

from locator import senses as sn
from locator import settings as cfg
from locator import state as st
from locator.journal import log as logs
from locator.modem import AS_IT_IS, DENIED, NO_SERVICE, REGISTERED, ModemError, recovery_steps
from locator.scheduler import budget

_RESUMED_MS = const(6000)  # a network that is searched for takes longer


def run(wake, action):
    """Try to register, as `action` says; `wake.cell` is who answers."""
    port, state = wake.port, wake.state
    result, cause, plmn, took_ms, only = st.NO, 0, 0, _RESUMED_MS, 0
    wake.modem.missed = 0
    budget.begin_attempt(state, port.clock_s(), port.random(1)[0])
    allowed, state[st.ALLOWED_PLMN] = state[st.ALLOWED_PLMN], 0  # until it has answered
    wake.kept.attempt()
    try:
        _prepare(wake, action)
        # The network that a scan has heard is asked already, unless another one is locked.
        heard = state[st.HEARD_PLMN]
        wanted = AS_IT_IS if 0 < heard == (action.plmn or allowed or heard) else action.plmn
        since_ms = port.ticks_ms()
        result, cause = wake.modem.attach(action.limit_s, action.patience_s, wanted, allowed)
        took_ms = port.ticks_ms() - since_ms
        only = allowed if wanted == AS_IT_IS else wanted
        state[st.ALLOWED_PLMN] = 0 if result == DENIED else only
        wake.cell = wake.modem.cell()
        plmn = wake.cell.plmn if wake.cell else 0
        if result == REGISTERED:
            _registered(wake, action, only, plmn)
        _read_card(wake, result == REGISTERED)
        if result == NO_SERVICE:
            _, cause = wake.modem.serves(0)  # meanwhile the modem has asked on by itself
            wake.modem.radio_off()  # a refusal during the shutdown would be missed
    except ModemError as error:
        wake.lost(error)
        result = st.NO
    finally:
        wake.let_go()  # a session needs the heap
    budget.end_attempt(state, port.clock_s())
    asked_on = (cause and not only) or wake.modem.missed
    if state[st.IN_PSM]:  # its own network has served it at once, or it has asked others
        asked_on = plmn != state[st.LAST_PLMN] or took_ms >= _RESUMED_MS
    if asked_on:
        budget.asked_on(state, port.clock_s())
    cause = cause or wake.modem.missed
    if result == REGISTERED:
        budget.accepted(state)
    else:
        budget.refused(state, port.clock_s(), cause)
        wake.note(logs.REFUSED, cause)
        wake.pace.unserved(state, plmn > 0)
    st.learn_attach(state, result, plmn)
    wake.card("attempt", cause, plmn > 0)


def _prepare(wake, action):
    """The modem is on, searches as this country needs it, and with the profile that shall be used; after many
    failures what helps against them has been done."""
    modem, state = wake.modem, wake.state
    steps = recovery_steps(state[st.ATTEMPT_FAILS])
    if steps and steps.cuts_supply():
        wake.cut_due = True
    wake.start_modem()
    _set_services(wake)
    wake.card("prepare")
    _set_search(modem, state, action.mcc)
    if steps and not action.plmn:
        action.plmn = steps.after_start(modem, state[st.LAST_PLMN], state[st.HEARD_PLMN])
        state[st.CHOSEN_PLMN] = action.plmn


# Each imports for itself: what a module or a long frame holds stays on the heap, and the card needs it.


def _set_services(wake):
    from locator.modem import services

    wake.services = services.settle(wake.modem, wake.settings[cfg.SMS_TO_CARD])


def _set_search(modem, state, mcc):
    from locator.scheduler import regions

    if regions.must_set(state, mcc):
        modem.prefer(regions.region(mcc), regions.searches_again(state))
        regions.learn_set(state, mcc)


def _registered(wake, action, only, plmn):
    from locator import clock
    from locator.scheduler import regions

    modem, state, cell = wake.modem, wake.state, wake.cell
    if cell and cell.worth != cell.rsrp:
        regions.learn_gsm(state, plmn // 1000)
    # Before anything searches again. Also where a scan has found it: the modem may still choose another one.
    if plmn // 1000 == st.MCC_RUSSIA and only != plmn:
        modem.attach(action.limit_s, 0, plmn)
        state[st.ALLOWED_PLMN] = plmn
    wake.network = clock.network(wake.port, modem, state)
    weigh(wake)
    if modem.FETCHES_ASSISTANCE and budget.assistance_due(state):
        assistance = modem.part("assistance")
        state[st.ASSISTANCE_TRIED] = state[st.NOW]
        state[st.PROFILE_BYTES] += assistance.BYTES
        assistance.download(modem)


def weigh(wake):
    """The battery under the load of a connection; whatever moved meanwhile is not forgotten: what is felt
    after the record is left for the next wake, where the modem can measure the voltage."""
    state = wake.state
    modem_mv = wake.modem.supply_mv()
    state[st.LOADED_DC] = wake.senses[sn.TEMPERATURE_DC]
    if modem_mv and state[st.DID_RECORD]:
        state[st.LOADED_MV] = modem_mv
        return
    port_mv, _, motion, _, shock_mg, _, _ = wake.port.senses()
    state[st.LOADED_MV] = min(port_mv or modem_mv or 0, modem_mv or port_mv)
    wake.motion += motion
    state[st.SHOCK_MG] = max(state[st.SHOCK_MG], shock_mg)  # the next wake counts it


def _read_card(wake, registered):
    """Which card it is: another one, or none, is an alarm. A card that cannot be read costs no report."""
    from locator.scheduler import alarms

    modem, state = wake.modem, wake.state
    try:
        if registered:
            wake.identity = modem.identity() + wake.services
            _, iccid, imsi, *_ = wake.identity
            if iccid and imsi:
                wake.card("recognize", iccid)
                alarms.card(state, alarms.number_of(iccid), alarms.number_of(imsi), wake.settings)
        elif modem.card_gone():
            alarms.card(state, 0, 0, wake.settings)
    except ModemError as error:
        wake.lost(error)
