"""Voice and SMS, on or off. Imported where a modem is about to register."""

from micropython import const

from locator.modem import parse

_BOTH = const(3)  # 1: voice, 2: SMS


def settle(modem, wanted):
    """Have voice and SMS on (`wanted` 1) or off (0), unless they are: without the circuit-switched domain
    there are none, SMS over LTE needs the combined attach (TS 24.301, 4.3). Returns what the modem then says
    of them as an uplink has it: (0,), or (3,) for both; () where it does not say."""
    found: tuple = ()
    if not modem.SERVICES:
        return found
    command, prefix, change, off, on = modem.SERVICES
    for changed in (False, True):
        lines = modem.listing(command, prefix)
        value = parse.last_integer(lines[0]) if lines else None
        found = (0,) if value in off else (_BOTH,) if value in on else ()
        if changed or found == () or found == (_BOTH * wanted,):
            break
        modem.accepts(change % (on if wanted else off)[0])
    return found
