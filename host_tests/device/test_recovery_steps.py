"""The recovery steps, one by one."""

from locator.modem.steps import RecoverySteps


class Driver:
    """Hears three operators, one of them forbidden."""

    cleared = 0
    cycled = 0
    scans = 0

    def __init__(self):
        self.channel = self

    def clear_forbidden(self):
        self.cleared += 1

    def cycle_radio(self):
        self.cycled += 1

    def await_card(self):
        pass

    def listing(self, text, prefix):
        return []

    def command(self, text, timeout_ms, prefix=None, take=None):
        if text == b"+COPS=2":
            return
        assert text == b"+COPS=?"
        self.scans += 1
        for entry in (b'+COPS: (1,"A","A","26201",8', b',(3,"B","B","26202",8', b',(1,"C","C","26203",0'):
            take(entry)


def climb(tries, last_plmn=0):
    """What a device does before each of so many attempts that all fail: also the operators it chooses."""
    driver, done = Driver(), []
    for fails in range(tries):
        before, cycled = driver.cleared, driver.cycled
        cut = RecoverySteps(fails).cuts_supply()
        plmn = RecoverySteps(fails).after_start(driver, last_plmn)
        step = "cut" if cut else "clear" if driver.cleared > before else "-"
        done.append(plmn or ("cycle" if driver.cycled > cycled else step))
        last_plmn = plmn or last_plmn
    return done


def test_from_mild_to_harsh_and_round_again():
    done = climb(40)
    assert done[:8] == ["-", "-", "-", "clear", "-", "cycle", "-", "cut"]
    assert done[8:].count("cut") == done[8:].count("cycle") == 8


def test_two_resets_are_never_two_attempts_in_a_row():
    resets = [step in ("cut", "cycle") for step in climb(40)]
    assert not any(resets[i] and resets[i + 1] for i in range(39))


def test_after_a_scan_the_radio_is_not_cycled():
    driver = Driver()
    assert RecoverySteps(5).after_start(driver, 0, 26201) == 0
    assert (driver.cleared, driver.cycled) == (1, 0)


def test_no_scan_where_no_network_is_heard():
    done = climb(12)
    assert not any(isinstance(step, int) for step in done)


def test_after_the_list_is_cleared_one_operator_an_attempt_and_never_the_one_that_failed():
    done = climb(40, 262001)
    assert done[:4] == ["-", "-", "-", "clear"]
    tried = [step for step in done if isinstance(step, int)]
    assert tried[0] == 262003
    assert set(tried) == {262001, 262003}
    assert all(tried[i] != tried[i + 1] for i in range(len(tried) - 1))
