"""The hardware abstraction: the one interface to hardware. Everything else in the firmware is free of pins
and chips.

A port is an object with these attributes and methods; `boards/<BOARD>` names the one it uses.

    ticks_ms() -> int                  milliseconds since this boot, small enough never to wrap in a wake
    clock_s() -> int                   seconds since power-on; runs on through deep sleep, never set
    sleep_ms(ms)                       light sleep, nothing is received meanwhile
    uart_write(data)                   to the modem
    uart_readinto(buf, timeout_ms)     -> bytes read, 0 at the time-out; returns with what has come
    modem_key(pressed) modem_dtr(level)
    modem_rail(on) modem_reset(pressed)  False where the board has no such line
    modem_status() -> bool             whether the modem is on, by its STATUS; None if unknown
    senses() -> (battery_mv, 0 if it cannot be known, temperature in 0.1 C, motion counts since the last
                 call, -1 if nothing counts them, light in lux, greatest shock since the last call in mg,
                 tilt from the mounted position in degrees, 1 while the lid is open); 0 for what no sensor
                 of the board tells
    latches_motion                     True where a deep sleep counts as one at most; may be left out
    uncalibrated                       True once `senses` has found that the chip cannot measure the battery;
                                       may be left out
    reset_cause, wake_reason           constants below
    random(n) -> n random bytes
    rtc_memory -> bytes                what was left by the wake before, b"" after power-on; read each time
    rtc_write(data)                    at most 2,048 bytes; survive every reset but power-on
    data_dir, config_dir               paths in flash
    feed()                             the watchdog
    show(registered, fixed)            to the person at the device, after the first wake since power-on
    deepsleep(ms, wake_on)             does not return: the next thing that runs is boot.py
    reset()                            does not return
"""

from micropython import const

POWER_ON = const(1)
HARD_RESET = const(2)
WATCHDOG_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)

WAKE_NONE = const(0)
WAKE_TIMER = const(1)
WAKE_MOTION = const(2)
WAKE_LIGHT = const(3)
WAKE_TAMPER = const(4)

# Index of each in what `senses` returns.
BATTERY_MV = const(0)
TEMPERATURE_DC = const(1)
MOTIONS = const(2)
LUX = const(3)
SHOCK_MG = const(4)
TILT_DEG = const(5)
LID_OPEN = const(6)

ON_MOTION = const(1)
ON_LIGHT = const(2)
ON_TAMPER = const(4)
