"""eDRX: the requested and the granted cycle."""

import scripted
from locator.modem import ModemError, edrx
from raising import raises


def test_asked_for_and_given_up():
    driver, table = scripted.bg95()
    edrx.request(driver, True)
    edrx.request(driver, False)
    assert table.sent == [b'+CEDRXS=1,4,"0010"', b"+CEDRXS=0"]


def test_the_granted_edrx_cycle_is_parsed():
    for line, cycle_ms in (
        (b'4,"0010","0010","0011"', 20480),
        (b'4,"0010","0000","0011"', 5120),
        (b'4,"0010","0100","0011"', 61440),
        (b'5,"0010","1001","0011"', 163840),
        (b'4,"0010","1111","0011"', 10485760),
        (b"0", 0),
        (b'0,"0010","0010","0011"', 0),
        (b"4", 0),
        (b"", 0),
        (b'4,"0010","2","0011"', 0),
    ):
        assert edrx.cycle_ms(line) == cycle_ms
        driver, table = scripted.bg95()
        table.answers[b"+CEDRXRDP"] = scripted.line(b"+CEDRXRDP: " + line)
        assert edrx.granted_ms(driver) == cycle_ms


def test_a_modem_without_any_reports_so():
    driver, table = scripted.sim7600()
    table.answers[b"+CEDRX"] = b"\r\n+CME ERROR: 4\r\n"
    raises(ModemError, edrx.request, driver, True)
    assert edrx.granted_ms(driver) == 0
