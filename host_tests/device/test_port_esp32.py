"""The port of the ESP32 on fakes of its chip and of the sensors, register by register."""

import gc
import os
import sys

import esp32_fakes as chip
import locator
from locator import config_kept
from locator import hal as ports
from locator.hal import esp32 as module
from locator.journal import log as logs

module.time = chip.Time()
from locator.hal import lamp, lis2dh12  # noqa: E402, F401

lamp.time = chip.Time()
# They have it now; other tests are on no ESP32, whose NVS has a configuration.
del sys.modules["esp32"]


class Board:
    """Of everything one."""

    MODEM_UART, MODEM_BAUD, MODEM_TX, MODEM_RX = 1, 115200, 27, 26
    MODEM_KEY, MODEM_KEY_PRESSED = 4, 0
    MODEM_RAIL, MODEM_RAIL_ON, MODEM_RAIL_MS, MODEM_DTR = 25, 1, 50, 32
    MODEM_RESET, MODEM_RESET_PRESSED, MODEM_STATUS, MODEM_STATUS_ON = 14, 1, 35, 0
    BATTERY_ADC, BATTERY_RATIO_MILLI = 34, 2000
    I2C_SDA, I2C_SCL = 21, 22
    ACCELEROMETER_ADDRESS, ACCELEROMETER_INTERRUPT = 0x18, 33
    TEMPERATURE_ADDRESS = 0x48
    LIGHT_ADDRESS, LIGHT_INTERRUPT, LIGHT_WAKE_LUX = 0x44, 39, 20
    LID_SWITCH = 36
    LED_PIN, LED_ON = 13, 0


class Bare(Board):
    MODEM_RAIL = MODEM_DTR = MODEM_RESET = MODEM_STATUS = BATTERY_ADC = None
    ACCELEROMETER_ADDRESS = TEMPERATURE_ADDRESS = LIGHT_ADDRESS = LID_SWITCH = LED_PIN = None


def power_on(board=Board):
    chip.power_on()
    if board is Board:
        chip.bus[0x18] = chip.Lis2dh12(33)
        chip.bus[0x48] = chip.Tmp112(-0x190)  # -25.0 C
        chip.bus[0x44] = chip.Opt3001(39, 0x0000)
    return module.Port(board())


def sleep(device, ms, wake_on):
    """Arguments of the deep sleep: (ms, GPIOs)."""
    try:
        device.deepsleep(ms, wake_on)
    except chip.Asleep as asleep:
        return asleep.args
    raise AssertionError("it has not slept")


def test_every_cause_of_a_reset_is_reported():
    causes = (ports.POWER_ON, ports.HARD_RESET, ports.WATCHDOG_RESET, ports.DEEPSLEEP_RESET, ports.SOFT_RESET)
    assert causes == (1, 2, 3, 4, 5)  # of machine.PWRON_RESET ... SOFT_RESET
    for cause in causes:
        power_on()
        chip.rtc = b"kept"
        chip.boot(cause, chip.machine.TIMER_WAKE)
        device = module.Port(Board())
        assert device.reset_cause == cause
        assert device.rtc_memory == (b"" if cause == ports.POWER_ON else b"kept")
        woken = cause == ports.DEEPSLEEP_RESET
        assert device.wake_reason == (ports.WAKE_TIMER if woken else ports.WAKE_NONE)


def test_each_source_of_a_wake_is_kept_apart():
    for gpio, reason in ((33, ports.WAKE_MOTION), (39, ports.WAKE_LIGHT), (36, ports.WAKE_TAMPER)):
        sleep(power_on(), 1000, 7)
        chip.levels[gpio] = 1
        chip.wake(chip.machine.EXT1_WAKE)
        assert module.Port(Board()).wake_reason == reason


def test_sleep_arms_the_requested_wake_pins_except_those_already_high():
    for wake_on, gpios in ((0, ()), (1, (33,)), (2, (39,)), (4, (36,)), (7, (33, 39, 36))):
        assert sleep(power_on(), 60000, wake_on) == (60000, gpios)
    device = power_on()
    chip.levels[36] = 1
    assert sleep(device, 1000, 7) == (1000, (33, 39))
    assert sleep(power_on(Bare), 1000, 7) == (1000, ())


def test_the_rail_is_held_through_the_sleep_and_let_go_without_a_pulse():
    device = power_on()
    device.modem_rail(True)
    device.modem_dtr(True)
    assert chip.now_ms == Board.MODEM_RAIL_MS
    sleep(device, 1000, 0)
    assert chip.held == {25: 1, 32: 1}
    chip.wake(chip.machine.TIMER_WAKE)
    device = module.Port(Board())
    sleep(device, 1000, 0)
    assert chip.levels[25] == 1 and chip.held[25] == 1  # a wake that leaves the modem alone
    chip.wake(chip.machine.TIMER_WAKE)
    device = module.Port(Board())
    device.modem_rail(True)
    assert chip.levels[25] == 1 and 25 not in chip.held
    device.modem_rail(False)
    assert chip.levels[25] == 0 and chip.UART.open == 0  # an input of a modem that is off is not fed


def test_the_power_key_is_pressed_as_the_board_has_it():
    device = power_on()
    device.modem_key(True)
    assert chip.levels[4] == 0
    device.modem_key(False)
    assert chip.levels[4] == 1


def test_the_reset_line_is_pressed_as_the_board_has_it_and_held_let_go():
    device = power_on()
    sleep(device, 1000, 0)
    assert 14 not in chip.held  # not touched before it is needed
    device = power_on()
    assert device.modem_reset(True) is not False and chip.levels[14] == 1
    assert device.modem_reset(False) is not False and chip.levels[14] == 0
    sleep(device, 1000, 0)
    assert chip.held[14] == 0
    device = power_on(Bare)
    assert device.modem_reset(True) is False and device.modem_rail(False) is False and not chip.written


def test_status_shows_whether_the_modem_is_on_by_the_polarity_of_the_board():
    device = power_on()
    for level, is_on in ((0, True), (1, False)):
        chip.levels[35] = level
        assert device.modem_status() is is_on
    assert power_on(Bare).modem_status() is None


def test_a_read_returns_the_received_bytes_or_at_its_timeout():
    device = power_on()
    device.modem_rail(True)
    buf = bytearray(8)
    began = chip.now_ms
    assert device.uart_readinto(buf, 150000) == 0  # longer than the watchdog allows without food
    assert 150000 <= chip.now_ms - began < 150010
    chip.UART.lines = [(chip.now_ms + 40, b"\r\nOK\r\n+CEREG")]
    assert device.uart_readinto(buf, 1000) == 8 and buf == b"\r\nOK\r\n+C"
    assert device.uart_readinto(buf, 1000) == 4 and buf[:4] == b"EREG"
    device.uart_write(b"AT\r")
    assert chip.UART.sent == b"AT\r"


def test_the_chip_idles_at_half_its_clock_while_it_waits_for_the_modem():
    device = power_on()
    assert chip.Machine.hz == 160_000_000
    device.modem_rail(True)
    assert chip.Machine.hz == 80_000_000  # as slow as a UART bears
    chip.UART.lines = [(chip.now_ms + 1000, b"OK")]
    chip.idle_ms = chip.spun_ms = 0
    assert device.uart_readinto(bytearray(8), 5000) == 2
    assert chip.idle_ms == 1000 and chip.spun_ms == 0


def test_senses():
    device = power_on()
    assert device.senses() == (3600, -250, 0, 0, 0, 0, 0)
    chip.levels[36] = 1
    chip.bus[0x44].shine(0x3000 | 1250)  # 12.5 * 2 ** 3 = 100 lux
    assert device.senses() == (3600, -250, 0, 100, 0, 0, 1)
    assert power_on(Bare).senses() == (0, 0, -1, 0, 0, 0, 0)


def test_a_battery_on_a_broken_divider_has_an_unknown_voltage():
    device = power_on()
    chip.ADC.microvolts = 142_000
    assert device.senses()[0] == 0 and not device.uncalibrated


def test_a_sensor_that_has_failed_ends_no_wake():
    device = power_on()
    chip.bus.clear()
    assert device.senses() == (3600, 0, -1, 0, 0, 0, 0)
    device.sleep_ms(60000)
    assert sleep(device, 1000, 7) == (1000, (36,))
    chip.bus[0x18] = chip.Tmp112(0)  # something else answers
    assert power_on().senses()[1] == -250


def test_motion_is_counted_once_in_half_a_second_while_the_chip_naps():
    device = power_on()
    device.senses()
    began = chip.now_ms
    for i in range(25):
        chip.outside.append((began + 2000 * i + 700, lambda: chip.bus[0x18].feel(300)))
        chip.outside.append((began + 2000 * i + 800, lambda: chip.bus[0x18].feel(300)))
    device.sleep_ms(60000)
    assert 60000 <= chip.now_ms - began <= 60500
    assert device.senses()[2] == 25
    assert device.senses()[2] == 0


def test_a_jolt_in_deep_sleep_is_one_count():
    device = power_on()
    sleep(device, 1000, ports.ON_MOTION)
    chip.bus[0x18].feel(300)
    assert chip.levels[33] == 1
    chip.wake(chip.machine.EXT1_WAKE)
    assert module.Port(Board()).senses()[2] == 1


def test_false_alarms_make_it_deafer_and_real_ones_do_not():
    sensor = None
    for jolts, steps in ((1, 2), (1, 3), (1, 4), (1, 4), (3, 3), (3, 2), (3, 1), (3, 1)):
        if sensor is None:
            sleep(power_on(), 1000, ports.ON_MOTION)
            sensor = chip.bus[0x18]
        sensor.feel(500)
        chip.wake(chip.machine.EXT1_WAKE)
        device = module.Port(Board())
        device.senses()
        for _ in range(jolts - 1):
            sensor.feel(500)
            device.senses()
        sleep(device, 1000, ports.ON_MOTION)
        assert sensor.registers[0x32] == steps


def test_a_shock_has_its_peak_once():
    device = power_on()
    device.senses()
    chip.bus[0x18].feel(1500)
    assert device.senses()[4] == 0
    chip.bus[0x18].feel(5120)
    assert device.senses()[4] == 5120
    assert device.senses()[4] == 0
    chip.bus[0x18].feel(2560)
    assert device.senses()[4] == 2560


def test_tilt_counts_from_the_position_that_was_kept():
    device = power_on()
    chip.bus[0x18].g = (1000, 0, 0)
    assert device.senses()[5] == 0
    device.keep_tilt()
    for g, deg in (((1000, 0, 0), 0), ((704, 704, 0), 40), ((0, 0, 1000), 90), ((-1000, 0, 0), 180)):
        chip.bus[0x18].g = g
        assert abs(device.senses()[5] - deg) <= 10


def flashes(device, registered, fixed):
    """How long each was, ms."""
    del chip.written[:]
    device.show(registered, fixed)
    times = [ms for gpio, _, ms in chip.written if gpio == 13]
    return [times[i + 1] - times[i] for i in range(0, len(times), 2)]


def test_the_lamp_shows_the_result_of_the_first_wake():
    device = power_on()
    assert flashes(device, False, False) == [150]
    assert flashes(device, True, False) == 3 * [150]
    assert flashes(device, False, True) == 4 * [150]
    assert flashes(device, True, True) == 6 * [150] + [3000]
    assert chip.levels[13] == 1  # dark
    chip.levels[36] = 1
    assert flashes(device, True, True) == 6 * [150]  # the lid is open
    chip.levels[36] = 0
    chip.bus[0x44].shine(0x3000 | 1250)
    assert flashes(device, True, True) == 6 * [150]  # it is not dark
    assert flashes(power_on(Bare), True, True) == []


def test_a_native_image_on_trial_is_confirmed_and_no_other_image_minds():
    device = power_on()
    sleep(device, 1000, 0)
    assert chip.confirmed == 1
    chip.has_ota = False
    assert sleep(device, 1000, 0) == (1000, ())
    device.rtc_write(b"x" * 2048)
    assert chip.rtc == b"x" * 2048


# What the chip does otherwise than one expects, as it was seen on it: each has a test.


def nap(jolts):
    """A device that has napped for a minute, with jolts after so many milliseconds."""
    device = power_on()
    device.senses()
    for after_ms in jolts:
        chip.outside.append((chip.now_ms + after_ms, lambda: chip.bus[0x18].feel(300)))
    device.sleep_ms(60000)
    return device


def test_no_jolt_ends_a_deep_sleep_by_the_timer_alone_after_a_nap():
    device = nap((700,))
    assert sleep(device, 60000, 0) == (60000, ())
    chip.bus[0x18].feel(300)
    assert chip.armed == ()


def test_a_nap_leaves_nothing_armed():
    nap(())
    assert chip.armed == ()
    assert sleep(power_on(), 60000, 7)[1] == (33, 39, 36)


def test_motion_in_naps_is_asked_of_the_sensor_because_the_pad_is_held():
    device = nap((700, 2700, 50700))
    assert device.senses()[2] == 3


def test_a_sensor_that_never_lets_go_costs_two_naps_a_second_and_no_time():
    device = power_on()
    device.senses()
    chip.levels[33] = 1  # and its source says nothing
    began = chip.now_ms
    device.sleep_ms(60000)
    assert 60000 <= chip.now_ms - began <= 60500 and len(chip.slept) <= 240
    assert device.senses()[2] == 0


def test_a_light_sleep_that_returns_at_once_takes_its_time_awake():
    for board in (Board, Bare):
        device = power_on(board)
        chip.keeps_awake = True
        began = chip.now_ms
        device.sleep_ms(60000)
        assert 60000 <= chip.now_ms - began <= 60500 and len(chip.slept) <= 240


def test_a_hold_of_a_pin_without_an_output_cannot_be_switched():
    power_on()
    pin = chip.Pin(34, chip.Pin.IN, hold=True)
    assert 34 not in chip.held and pin.value() == 0
    chip.frozen[34] = 1
    pin.init(chip.Pin.IN, hold=False)
    assert pin.value() == 1
    try:
        chip.Pin(34, chip.Pin.OUT)
        raise AssertionError
    except ValueError:
        pass


def test_a_chip_without_calibration_assumes_a_good_battery_and_logs_it_once():
    device = power_on()
    assert not device.uncalibrated
    chip.ADC.is_calibrated = False
    assert device.senses() == (0, -250, 0, 0, 0, 0, 0) and device.uncalibrated
    noted = []
    for cause in (ports.POWER_ON, ports.DEEPSLEEP_RESET, ports.WATCHDOG_RESET):
        chip.boot(cause, 0)
        device = module.Port(Board())
        device.data_dir = "nowhere"
        device.senses()
        log = logs.Log()
        log.begin(device)
        noted += [log.entry(i)[1:] for i in range(len(log)) if log.entry(i)[1] == logs.UNCALIBRATED]
    assert noted == [(logs.UNCALIBRATED, 0)]


def test_waits_of_a_tick_and_more_are_no_full_power():
    device = power_on()
    for ms in (20, 1000, 60000):
        device.sleep_ms(ms)
    assert chip.spun_ms == 0
    device.sleep_ms(9)
    assert chip.spun_ms == 9


def test_a_time_out_of_the_uart_below_a_tick_is_none():
    device = power_on()
    device.modem_rail(True)
    chip.UART.lines = [(chip.now_ms, b"\r\nO"), (chip.now_ms + 1, b"K\r\n")]
    buf = bytearray(16)
    assert device.uart_readinto(buf, 1000) == 3 and buf[:3] == b"\r\nO"
    assert device.uart_readinto(buf, 1000) == 3 and buf[:3] == b"K\r\n"
    short = chip.UART(1, 115200, rxbuf=2048, timeout=9, timeout_char=2)
    before_ms = chip.now_ms
    assert short.readinto(buf) is None and chip.now_ms == before_ms
    short.deinit()


def test_bytes_received_in_a_light_sleep_are_lost():
    device = power_on()
    device.modem_rail(True)
    chip.UART.lines = [(chip.now_ms + 500, b"RDY\r\n"), (chip.now_ms + 1500, b"OK\r\n")]
    device.sleep_ms(1000)
    buf = bytearray(16)
    assert device.uart_readinto(buf, 1000) == 4 and buf[:4] == b"OK\r\n"


def test_a_reset_a_bite_and_a_deep_sleep_leave_rtc_memory_and_the_clock():
    device = power_on()
    device.rtc_write(b"kept")
    device.sleep_ms(5000)
    for end, cause in ((device.reset, ports.HARD_RESET), (lambda: chip.pass_ms(60000), ports.WATCHDOG_RESET)):
        began_s = device.clock_s()
        try:
            end()
            raise AssertionError("it has gone on")
        except (chip.Reset, chip.Bitten):
            pass
        device = module.Port(Board())
        assert (device.reset_cause, device.wake_reason) == (cause, ports.WAKE_NONE)
        assert device.rtc_memory == b"kept" and device.clock_s() >= began_s and device.ticks_ms() == 0
    sleep(device, 1000, 0)
    chip.wake(chip.machine.TIMER_WAKE)
    assert module.Port(Board()).rtc_memory == b"kept"


def test_every_wait_feeds_the_watchdog():
    device = power_on()
    device.modem_rail(True)
    device.sleep_ms(300000)
    device.uart_readinto(bytearray(8), 300000)
    chip.keeps_awake = True
    device.sleep_ms(300000)


def test_errors_of_nvs_have_their_numbers():
    power_on()
    store = chip.NVS("landbridge")
    errors = []
    for key, size in (("position", 6), ("position", 5)):
        try:
            store.get_blob(key, bytearray(size))
        except OSError as error:
            errors.append(error.args[0])
        store.set_blob(key, bytes(6))
        store.commit()
    assert errors == [-4354, -4364]
    assert power_on().senses()[5] == 0  # no position was kept
    sys.modules["esp32"] = chip.Esp32()
    try:
        store.set_blob("device.json", b"x" * 1500)  # longer than the first buffer
        store.commit()
        assert config_kept._kept("device.json") == b"x" * 1500 and config_kept._kept("ca.pem") == b""
    finally:
        del sys.modules["esp32"]


def test_pins_of_the_flash_are_no_pins():
    power_on()
    for gpio in range(6, 12):
        try:
            chip.Pin(gpio, chip.Pin.IN)
            raise AssertionError(gpio)
        except ValueError:
            pass


def test_every_module_imports_on_the_chip():
    sys.modules["esp32"] = chip.Esp32()
    root = locator.__file__.rsplit("/", 1)[0]
    found = 0
    try:
        for name in modules(root, "locator"):
            there = set(sys.modules)
            __import__(name)
            found += 1
            if sys.implementation.name == "micropython":  # not all of them have room at once
                let_go(set(sys.modules) - there)
    finally:
        del sys.modules["esp32"]
    assert found > 90


def let_go(names):
    """Of modules, the innermost first."""
    for name in sorted(names, reverse=True):
        package, _, leaf = name.rpartition(".")
        del sys.modules[name]
        if package:
            delattr(sys.modules[package], leaf)
    gc.collect()


def modules(folder, package):
    """The names of the modules in a folder and below it."""
    for name, kind, *_ in os.ilistdir(folder) if hasattr(os, "ilistdir") else listed(folder):
        stem = name.rsplit(".", 1)[0]
        if kind == 0x4000 and name != "__pycache__":
            yield from modules(folder + "/" + name, package + "." + name)
        elif name.endswith((".py", ".mpy")) and stem != "__init__":
            yield package + "." + stem


def listed(folder):
    """As MicroPython's `os.ilistdir`."""
    return [(each.name, 0x4000 if each.is_dir() else 0x8000) for each in os.scandir(folder)]
