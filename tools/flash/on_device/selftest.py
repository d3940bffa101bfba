"""Every part of a tracker in turn, on the tracker: sent through its REPL by `make selftest`.

Prints a line a part, `part|good or bad|what was found`, and shows the way on the lamp: one flash for on,
two for registered, three for a fix, three seconds for sealed (lid shut, dark).
"""

import os
import time

from locator.modem import REGISTERED, ModemError, make
from micropython import const

_LEAST_MV, _MOST_MV = const(3000), const(15000)
_DROP_MV = const(400)
_ATTACH_S = const(180)
_FIX_S = const(120)
_BLINK_MS = const(150)
_SEALED_MS = const(3000)
_OFF_S = const(35)  # STATUS of a SIM7600 falls 25 s after the order to power off
_BYTES = b"\x55\xaa" * 256


def run(port, board, lamp=None):
    """All parts; the modem is off afterwards. True when none is bad. `lamp` is called with 1 and 0."""
    found = [check(port, board) for check in (_flash, _sensors, _supply)]
    modem = make(board, port)
    for part, check in _MODEM:
        try:
            good = check(port, modem, lamp)
        except ModemError as error:
            good = _report(part, False, "%s, code %d" % (error.what, error.code))
        found.append(good)
        if not modem.on:
            port.modem_rail(False)
            break
    shut = not port.senses()[6]
    found.append(_report("lid", shut, "shut" if shut else "open"))
    if lamp and all(found):
        _flash_lamp(port, lamp, 1, _SEALED_MS)
    return all(found)


def _report(part, good, found):
    print("%s|%s|%s" % (part, "good" if good else "bad", found))
    return good


def _flash_lamp(port, lamp, times, ms=_BLINK_MS):
    for _ in range(times if lamp else 0):
        lamp(1)
        port.sleep_ms(ms)
        lamp(0)
        port.sleep_ms(2 * _BLINK_MS)


def _flash(port, board):
    """Writes and reads a file where the records lie."""
    path = port.data_dir + "/selftest.tmp"
    try:
        with open(path, "wb") as f:
            f.write(_BYTES)
        with open(path, "rb") as f:
            good = f.read() == _BYTES
        os.remove(path)
        values = os.statvfs(port.data_dir)
        free_kb = values[0] * values[3] // 1024
    except OSError as error:
        return _report("flash", False, error)
    return _report("flash", good, "%d KiB free" % free_kb)


def _sensors(port, board):
    battery_mv, temperature_dc, motion, lux, shock_mg, tilt_deg, _ = port.senses()
    unknown = board.BATTERY_ADC is None or getattr(port, "uncalibrated", False)
    good = unknown or _LEAST_MV < battery_mv < _MOST_MV
    supply = "battery not measured" if unknown else "%d mV" % battery_mv
    values = (supply, temperature_dc, motion, lux, shock_mg, tilt_deg)
    return _report("sensors", good, "%s, %d x 0.1 C, motion %d, %d lux, shock %d mg, tilt %d deg" % values)


def _supply(port, board):
    """The battery as it is, and with the modem's rail on."""
    before_mv = port.senses()[0]
    port.modem_rail(True)
    port.sleep_ms(1000)
    after_mv = port.senses()[0]
    drop_mv = before_mv - after_mv
    return _report("rail", drop_mv < _DROP_MV, "%d mV, %d mV less with the rail on" % (before_mv, drop_mv))


def _start(port, modem, lamp):
    began_ms = port.ticks_ms()
    modem.start(False, True)
    _flash_lamp(port, lamp, 1)
    values = (port.ticks_ms() - began_ms, modem.supply_mv() or 0)
    return _report("modem", True, "answers after %d ms, supply %d mV" % values)


def _card(port, modem, lamp):
    modem.await_card()
    imei, iccid, imsi, revision = modem.identity()
    values = (imei, iccid, imsi, revision)
    return _report("card", bool(iccid and imsi), "IMEI %s, ICCID %s, IMSI %s, %s" % values)


def _network(port, modem, lamp):
    result, cause = modem.attach(_ATTACH_S, _ATTACH_S, 0)
    cell = modem.cell()
    if result != REGISTERED or not cell:
        return _report("network", False, "not registered, cause %d: antenna, card, APN?" % cause)
    _flash_lamp(port, lamp, 2)
    return _report("network", True, "PLMN %d, cell %d, %d dBm" % (cell.plmn, cell.cell, cell.rsrp))


def _satellites(port, modem, lamp):
    began_ms = port.ticks_ms()
    fix = None
    modem.gnss_start(False)
    try:
        while fix is None and port.ticks_ms() - began_ms < 1000 * _FIX_S:
            port.sleep_ms(1000)
            port.feed()
            fix = modem.gnss_poll()
    finally:
        modem.gnss_stop()
    if fix is None:
        return _report("GNSS", False, "no fix in %d s: antenna, sky?" % _FIX_S)
    _flash_lamp(port, lamp, 3)
    values = ((port.ticks_ms() - began_ms) // 1000, fix.sats, fix.lat, fix.lon)
    return _report("GNSS", True, "a fix after %d s, %d satellites, %d %d x 1e-5 deg" % values)


def _off(port, modem, lamp):
    belied = port.modem_status() is False  # it answers
    modem.stop(False)
    if belied:
        return _report("off", False, "STATUS says off while the modem is on: modem.status, status_on?")
    port.modem_rail(True)  # the line may be shut
    began_ms = port.ticks_ms()
    while _is_on(port, modem):
        if port.ticks_ms() - began_ms > 1000 * _OFF_S:
            return _report("off", False, "the modem is still on: modem.key, rail, status?")
        port.sleep_ms(1000)
        port.feed()
    return _report("off", True, "the modem is off" + (": its supply was cut" if modem.lost_supply else ""))


def _is_on(port, modem):
    """By STATUS, or where the board does not have it by whether the modem answers."""
    status = port.modem_status()
    return modem.channel.hears() if status is None else status


_MODEM = (("modem", _start), ("card", _card), ("network", _network), ("GNSS", _satellites), ("off", _off))


def main():
    """On the tracker itself."""
    import machine

    board = __import__("board")  # of any kind
    port = board.make_port()
    machine.WDT(timeout=900000)
    board.apn = b""  # type: ignore[attr-defined]
    try:
        from locator.config import Config

        config = Config(port.config_dir)
        board.apn = config.apn  # type: ignore[attr-defined]
        print("identity|good|" + config.device)
    except ValueError as error:
        print("identity|bad|%s: make provision" % error)
    lamp = None
    if board.LED_PIN is not None:
        pin = machine.Pin(board.LED_PIN, machine.Pin.OUT)

        def lamp(on):
            pin.value(on if board.LED_ON else 1 - on)

    began_s = time.time()
    good = run(port, board, lamp)
    print("end|%s|%d s" % ("good" if good else "bad", time.time() - began_s))
