"""STATUS and the reset line: their use by drivers on boards with and without these pins."""

import scripted
from locator.modem import ModemSilent

RESET_MS = {"bg95": (2000, 3800), "sim7600": (100, 500)}
BOTH = (scripted.bg95, scripted.sim7600)


class Hung(scripted.Table):
    """A modem that hears nothing until it is reset, or until its supply is cut and its key pressed."""

    cured_by = "reset"
    pressed = False

    def modem_reset(self, pressed):
        if self.cured_by == "reset" and self.pressed and not pressed:
            self.answers.pop(b"", None)
        self.pressed = pressed
        return super().modem_reset(pressed)

    def modem_rail(self, on):
        if self.cured_by == "rail" and not on:
            self.answers.pop(b"", None)
        super().modem_rail(on)


def hung(make, has_reset, cured_by="reset"):
    driver, table = make()
    other = Hung()
    other.answers, other.has_reset, other.cured_by = table.answers, has_reset, cured_by
    other.answers[b""] = None
    scripted.plug(driver, other)
    return driver, other


def test_a_modem_that_is_off_by_its_status_is_started_without_a_probe():
    for make in BOTH:
        driver, table = make()
        table.status = False
        driver.start(False, False)
        assert table.pins[:2] == [("rail", True), ("key", True)]
        driver, table = make()
        table.answers[b""] = None
        table.status = False
        try:
            driver.start(False, False)
        except ModemSilent:
            pass
        assert table.data == b""  # no attempt to leave a data call


def test_a_modem_that_is_on_by_its_status_is_asked_and_its_key_left_alone():
    for make in BOTH:
        driver, table = make()
        table.status = True
        driver.start(False, False)
        assert table.pins == [("rail", True)] and table.sent[0] == b""


def test_a_modem_that_hangs_is_reset_by_its_line_and_keeps_its_supply():
    for make in BOTH:
        driver, table = hung(make, True)
        driver.start(False, False)
        _, pressed, let_go = [pin for pin in table.pins if pin[0] == "reset"]  # asked for first
        least, most = RESET_MS[driver.KIND]
        assert (pressed[1], let_go[1]) == (True, False) and least < let_go[2] - pressed[2] < most
        assert driver.on and ("rail", False) not in table.pins


def test_a_modem_that_no_reset_helps_loses_its_supply():
    for make in BOTH:
        driver, table = hung(make, True, "rail")
        driver.start(False, False)
        kinds = [pin[:2] for pin in table.pins]
        assert driver.on and kinds.index(("reset", True)) < kinds.index(("rail", False))


def test_without_a_reset_line_the_supply_is_cut_at_once():
    for make in BOTH:
        driver, table = hung(make, False, "rail")
        driver.start(False, False)
        at = table.pins.index(("rail", False))
        assert table.pins[:at] == [("rail", True)] + 2 * [("key", True), ("key", False)]


class Falls(scripted.Table):
    """STATUS falls some seconds after the command; no last line comes."""

    def modem_status(self):
        return self.now < 4000


def test_a_bg95_whose_status_has_fallen_is_off_without_a_last_line():
    driver, table = scripted.bg95()
    other = Falls()
    other.answers = table.answers
    scripted.plug(driver, other)
    assert driver.stop(False) is False
    assert not driver.lost_supply and ("rail", False) not in other.pins
    assert 4000 <= other.now < 6000


def test_a_bg95_whose_status_stays_high_loses_its_supply():
    driver, table = scripted.bg95()
    table.status = True
    driver.stop(False)
    assert table.pins[-1] == ("rail", False) and driver.lost_supply
    assert 65000 <= table.now < 80000


def test_a_bg95_is_in_psm_when_its_status_falls():
    driver, table = scripted.bg95()
    other = Falls()
    other.answers = table.answers
    scripted.plug(driver, other)
    assert driver.stop(True) is True
    assert 4000 <= other.now < 6000 and b"+QPOWD=1" not in other.sent


class NoRail(scripted.Table):
    """A board whose modem stays at the battery."""

    def modem_rail(self, on):
        super().modem_rail(on)
        return False


def test_a_modem_that_takes_no_command_to_go_is_asked_twice_where_only_a_reset_is_left():
    for make, order in ((scripted.bg95, b"+QPOWD=1"), (scripted.sim7600, b"+CPOF")):
        for has_reset, times in ((False, 1), (True, 2)):
            driver, table = make()
            other = NoRail()
            other.answers, other.has_reset = table.answers, has_reset
            scripted.plug(driver, other)
            driver.stop(False)
            assert other.sent.count(order) == times
            assert driver.lost_supply and other.pins[-1] == ("rail", False)
