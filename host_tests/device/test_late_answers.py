"""Modems that answer as late as their manuals allow (Quectel BG95 AT manual V2.0, SIMCom V3.00)."""

import scripted
from locator.modem import survey

SELECTION_MS = 179000  # +COPS: 180 s with both
MODES_MS = 9900  # +CNMP of the SIM7600: 10 s
OTHERS_MS = 8900  # where its manual gives no limit, 9 s are usual


class Late:
    """Between a channel and its table: the answer to a command that begins with `slow` comes `ms` later."""

    def __init__(self, table, slow, ms):
        self.table, self.slow, self.ms, self.left = table, slow, ms, 0

    def __getattr__(self, name):
        return getattr(self.table, name)

    def uart_write(self, data):
        if bytes(data).startswith(b"AT" + self.slow):
            self.left = self.ms
        self.table.uart_write(data)

    def uart_readinto(self, buf, timeout_ms):
        step = min(self.left, timeout_ms)
        self.left -= step
        self.table.now += step
        return 0 if self.left else self.table.uart_readinto(buf, timeout_ms - step)


def late(make, slow, ms):
    driver, table = make()
    scripted.plug(driver, Late(table, slow, ms))
    return driver, table


def test_a_modem_that_leaves_its_network_slowly():
    for make in (scripted.bg95, scripted.sim7600):
        driver, table = late(make, b"+COPS=2", SELECTION_MS)
        table.answers[b"+COPS=?"] = scripted.line(b'+COPS: (2,"O2 - DE","O2","26203",7)')
        assert survey.scan(driver) == [(2, 262003, 7)]


def test_a_modem_that_is_slow_to_be_set_up():
    for slow, ms in ((b"+CNMP=2", MODES_MS), (b"+CGDCONT", OTHERS_MS), (b"+CRSM", OTHERS_MS)):
        driver, table = late(scripted.sim7600, slow, ms)
        driver.start(False, True)
        driver.clear_forbidden()
        assert driver.on and table.now < 60000 and ("rail", False) not in table.pins


def test_a_card_that_is_slow_to_be_read():
    driver, table = late(scripted.sim7600, b"+CPIN?", OTHERS_MS)
    driver.await_card()
    assert table.sent == [b"+CPIN?"] and not driver.card_gone()
