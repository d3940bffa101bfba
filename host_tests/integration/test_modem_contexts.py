"""Packet data contexts, and the time that a network gives."""

from __future__ import annotations

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.registry import Dialect


def test_pdp_context(modem):
    modem.until_registered()
    if modem.dialect == "bg95":
        assert modem.send("AT+QIACT=1")[-1] == "ERROR"  # not defined yet
        assert modem.send('AT+QICSGP=1,1,"iot","","",0')[-1] == "OK"
        assert modem.send("AT+QIACT=1")[-1] == "OK"
        assert modem.send("AT+QIACT=1")[-1] == "ERROR"
        assert modem.send("AT+QIACT?")[-2].startswith('+QIACT: 1,1,1,"10.')
        assert modem.send("AT+QIDEACT=1")[-1] == "OK"
        assert modem.send("AT+QIACT?")[-1:] == ["OK"]
    assert modem.send('AT+CGDCONT=2,"IP","iot"')[-1] == "OK"
    assert '+CGDCONT: 2,"IP","iot","0.0.0.0",0,0,0,0' in modem.send("AT+CGDCONT?")
    assert modem.send("AT+CGACT=1,2")[-1] == "OK"
    assert modem.send("AT+CGPADDR=2")[-2].startswith("+CGPADDR: 2,10.")
    assert modem.send("AT+CGATT?")[-2] == "+CGATT: 1"


def test_no_pdp_without_network(modem):
    modem.send('AT+CGDCONT=1,"IP","iot"')
    assert modem.send("AT+CGACT=1,1")[-1] == "ERROR"


def test_network_time(modem):
    year = "80/01/06" if modem.dialect == "bg95" else "70/01/01"
    assert modem.send("AT+CCLK?")[-2].startswith(f'+CCLK: "{year},00:00:')
    modem.send("AT+CTZU=1")
    modem.until_registered()
    modem.run(3_000)
    clock = modem.send("AT+CCLK?")[-2]
    # 06:00 UTC: the BG95 now reports GMT followed by the zone, the SIM7600 local time.
    assert clock.startswith(f'+CCLK: "26/01/05,{"06" if modem.dialect == "bg95" else "07"}:0')
    assert clock.endswith('+04"')
    if modem.dialect == "bg95":
        assert modem.send("AT+QLTS=2")[-2].startswith('+QLTS: "2026/01/05,07:')
        modem.send("AT+CTZU=3")
        assert modem.send("AT+CCLK?")[-2].startswith('+CCLK: "26/01/05,07:')
    modem.simulated.rail(False)
    modem.boot()
    assert modem.send("AT+CCLK?")[-2].startswith(f'+CCLK: "{year},00:00:')


def test_time_zone_reports():
    expected: dict[tuple[Dialect, int], str] = {
        ("bg95", 1): '+CTZV: "+04"',
        ("bg95", 2): '+CTZE: "+04",0,"2026/01/05,07:0',
        ("sim7600", 1): "+CTZV: 4,26/01/05,07:0",
    }
    for (dialect, mode), line in expected.items():
        modem = ModemUnderTest(dialect)
        modem.boot()
        modem.send("AT+CTZU=1")
        assert modem.send(f"AT+CTZR={mode}")[-1] == "OK"
        assert modem.until("+CTZV:" if mode == 1 else "+CTZE:").startswith(line)


def test_the_clock_is_set_by_hand(modem):
    modem.send("AT+CTZU=0")
    assert modem.send('AT+CCLK="26/01/05,07:30:00+04"')[-1] == "OK"
    assert modem.send("AT+CCLK?")[-2] == '+CCLK: "26/01/05,07:30:00+04"'
    assert modem.send('AT+CCLK="yesterday"')[-1] == "ERROR"


def test_contexts_end_with_the_registration(modem):
    modem.until_registered()
    modem.send('AT+CGDCONT=1,"IP","iot"')
    modem.send("AT+CGACT=1,1")
    modem.send("AT+CGEREP=2,1")
    modem.send("AT+CFUN=4")
    assert "+CGEV: ME DETACH" in [text for _, _, text in modem.lines]
    assert modem.send("AT+CGPADDR=1")[-2] == "+CGPADDR: 1,0.0.0.0"


def test_two_contexts_on_nbiot():
    modem = ModemUnderTest("bg95")
    modem.air.audible = [cell for cell in modem.air.audible if cell.rat == "nbiot"]
    modem.boot()
    modem.send('AT+QCFG="iotopmode",1')
    modem.until_registered(600_000)
    for cid in (1, 2, 3):
        modem.send(f'AT+QICSGP={cid},1,"iot","me","secret",1')
    assert [modem.send(f"AT+QIACT={cid}", limit_ms=400_000)[-1] for cid in (1, 2, 3)] == ["OK", "OK", "ERROR"]
    assert modem.send("AT+QICSGP=1")[-2] == '+QICSGP: 1,"iot","me","secret",1'


def test_login_of_the_sim7600_has_the_password_first():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    assert modem.send('AT+CGAUTH=1,1,"secret","me"')[-1] == "ERROR"
    modem.send('AT+CGDCONT=1,"IP","iot"')
    assert modem.send('AT+CGAUTH=1,1,"secret","me"')[-1] == "OK"
    assert modem.send("AT+CGAUTH?")[-2] == '+CGAUTH: 1,1,"me","secret"'
    assert modem.send('AT+CGDCONT=100,"IP","iot"')[-1] == "OK"
    assert modem.send('AT+CGDCONT=25,"IP","iot"')[-1] == "ERROR"
