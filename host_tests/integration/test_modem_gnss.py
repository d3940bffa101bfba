"""GNSS: time to first fix, the sky, the shared receiver of the BG95, formats."""

from __future__ import annotations

import re
import statistics

import pytest

from host_tests.support.simulated_modem import ModemUnderTest

DIALECTS = ["bg95", "sim7600"]
START = {"bg95": "AT+QGPS=1", "sim7600": "AT+CGPS=1"}
STOP = {"bg95": "AT+QGPSEND", "sim7600": "AT+CGPS=0"}
ASK = {"bg95": "AT+QGPSLOC=2", "sim7600": "AT+CGNSSINFO"}


def ready(dialect, seed: int = 1) -> ModemUnderTest:
    """Booted, the radio off."""
    modem = ModemUnderTest(dialect, seed=seed)
    modem.boot()
    modem.run(1_000)
    modem.send("AT+CFUN=4")
    return modem


def fix(modem: ModemUnderTest, limit_ms: int = 120_000) -> str | None:
    """Start, ask each second; the first fix as it was printed, None after the limit."""
    assert modem.send(START[modem.dialect])[-1] == "OK"
    return next_fix(modem, limit_ms)


def next_fix(modem: ModemUnderTest, limit_ms: int = 120_000) -> str | None:
    deadline = modem.now() + limit_ms
    while modem.now() < deadline:
        modem.run(1_000)
        lines = modem.send(ASK[modem.dialect])
        if lines[-1] == "OK" and ",,,," not in lines[-2]:
            return lines[-2]
    return None


def stop(modem: ModemUnderTest) -> None:
    assert modem.send(STOP[modem.dialect])[-1] == "OK"
    if modem.dialect == "sim7600":
        modem.until("+CGPS: 0", 10_000)


def first_fix_ms(modem: ModemUnderTest) -> int:
    began = modem.now()
    assert fix(modem)
    took = modem.now() - began
    stop(modem)
    return took


@pytest.mark.parametrize("dialect", DIALECTS)
def test_time_to_first_fix_by_age(dialect):
    """Medians of cold, hot and warm starts over many modems, against 38, 6 and 15 s."""
    cold, hot, warm = [], [], []
    for seed in range(15):
        modem = ready(dialect, seed)
        cold.append(first_fix_ms(modem))
        modem.run(3_600_000)
        hot.append(first_fix_ms(modem))
        modem.run(3 * 3_600_000)
        warm.append(first_fix_ms(modem))
    assert 28_000 < statistics.median(cold) < 52_000
    assert 4_000 < statistics.median(hot) < 10_000
    assert 10_000 < statistics.median(warm) < 22_000


def test_a_long_way_is_a_cold_start():
    cold = []
    for seed in range(9):
        modem = ready("bg95", seed)
        first_fix_ms(modem)
        modem.air.away = 2.0
        cold.append(first_fix_ms(modem))
    assert statistics.median(cold) > 25_000


def test_without_the_time_no_hot_start():
    warm = []
    for seed in range(9):
        modem = ready("sim7600", seed)
        first_fix_ms(modem)
        modem.simulated.rail(False)
        modem.boot()
        warm.append(first_fix_ms(modem))
    assert statistics.median(warm) > 10_000


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_fix_under_a_roof(dialect):
    modem = ready(dialect)
    modem.air.blocked = True
    assert fix(modem) is None
    modem.air.blocked = False
    assert next_fix(modem)
    modem.air.blocked = True
    assert next_fix(modem, 20_000) is None
    assert modem.time_in("gnss")["search"] > 120_000
    assert modem.states[-1][1:] == ("gnss", "search")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_world_gets_the_fix_that_was_printed(dialect):
    modem = ready(dialect)
    modem.air.speed_kmh = 71.4
    line = fix(modem)
    assert line
    for _ in range(3):
        modem.send(ASK[dialect])
    modem.run(5_000)
    modem.send(ASK[dialect])
    seconds = [given.unix_s for given in modem.air.fixes]
    assert 2 <= len(set(seconds)) == len(seconds) < 5  # once a second, not once a question
    given = modem.air.fixes[0]
    fields = line.partition(": ")[2].split(",")
    if dialect == "bg95":
        assert (float(fields[1]), float(fields[2])) == (given.lat, given.lon)
        assert [float(fields[i]) for i in (3, 4, 6, 7)] == [
            given.hdop,
            given.alt_m,
            given.heading_deg,
            given.speed_kmh,
        ]
        assert int(fields[10]) == given.satellites
    else:
        assert float(fields[4][:2]) + float(fields[4][2:]) / 60 == pytest.approx(given.lat, abs=1e-9)
        assert float(fields[6][:3]) + float(fields[6][3:]) / 60 == pytest.approx(given.lon, abs=1e-9)
        assert float(fields[11]) * 1.852 == pytest.approx(given.speed_kmh)
        assert sum(int(count) for count in fields[1:4]) == given.satellites
    assert abs(given.lat - 51.43) < 2e-4 and abs(given.lon - 6.78) < 3e-4
    assert abs(given.unix_s - modem.air.utc_s()) < 10


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT+QGPSLOC=2", "+CME ERROR: 505"),
        ("AT+QGPSEND", "+CME ERROR: 505"),
        ("AT+QGPS=2", "+CME ERROR: 501"),
        ("AT+QGPS=1", "OK"),
        ("AT+QGPS=1", "+CME ERROR: 504"),
        ("AT+QGPSLOC=2", "+CME ERROR: 516"),
        ("AT+QGPSLOC=3", "+CME ERROR: 50"),
        ("AT+QGPSEND", "OK"),
        ('AT+QGPSCFG="nosuch",1', "+CME ERROR: 501"),
    ],
)
def test_refusals_of_the_bg95(command, answer, refusals):
    assert refusals.send(command)[-1] == answer


@pytest.fixture(scope="module")
def refusals() -> ModemUnderTest:
    modem = ready("bg95")
    modem.send("AT+CMEE=1")
    return modem


def test_forms_of_a_position():
    modem = ready("bg95")
    assert fix(modem)
    short = modem.send("AT+QGPSLOC=0")[-2].split(",")
    assert re.fullmatch(r"5125\.\d{4}N", short[1]) and re.fullmatch(r"00646\.\d{4}E", short[2])
    long = modem.send("AT+QGPSLOC=1")[-2].split(",")
    assert re.fullmatch(r"5125\.\d{6}", long[1]) and long[2] == "N" and long[4] == "E"


def test_the_sim7600_stops_slowly():
    modem = ready("sim7600")
    modem.send("AT+CGPS=1")
    assert modem.send("AT+CGPS=1")[-1] == "ERROR"
    assert modem.send("AT+CGPS=0")[-1] == "OK"
    assert modem.send("AT+CGPS=1")[-1] == "ERROR"
    modem.until("+CGPS: 0", 10_000)
    assert modem.send("AT+CGPS=1")[-1] == "OK"
    assert modem.send("AT+CGPSINFO")[-2] == "+CGPSINFO: ,,,,,,,,"
    assert next_fix(modem)
    assert ",N,00646." in modem.send("AT+CGPSINFO")[-2]


def test_gnss_first_takes_the_receiver_from_the_network():
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.until_registered()
    modem.run(30_000)
    modem.send('AT+QGPSCFG="priority",0')
    assert fix(modem)
    assert modem.send("AT+CEREG?")[-2].endswith(",4")
    assert modem.send("AT+CSQ")[-2] == "+CSQ: 99,99"
    modem.run(30_000)
    modem.send("AT+QGPSEND")
    assert modem.send("AT+CEREG?")[-2].endswith(",2")
    modem.until_registered(10_000)
    assert modem.air.registrations == ["26201"]  # it was registered all the time


def test_gnss_first_waits_for_the_end_of_a_connection():
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.until_registered()
    assert modem.states[-1][2] == "connected"
    modem.send('AT+QGPSCFG="priority",0')
    modem.send("AT+QGPS=1")
    modem.run(100)
    assert modem.simulated.unit.radio.receiver_free() is False
    modem.run(25_000)
    assert modem.simulated.unit.radio.receiver_free() is True


def test_gnss_first_breaks_off_an_attach():
    """At any moment of it; nothing goes on sending."""
    for wait_ms in range(12_000, 30_000, 250):
        modem = ModemUnderTest("bg95")
        modem.boot()
        modem.send('AT+QGPSCFG="priority",0')
        modem.run(wait_ms)
        modem.send("AT+QGPS=1")
        modem.run(40_000)
        assert [state for _, part, state in modem.states if part == "modem"][-1] == "idle", wait_ms


def test_network_first_starves_gnss():
    modem = ModemUnderTest("bg95")
    modem.air.audible = []
    modem.boot()
    modem.run(1_000)
    assert fix(modem) is None  # the radio searches
    modem.send("AT+CFUN=4")
    assert next_fix(modem)


def test_side_by_side_on_the_sim7600():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    assert fix(modem)
    modem.until_registered()
    assert modem.send("AT+CGPS?")[-2] == "+CGPS: 1,1"


def test_predicted_orbits_on_the_bg95():
    spans = []
    for assisted in (False, True):
        modem = ModemUnderTest("bg95", seed=4)
        modem.boot()
        modem.send("AT+CMEE=1")
        clock = 'AT+QGPSXTRATIME=0,"2026/01/05,06:01:00",1,1,5'
        assert modem.send(clock)[-1] == "+CME ERROR: 509"
        modem.send("AT+QGPSXTRA=1")
        modem.send("AT+CFUN=1,1")
        modem.until("RDY", 20_000)
        modem.run(2_000)
        modem.send("AT+CFUN=4")
        modem.send("AT+CMEE=1")
        assert modem.send('AT+QGPSXTRADATA="UFS:x.bin"')[-1] == "+CME ERROR: 405"
        modem.ask('AT+QFUPL="x.bin",3,60', b"abc")
        modem.run(50)
        if assisted:
            assert modem.send('AT+QGPSXTRADATA="UFS:x.bin"')[-1] == "+CME ERROR: 508"
            assert modem.send('AT+QGPSXTRATIME=0,"2025/01/05,06:01:00",1,1,5')[-1] == "+CME ERROR: 508"
            assert modem.send(clock)[-1] == "OK"
            assert modem.send('AT+QGPSXTRADATA="UFS:x.bin"')[-1] == "OK"
            assert modem.send("AT+QGPSXTRADATA?")[-2] == '+QGPSXTRADATA: 10080,"2026/01/05,06:00:%02d"' % (
                modem.now() // 1_000
            )
        began = modem.now()
        assert fix(modem)
        spans.append(modem.now() - began)
    assert spans[1] < 0.6 * spans[0]


def test_predicted_orbits_are_loaded_by_the_sim7600():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    modem.until_registered()
    modem.send("AT+CGPSXD=0")
    assert modem.until("+CGPSXD:") == "+CGPSXD: 2"  # not switched on
    modem.send("AT+CGPSXE=1")
    modem.send("AT+CRESET")
    modem.until("RDY", 30_000)
    modem.until_registered()
    modem.send("AT+CGPSXD=0")
    assert modem.until("+CGPSXD:") == "+CGPSXD: 0"


def test_a_cold_start_takes_longer_than_a_hot_one():
    modem = ready("sim7600")
    assert fix(modem)
    spans = []
    for command in ("AT+CGPSHOT", "AT+CGPSCOLD"):
        modem.send("AT+CGPS=0")
        modem.until("+CGPS: 0")
        began = modem.now()
        assert modem.send(command)[-1] == "OK"
        assert modem.send(command)[-1] == "ERROR"
        assert next_fix(modem)
        spans.append(modem.now() - began)
    assert 2 * spans[0] < spans[1]


def test_positions_come_by_themselves_on_the_sim7600():
    modem = ready("sim7600")
    fix(modem)
    modem.send("AT+CGPSINFO=5")
    assert modem.until("+CGPSINFO:", 6_000).startswith("+CGPSINFO: 5125.")
    modem.send("AT+CGPSINFO=0")
    modem.run(20_000)
    assert b"+CGPSINFO:" not in modem.output


def test_arguments_of_a_start_on_the_bg95():
    modem = ready("bg95")
    modem.send("AT+CMEE=1")
    assert modem.send("AT+QGPS=1,999")[-1] == "+CME ERROR: 501"
    assert modem.send("AT+QGPS=1,30,50,0,1")[-1] == "OK"
    assert modem.send("AT+QGPSDEL=0")[-1] == "+CME ERROR: 504"
    assert modem.send('AT+QGPSCFG="nmeasrc",1')[-1] == "OK"
    assert modem.send('AT+QGPSCFG="nmeasrc"')[-2] == '+QGPSCFG: "nmeasrc",1'
