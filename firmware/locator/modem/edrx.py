"""eDRX: an idle modem listens for its network at intervals only, and saves power in between.

Asked for only while a connection is held for a device that is to be found, where a command may take the
length of a cycle; in all other wakes PSM does better. BG95 on LTE-M (TS 27.007 7.40, 7.41); the
SIM7600's manual V3.00 has none.
"""

from micropython import const

from locator.modem import ModemError, parse

_COMMAND_MS = const(5000)


def request(driver, on):
    """Ask the network for a cycle of 20.48 s from now on, or for none. Raises `ModemError` where the modem
    knows no eDRX."""
    driver.channel.command(b'+CEDRXS=1,4,"0010"' if on else b"+CEDRXS=0", _COMMAND_MS)


def granted_ms(driver):
    """The cycle that the network has granted, in ms; 0: none."""
    try:
        lines = driver.channel.command(b"+CEDRXRDP", _COMMAND_MS, b"+CEDRXRDP:")
    except ModemError as error:
        if error.code < 0:
            raise
        return 0
    return cycle_ms(lines[0]) if lines else 0


def cycle_ms(line):
    """From `<AcT>[,"<asked for>","<granted>","<paging window>"]`; 0 for none (TS 24.008 table 10.5.5.32)."""
    parts = parse.fields(line)
    code = parse.integer(parts[2], 2) if len(parts) > 2 and parts[0] != b"0" else None
    if code is None or not 0 <= code < 16:
        return 0
    units = (1, 2, 4, 8, 12, 16, 20, 24, 28)  # of 5.12 s; from 1001 on powers of two
    return 5120 * (units[code] if code < 9 else 1 << (code - 4))
