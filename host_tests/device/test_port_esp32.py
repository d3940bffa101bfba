"""The port of the ESP32 on fakes of its chip and of the sensors, register by register."""

import sys

import esp32_fakes as chip
from locator import port as ports
from locator.port import esp32 as module

module.time = chip.Time()
from locator.port import lamp, lis2dh12  # noqa: E402, F401

lamp.time = chip.Time()
# They have it now; other tests are on no ESP32, whose NVS has a configuration.
del sys.modules["esp32"]


class Board:
    """Of everything one."""

    MODEM_UART, MODEM_BAUD, MODEM_TX, MODEM_RX = 1, 115200, 27, 26
    MODEM_KEY, MODEM_KEY_PRESSED = 4, 0
    MODEM_RAIL, MODEM_RAIL_ON, MODEM_RAIL_MS, MODEM_DTR = 25, 1, 50, 32
    BATTERY_ADC, BATTERY_RATIO_MILLI = 34, 2000
    I2C_SDA, I2C_SCL = 21, 22
    ACCELEROMETER_ADDRESS, ACCELEROMETER_INTERRUPT = 0x18, 33
    TEMPERATURE_ADDRESS = 0x48
    LIGHT_ADDRESS, LIGHT_INTERRUPT, LIGHT_WAKE_LUX = 0x44, 39, 20
    LID_SWITCH = 36
    LED_PIN, LED_ON = 13, 0


class Bare(Board):
    MODEM_RAIL = MODEM_DTR = BATTERY_ADC = None
    ACCELEROMETER_ADDRESS = TEMPERATURE_ADDRESS = LIGHT_ADDRESS = LID_SWITCH = LED_PIN = None


def power_on(board=Board):
    chip.power_on()
    chip.UART.lines, chip.UART.sent, chip.UART.open = [], b"", 0
    if board is Board:
        chip.bus[0x18] = chip.Lis2dh12(33)
        chip.bus[0x48] = chip.Tmp112(-0x190)  # -25.0 C
        chip.bus[0x44] = chip.Opt3001(39, 0x0000)
    return module.Port(board())


def sleep(device, ms, wake_on):
    """What the chip is told at the deep sleep: (ms, GPIOs)."""
    try:
        device.deepsleep(ms, wake_on)
    except chip.Asleep as asleep:
        return asleep.args
    raise AssertionError("it has not slept")


def test_every_cause_of_a_reset_is_told():
    causes = (ports.POWER_ON, ports.HARD_RESET, ports.WATCHDOG_RESET, ports.DEEPSLEEP_RESET, ports.SOFT_RESET)
    assert causes == (1, 2, 3, 4, 5)  # of machine.PWRON_RESET ... SOFT_RESET
    for cause in causes:
        power_on()
        chip.rtc = b"kept"
        chip.machine.cause, chip.machine.reason = cause, chip.machine.TIMER_WAKE
        device = module.Port(Board())
        assert device.reset_cause == cause
        assert device.rtc_memory == (b"" if cause == ports.POWER_ON else b"kept")
        woken = cause == ports.DEEPSLEEP_RESET
        assert device.wake_reason == (ports.WAKE_TIMER if woken else ports.WAKE_NONE)


def test_each_source_of_a_wake_is_told_apart():
    for gpio, reason in ((33, ports.WAKE_MOTION), (39, ports.WAKE_LIGHT), (36, ports.WAKE_TAMPER)):
        sleep(power_on(), 1000, 7)
        chip.levels[gpio] = 1
        chip.wake(chip.machine.EXT1_WAKE)
        assert module.Port(Board()).wake_reason == reason


def test_sleep_arms_what_was_asked_for_and_not_what_is_on_already():
    for wake_on, gpios in ((0, None), (1, (33,)), (2, (39,)), (4, (36,)), (7, (33, 39, 36))):
        assert sleep(power_on(), 60000, wake_on) == (60000, gpios)
    device = power_on()
    chip.levels[36] = 1
    assert sleep(device, 1000, 7) == (1000, (33, 39))
    assert sleep(power_on(Bare), 1000, 7) == (1000, None)


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


def test_a_read_returns_with_what_has_come_or_at_its_time_out():
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


def test_a_battery_behind_a_broken_divider_is_not_known():
    before, chip.ADC.microvolts = chip.ADC.microvolts, 142_000
    try:
        assert power_on().senses()[0] == 0
    finally:
        chip.ADC.microvolts = before


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


def test_the_lamp_tells_what_the_first_wake_has_come_to():
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
    sleep(device, 1000, 0)
    device.rtc_write(b"x" * 2048)
    assert chip.rtc == b"x" * 2048
    try:
        device.reset()
        raise AssertionError
    except chip.Reset:
        pass
