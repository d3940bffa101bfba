"""Networks that are heard: a scan for operators, which of them to select, and neighbour cells.

Imported only where it is used: a scan takes one to three minutes with the receiver on. Commands: TS 27.007
7.3 (+COPS).
"""

from micropython import const

from locator.modem import ModemError, parse

SCAN_MS = const(240000)  # observed: 180 s and more
_MOST = const(24)
RELEASE_MS = const(180000)
_POLL_MS = const(1000)

UNKNOWN = const(0)
AVAILABLE = const(1)
CURRENT = const(2)
FORBIDDEN = const(3)


def listen(driver, limit_s, is_kept):
    """The serving cell, or None after `limit_s` without one. Unless it `is_kept` with an operator, the modem
    may choose again: a failed attempt may have selected one."""
    driver.radio_on()
    mode = [] if is_kept else driver.listing(b"+COPS?", b"+COPS:")
    if mode and mode[0].startswith(b"1"):
        driver.choose(0)
        limit_s *= 2  # it begins to search only now
    deadline = driver.port.ticks_ms() + 1000 * limit_s
    while driver.port.ticks_ms() < deadline:
        cell = driver.cell()
        if cell:
            return cell
        driver.port.sleep_ms(_POLL_MS)
    return None


def scan(driver):
    """The operators heard, as a list of (status, PLMN as MCC*1000+MNC, <AcT> of TS 27.007 or -1).

    The modem is taken off its network before (+COPS=2), so that it is idle meanwhile; `driver.attach` then
    registers, with one operator or with any. A refusal in that moment is `driver.missed`: the registration
    does not show it afterwards. Nothing may be sent until the reply: the SIM7600 would abort. Raises
    `ModemError`.
    """
    from locator.modem import refusals

    driver.await_card()
    driver.channel.command(b"+COPS=2", RELEASE_MS)
    driver.missed = refusals.ask(driver, b"EMM")
    found: list = []

    def take(piece):
        heard = operator(piece)
        if heard and len(found) < _MOST:
            found.append(heard)

    driver.channel.command(b"+COPS=?", SCAN_MS, None, take)
    return found


def operator(piece):
    """One entry of the reply to +COPS=?, with or without the text before its parenthesis:
    b'(2,"O2 - DE","O2","26203",7' -> (2, 262003, 7). None for the lists of modes and formats after them."""
    parts = parse.fields(piece.partition(b"(")[2].rstrip(b")"))
    if len(parts) < 4:
        return None
    status, digits = parse.integer(parts[0]), parts[3]
    if status is None or not (0 <= status <= 3 and digits.isdigit() and 5 <= len(digits) <= 6):
        return None
    access = parse.integer(parts[4]) if len(parts) > 4 else None
    return status, 1000 * int(digits[:3]) + int(digits[3:]), -1 if access is None else access


def choose(heard, avoid, turn):
    """Return the operator to select from a `scan`, 0 if there is none: not the one that failed last
    (`avoid`), and forbidden ones after all others; `turn`, counted up, goes through them."""
    others = [plmn for status, plmn, _ in heard if plmn != avoid and status != FORBIDDEN]
    if not others:
        others = [plmn for _, plmn, _ in heard if plmn != avoid]
    others = sorted(set(others))
    return others[turn % len(others)] if others else 0


def neighbours(driver):
    """The neighbour cells that are heard, as a list of (technology, PLMN or 0, channel, PCI or BSIC, RSRP or
    RXLEV in dBm). None with a modem that has no command for it."""
    if not driver.NEIGHBOURS:
        return None
    command, prefix = driver.NEIGHBOURS
    try:
        lines = driver.channel.command(command, 5000, prefix)
    except ModemError as error:
        if error.code < 0:
            raise
        return []
    read = driver.part("neighbours").cell
    return [cell for cell in map(read, lines) if cell]
