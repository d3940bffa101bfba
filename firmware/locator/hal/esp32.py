"""The port of a real board: pins, UART, sensors and sleep of the ESP32, as board.py names them.

Lies in the slot with the application, so that an update repairs it too; next to boot.py are the pins only.
"""

import os
import time

import esp32
import machine
from machine import Pin
from micropython import const

from locator import hal as port
from locator import unload

_BUFFER_BYTES = const(4096)
# UARTs keep time down to this clock; below it their own changes with it.
_SLOW_HZ = const(80000000)
_WAIT_MS = const(20)  # for the first byte, between looks at the deadline: whole ticks of 10 ms
_LIGHT_SLEEP_MS = const(20)  # shorter waits are not worth it
_WATCHDOG_MS = const(60000)
_BELIEVED_MV = const(1500)  # on less the chip does not run: the divider is broken
_ADC_LOOKS = const(8)
_COUNT_MS = const(500)  # motion that goes on counts once in so long
_RAIL = const(0)
_KEY = const(1)
_DTR = const(2)
_RESET = const(3)


class Port:
    """See `locator.hal`. Nothing is touched before it is used: what was held through the sleep stays so."""

    data_dir = "/data"
    config_dir = "/config"
    latches_motion = True

    def __init__(self, board):
        self._board = board
        self._uart: machine.UART = None  # type: ignore[assignment]  # of a modem that is on
        self._into = None  # where the UART was read into last, and the part of it after the first byte
        self._rest = memoryview(b"")
        self._outputs: list = [None, None, None, None]
        self._i2c = None
        self._accelerometer = None
        self._counts = 0  # since the last look
        self._counted = 0  # before it, in this wake
        self.uncalibrated = False  # the battery was asked for, and cannot be measured
        self._watchdog = machine.WDT(timeout=_WATCHDOG_MS)
        self.reset_cause = machine.reset_cause()  # MicroPython numbers them as we do
        self.wake_reason = self._why_awake()

    @property
    def rtc_memory(self):
        return b"" if self.reset_cause == port.POWER_ON else machine.RTC().memory()

    def ticks_ms(self):
        return time.ticks_ms()

    def clock_s(self):
        """The ESP32's clock begins with 0 at power-on, runs on in sleep, and is never set."""
        return time.time()

    def sleep_ms(self, ms):
        if ms < _LIGHT_SLEEP_MS:
            time.sleep_ms(ms)
            return
        if self._uart:
            self._uart.flush()
        end = self.ticks_ms() + ms
        while ms > 0:
            self.feed()
            self._nap(min(ms, _WATCHDOG_MS // 2))
            ms = end - self.ticks_ms()

    def uart_write(self, data):
        self._uart.write(data)

    def uart_readinto(self, buf, timeout_ms):
        """In a wait for the first byte the driver of the UART lets the chip idle; a sleep of less than a tick
        would compute instead."""
        end = self.ticks_ms() + timeout_ms
        while not self._uart.readinto(buf, 1):
            if self.ticks_ms() >= end:
                return 0
            self.feed()
        if self._into is not buf:
            self._into, self._rest = buf, memoryview(buf)[1:]
        more = min(self._uart.any(), len(self._rest))
        return 1 + (self._uart.readinto(self._rest, more) or 0 if more else 0)

    def modem_rail(self, on):
        """The UART goes with it: a line that is high feeds a modem that is off through its input."""
        board = self._board
        if on and not self._uart:
            machine.freq(_SLOW_HZ)  # the modem takes its time, whatever the chip does
            self._uart = machine.UART(
                board.MODEM_UART,
                board.MODEM_BAUD,
                tx=board.MODEM_TX,
                rx=board.MODEM_RX,
                rxbuf=_BUFFER_BYTES,
                timeout=_WAIT_MS,
                timeout_char=0,
            )
        elif self._uart and not on:
            self._uart.deinit()
            self._uart = None  # type: ignore[assignment]
        if board.MODEM_RAIL is None:
            return False
        rises = on and not (self._outputs[_RAIL] and self._outputs[_RAIL].value() == board.MODEM_RAIL_ON)
        self._drive(_RAIL, board.MODEM_RAIL, board.MODEM_RAIL_ON, on)
        if rises:
            time.sleep_ms(board.MODEM_RAIL_MS)

    def modem_key(self, pressed):
        self._drive(_KEY, self._board.MODEM_KEY, self._board.MODEM_KEY_PRESSED, pressed)

    def modem_dtr(self, level):
        if self._board.MODEM_DTR is not None:
            self._drive(_DTR, self._board.MODEM_DTR, 1, level)

    def modem_reset(self, pressed):
        if self._board.MODEM_RESET is None:
            return False
        self._drive(_RESET, self._board.MODEM_RESET, self._board.MODEM_RESET_PRESSED, pressed)

    def modem_status(self):
        number = self._board.MODEM_STATUS
        return None if number is None else Pin(number, Pin.IN).value() == self._board.MODEM_STATUS_ON

    def senses(self):
        board = self._board
        felt = [self._battery_mv(), 0, -1, 0, 0, 0, 0]
        if board.LID_SWITCH is not None:
            felt[port.LID_OPEN] = Pin(board.LID_SWITCH, Pin.IN).value()
        for sensor, read in (
            (board.ACCELEROMETER_ADDRESS, self._read_motion),
            (board.TEMPERATURE_ADDRESS, self._read_temperature),
            (board.LIGHT_ADDRESS, self._read_light),
        ):
            if sensor is not None:
                try:
                    read(felt)
                except OSError:  # a sensor that has failed is one that the board does not have
                    pass
        unload("hal.tmp112", "hal.opt3001")
        return tuple(felt)

    def random(self, n):
        """Of the chip's generator. With its radio off it is no source of keys; we draw none from it."""
        return os.urandom(n)

    def rtc_write(self, data):
        machine.RTC().memory(data)

    def feed(self):
        self._watchdog.feed()

    def show(self, registered, fixed):
        from locator.hal import lamp

        felt = self.senses()
        lamp.show(self._board, registered, fixed, felt[port.LUX], felt[port.LID_OPEN])

    def deepsleep(self, ms, wake_on):
        if self._uart:
            self._uart.flush()
        for pin in self._outputs:
            if pin:  # the others are held already, or never were
                pin.init(Pin.OUT, value=pin.value(), hold=True)
        self._arm(wake_on)
        try:  # a native image on trial has come to its sleep; needed again at no later boot
            esp32.Partition.mark_app_valid_cancel_rollback()
        except OSError:  # an image without roll-back
            pass
        machine.deepsleep(ms)

    def reset(self):
        machine.reset()

    def keep_tilt(self):
        """From now on tilt is counted from the present position; kept over power-off."""
        self._feel().keep_position()

    def _drive(self, place, number, active, on):
        level = active if on else 1 - active
        pin = self._outputs[place]
        if pin:
            pin.value(level)
        else:  # the level first, then the hold of the last sleep is let go: no pulse in between
            self._outputs[place] = Pin(number, Pin.OUT, value=level, hold=False)  # type: ignore[call-arg]

    def _battery_mv(self):
        board = self._board
        if board.BATTERY_ADC is None:
            return 0
        adc = machine.ADC(Pin(board.BATTERY_ADC), atten=machine.ADC.ATTN_11DB)
        microvolts = 0
        try:
            for _ in range(_ADC_LOOKS):
                microvolts += adc.read_uv() // _ADC_LOOKS  # with the factory's calibration
        except OSError:  # the chip has none in its eFuse
            self.uncalibrated = True
            return 0
        battery_mv = microvolts // 1000 * board.BATTERY_RATIO_MILLI // 1000
        return battery_mv if battery_mv >= _BELIEVED_MV else 0

    # Sensors.

    def _bus(self):
        if self._i2c is None:
            sda, scl = Pin(self._board.I2C_SDA), Pin(self._board.I2C_SCL)
            self._i2c = machine.I2C(0, sda=sda, scl=scl, freq=400000)
        return self._i2c

    def _feel(self):
        if self._accelerometer is None:
            from locator.hal.lis2dh12 import Accelerometer

            self._accelerometer = Accelerometer(self._bus(), self._board.ACCELEROMETER_ADDRESS)
        return self._accelerometer

    def _read_motion(self, felt):
        sensor = self._feel()
        felt[port.MOTIONS], self._counts = self._counts + sensor.moved(), 0
        self._counted += felt[port.MOTIONS]
        felt[port.SHOCK_MG], felt[port.TILT_DEG] = sensor.shock_mg(), sensor.tilt_deg()

    def _read_temperature(self, felt):
        from locator.hal import tmp112

        felt[port.TEMPERATURE_DC] = tmp112.read_dc(
            self._bus(), self._board.TEMPERATURE_ADDRESS, self.sleep_ms
        )

    def _read_light(self, felt):
        from locator.hal import opt3001

        felt[port.LUX] = opt3001.read_lux(self._bus(), self._board.LIGHT_ADDRESS)

    def _why_awake(self):
        """ext1 does not say which of its pins it was: their levels still do, all three are latched."""
        if self.reset_cause != port.DEEPSLEEP_RESET:
            return port.WAKE_NONE
        if machine.wake_reason() != machine.EXT1_WAKE:
            return port.WAKE_TIMER
        lid, light = self._board.LID_SWITCH, self._board.LIGHT_INTERRUPT
        for number, reason in ((lid, port.WAKE_TAMPER), (light, port.WAKE_LIGHT)):
            if number is not None and Pin(number, Pin.IN).value():
                return reason
        return port.WAKE_MOTION

    def _arm(self, wake_on):
        """What ends the deep sleep besides the timer; a lid or light that is on already would end it at
        once."""
        board = self._board
        pins = []
        try:
            if board.ACCELEROMETER_ADDRESS is not None:
                self._feel().arm(self.wake_reason == port.WAKE_MOTION and self._counted < 2)
                if wake_on & port.ON_MOTION:
                    pins.append(Pin(board.ACCELEROMETER_INTERRUPT, Pin.IN))
            if wake_on & port.ON_LIGHT and board.LIGHT_ADDRESS is not None:
                from locator.hal import opt3001

                opt3001.arm(self._bus(), board.LIGHT_ADDRESS, board.LIGHT_WAKE_LUX)
                self._arm_level(pins, board.LIGHT_INTERRUPT)
        except (OSError, MemoryError):  # a sensor has failed: the timer remains
            pass
        if wake_on & port.ON_TAMPER and board.LID_SWITCH is not None:
            self._arm_level(pins, board.LID_SWITCH)
        esp32.wake_on_ext1(tuple(pins), esp32.WAKEUP_ANY_HIGH)

    def _arm_level(self, pins, number):
        pin = Pin(number, Pin.IN)
        if not pin.value():
            pins.append(pin)

    def _nap(self, ms):
        """Light sleep for at most `ms`, ended by motion, which is counted."""
        if self._board.ACCELEROMETER_ADDRESS is None or ms < 2 * _COUNT_MS:
            self._doze(ms)
            return
        end = self.ticks_ms() + ms
        pin = Pin(self._board.ACCELEROMETER_INTERRUPT, Pin.IN)
        esp32.wake_on_ext1((pin,), esp32.WAKEUP_ANY_HIGH)
        machine.lightsleep(ms)
        # Light and deep sleep share this, and None would leave it as it is.
        esp32.wake_on_ext1((), esp32.WAKEUP_ANY_HIGH)
        if end - self.ticks_ms() < _COUNT_MS:  # what has moved at its end is latched for the next look
            return
        self._doze(_COUNT_MS)
        try:  # the sensor knows: after such a sleep the pad is held, and its level says nothing
            self._counts += self._feel().moved()
        except OSError:
            pass

    def _doze(self, ms):
        """Light sleep by the timer alone; what keeps the chip from it costs current, but no time."""
        end = self.ticks_ms() + ms
        machine.lightsleep(ms)
        left_ms = end - self.ticks_ms()
        if left_ms > 0:
            time.sleep_ms(left_ms)
