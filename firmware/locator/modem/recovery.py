"""Recovery of a modem that does not answer, stays denied, or whose connections fail; imported when needed."""

from micropython import const

from locator.modem import ModemError, ModemSilent

_GUARD_MS = const(1100)
_SETTLE_MS = const(300)
_OFF_MS = const(1500)
_CHATTER_MS = const(5000)
_CFUN_MS = const(15000)
_CARD_MS = const(10000)
_NO_CARD = const(10)  # +CME ERROR
_RADIO_OFF_MS = const(10000)
_CONTEXT_MS = const(40000)
# The multiplexer's close-down frame on channel 0 (TS 27.010, basic mode).
_CLOSE_DOWN = b"\xf9\x03\xef\x05\xc3\x01\xf2\xf9"


def drain(at, quiet_ms):
    """Drop what comes, but unsolicited lines, until nothing comes for so long: late answers."""
    end = at._port.ticks_ms() + _CHATTER_MS
    part = at._n
    while at._port.ticks_ms() < end:
        if at._next_line(at._port.ticks_ms() + quiet_ms, False):
            at._keep_unsolicited()
        elif at._n == part:
            break
        part = at._n
    at._n = 0


def escape(driver):
    """Out of a call or a multiplexer that a reset of ours alone has left open: `+++` between two silences
    and the call hung up, or the close-down frame. True when the modem hears commands again."""
    port, at = driver.port, driver.channel
    port.sleep_ms(_GUARD_MS)
    port.uart_write(b"+++")
    drain(at, _GUARD_MS)
    port.uart_write(b"ATH\r" if at.hears() else _CLOSE_DOWN)
    drain(at, _SETTLE_MS)
    return at.hears()


def cold_boot(driver):
    """The modem hangs: reset it where the board has the line, which spares its clock; else, or when that does
    not help, take its supply away, which is left off when that does not help either (`ModemSilent`)."""
    port = driver.port
    if port.modem_reset(False) is not False and driver.starts_after(port.modem_reset, driver.RESET_MS):
        return
    try:
        port.modem_rail(False)
        port.sleep_ms(_OFF_MS)
        port.modem_rail(True)
        driver.boot()
    except ModemSilent:
        port.modem_rail(False)
        raise


def cut_supply(driver):
    """The modem does not power off. If its supply cannot be cut, but its reset line can be pressed, it is
    started again, which resets it if necessary, and powered off again: otherwise it would draw current
    throughout the pause.
    """
    port, again, driver.lost_supply = driver.port, driver.lost_supply, True
    if port.modem_rail(False) is not False or again or port.modem_reset(False) is False:
        return
    try:
        driver.start(False, False)
        driver.stop(False)
    except ModemError:
        pass
    port.modem_rail(False)


def card_gone(driver):
    """Whether the modem says that no card is in its slot."""
    try:
        driver.channel.command(b"+CPIN?", _CARD_MS, b"+CPIN:")
    except ModemError as error:
        if error.code != _NO_CARD:
            raise
        return True
    return False


def cycle_radio(driver):
    """The radio off for 10 s and on again; a refusal is no failure."""
    for text, pause_ms in ((b"+CFUN=4", _RADIO_OFF_MS), (b"+CFUN=1", 0)):
        try:
            driver.channel.command(text, _CFUN_MS)
        except ModemError as error:
            if error.code < 0:
                raise
        driver.port.sleep_ms(pause_ms)


def give_up_context(driver):
    """End the PDP context and whatever runs over it: the next opening asks the network again."""
    driver.channel.lost = ()
    driver.give_up_context(_CONTEXT_MS)
