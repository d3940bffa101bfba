"""The ladder of recovery, rung by rung."""

from locator.modem.ladder import Ladder


class Port:
    def __init__(self):
        self.calls = []

    def modem_rail(self, on):
        self.calls.append(on)

    def sleep_ms(self, ms):
        self.calls.append(ms)


class Driver:
    cleared = 0

    def clear_forbidden(self):
        self.cleared += 1


def climb(tries):
    """What a device does before each of so many tries that all fail."""
    port, driver, done = Port(), Driver(), []
    for fails in range(tries):
        before = driver.cleared
        cut = Ladder(fails).before_start(port)
        Ladder(fails).after_start(driver)
        done.append("cut" if cut else "clear" if driver.cleared > before else "-")
    return port, done


def test_from_mild_to_harsh_and_round_again():
    assert climb(15)[1][:7] == ["-", "-", "-", "-", "clear", "-", "cut"]
    assert climb(40)[1][8:].count("cut") == climb(40)[1][8:].count("clear") == 8


def test_the_supply_is_off_for_a_while():
    port, _ = climb(7)
    assert port.calls == [False, 2000]
