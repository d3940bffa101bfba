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
    bench = ModemUnderTest(dialect, seed=seed)
    bench.boot()
    bench.run(1_000)
    bench.send("AT+CFUN=4")
    return bench


def fix(bench: ModemUnderTest, limit_ms: int = 120_000) -> str | None:
    """Start, ask each second; the first fix as it was printed, None after the limit."""
    assert bench.send(START[bench.dialect])[-1] == "OK"
    return next_fix(bench, limit_ms)


def next_fix(bench: ModemUnderTest, limit_ms: int = 120_000) -> str | None:
    deadline = bench.now() + limit_ms
    while bench.now() < deadline:
        bench.run(1_000)
        lines = bench.send(ASK[bench.dialect])
        if lines[-1] == "OK" and ",,,," not in lines[-2]:
            return lines[-2]
    return None


def stop(bench: ModemUnderTest) -> None:
    assert bench.send(STOP[bench.dialect])[-1] == "OK"
    if bench.dialect == "sim7600":
        bench.until("+CGPS: 0", 10_000)


def first_fix_ms(bench: ModemUnderTest) -> int:
    began = bench.now()
    assert fix(bench)
    took = bench.now() - began
    stop(bench)
    return took


@pytest.mark.parametrize("dialect", DIALECTS)
def test_time_to_first_fix_by_age(dialect):
    """Medians of cold, hot and warm starts over many modems, against 38, 6 and 15 s."""
    cold, hot, warm = [], [], []
    for seed in range(15):
        bench = ready(dialect, seed)
        cold.append(first_fix_ms(bench))
        bench.run(3_600_000)
        hot.append(first_fix_ms(bench))
        bench.run(3 * 3_600_000)
        warm.append(first_fix_ms(bench))
    assert 28_000 < statistics.median(cold) < 52_000
    assert 4_000 < statistics.median(hot) < 10_000
    assert 10_000 < statistics.median(warm) < 22_000


def test_a_long_way_is_a_cold_start():
    cold = []
    for seed in range(9):
        bench = ready("bg95", seed)
        first_fix_ms(bench)
        bench.air.away = 2.0
        cold.append(first_fix_ms(bench))
    assert statistics.median(cold) > 25_000


def test_without_the_time_no_hot_start():
    warm = []
    for seed in range(9):
        bench = ready("sim7600", seed)
        first_fix_ms(bench)
        bench.modem.rail(False)
        bench.boot()
        warm.append(first_fix_ms(bench))
    assert statistics.median(warm) > 10_000


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_fix_under_a_roof(dialect):
    bench = ready(dialect)
    bench.air.blocked = True
    assert fix(bench) is None
    bench.air.blocked = False
    assert next_fix(bench)
    bench.air.blocked = True
    assert next_fix(bench, 20_000) is None
    assert bench.time_in("gnss")["search"] > 120_000
    assert bench.states[-1][1:] == ("gnss", "search")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_world_is_told_what_was_printed(dialect):
    bench = ready(dialect)
    bench.air.speed_kmh = 71.4
    line = fix(bench)
    assert line
    for _ in range(3):
        bench.send(ASK[dialect])
    bench.run(5_000)
    bench.send(ASK[dialect])
    seconds = [given.unix_s for given in bench.air.fixes]
    assert 2 <= len(set(seconds)) == len(seconds) < 5  # once a second, not once a question
    given = bench.air.fixes[0]
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
    assert abs(given.unix_s - bench.air.utc_s()) < 10


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
    bench = ready("bg95")
    bench.send("AT+CMEE=1")
    return bench


def test_forms_of_a_position():
    bench = ready("bg95")
    assert fix(bench)
    short = bench.send("AT+QGPSLOC=0")[-2].split(",")
    assert re.fullmatch(r"5125\.\d{4}N", short[1]) and re.fullmatch(r"00646\.\d{4}E", short[2])
    long = bench.send("AT+QGPSLOC=1")[-2].split(",")
    assert re.fullmatch(r"5125\.\d{6}", long[1]) and long[2] == "N" and long[4] == "E"


def test_the_sim7600_stops_slowly():
    bench = ready("sim7600")
    bench.send("AT+CGPS=1")
    assert bench.send("AT+CGPS=1")[-1] == "ERROR"
    assert bench.send("AT+CGPS=0")[-1] == "OK"
    assert bench.send("AT+CGPS=1")[-1] == "ERROR"
    bench.until("+CGPS: 0", 10_000)
    assert bench.send("AT+CGPS=1")[-1] == "OK"
    assert bench.send("AT+CGPSINFO")[-2] == "+CGPSINFO: ,,,,,,,,"
    assert next_fix(bench)
    assert ",N,00646." in bench.send("AT+CGPSINFO")[-2]


def test_gnss_first_takes_the_receiver_from_the_network():
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.until_registered()
    bench.run(30_000)
    bench.send('AT+QGPSCFG="priority",0')
    assert fix(bench)
    assert bench.send("AT+CEREG?")[-2].endswith(",4")
    assert bench.send("AT+CSQ")[-2] == "+CSQ: 99,99"
    bench.run(30_000)
    bench.send("AT+QGPSEND")
    assert bench.send("AT+CEREG?")[-2].endswith(",2")
    bench.until_registered(10_000)
    assert bench.air.registrations == ["26201"]  # it was registered all the time


def test_gnss_first_waits_for_the_end_of_a_connection():
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.until_registered()
    assert bench.states[-1][2] == "connected"
    bench.send('AT+QGPSCFG="priority",0')
    bench.send("AT+QGPS=1")
    bench.run(100)
    assert bench.modem._unit.radio.receiver_free() is False
    bench.run(25_000)
    assert bench.modem._unit.radio.receiver_free() is True


def test_gnss_first_breaks_off_an_attach():
    """At any moment of it; nothing goes on sending."""
    for wait_ms in range(12_000, 30_000, 250):
        bench = ModemUnderTest("bg95")
        bench.boot()
        bench.send('AT+QGPSCFG="priority",0')
        bench.run(wait_ms)
        bench.send("AT+QGPS=1")
        bench.run(40_000)
        assert [state for _, part, state in bench.states if part == "modem"][-1] == "idle", wait_ms


def test_network_first_starves_gnss():
    bench = ModemUnderTest("bg95")
    bench.air.audible = []
    bench.boot()
    bench.run(1_000)
    assert fix(bench) is None  # the radio searches
    bench.send("AT+CFUN=4")
    assert next_fix(bench)


def test_side_by_side_on_the_sim7600():
    bench = ModemUnderTest("sim7600")
    bench.boot()
    assert fix(bench)
    bench.until_registered()
    assert bench.send("AT+CGPS?")[-2] == "+CGPS: 1,1"


def test_predicted_orbits_on_the_bg95():
    spans = []
    for assisted in (False, True):
        bench = ModemUnderTest("bg95", seed=4)
        bench.boot()
        bench.send("AT+CMEE=1")
        clock = 'AT+QGPSXTRATIME=0,"2026/01/05,06:01:00",1,1,5'
        assert bench.send(clock)[-1] == "+CME ERROR: 509"
        bench.send("AT+QGPSXTRA=1")
        bench.send("AT+CFUN=1,1")
        bench.until("RDY", 20_000)
        bench.run(2_000)
        bench.send("AT+CFUN=4")
        bench.send("AT+CMEE=1")
        assert bench.send('AT+QGPSXTRADATA="UFS:x.bin"')[-1] == "+CME ERROR: 405"
        bench.ask('AT+QFUPL="x.bin",3,60', b"abc")
        bench.run(50)
        if assisted:
            assert bench.send('AT+QGPSXTRADATA="UFS:x.bin"')[-1] == "+CME ERROR: 508"
            assert bench.send('AT+QGPSXTRATIME=0,"2025/01/05,06:01:00",1,1,5')[-1] == "+CME ERROR: 508"
            assert bench.send(clock)[-1] == "OK"
            assert bench.send('AT+QGPSXTRADATA="UFS:x.bin"')[-1] == "OK"
            assert bench.send("AT+QGPSXTRADATA?")[-2] == '+QGPSXTRADATA: 10080,"2026/01/05,06:00:%02d"' % (
                bench.now() // 1_000
            )
        began = bench.now()
        assert fix(bench)
        spans.append(bench.now() - began)
    assert spans[1] < 0.6 * spans[0]


def test_predicted_orbits_are_loaded_by_the_sim7600():
    bench = ModemUnderTest("sim7600")
    bench.boot()
    bench.until_registered()
    bench.send("AT+CGPSXD=0")
    assert bench.until("+CGPSXD:") == "+CGPSXD: 2"  # not switched on
    bench.send("AT+CGPSXE=1")
    bench.send("AT+CRESET")
    bench.until("RDY", 30_000)
    bench.until_registered()
    bench.send("AT+CGPSXD=0")
    assert bench.until("+CGPSXD:") == "+CGPSXD: 0"


def test_a_cold_start_takes_longer_than_a_hot_one():
    bench = ready("sim7600")
    assert fix(bench)
    spans = []
    for command in ("AT+CGPSHOT", "AT+CGPSCOLD"):
        bench.send("AT+CGPS=0")
        bench.until("+CGPS: 0")
        began = bench.now()
        assert bench.send(command)[-1] == "OK"
        assert bench.send(command)[-1] == "ERROR"
        assert next_fix(bench)
        spans.append(bench.now() - began)
    assert 2 * spans[0] < spans[1]


def test_positions_come_by_themselves_on_the_sim7600():
    bench = ready("sim7600")
    fix(bench)
    bench.send("AT+CGPSINFO=5")
    assert bench.until("+CGPSINFO:", 6_000).startswith("+CGPSINFO: 5125.")
    bench.send("AT+CGPSINFO=0")
    bench.run(20_000)
    assert b"+CGPSINFO:" not in bench.output


def test_arguments_of_a_start_on_the_bg95():
    bench = ready("bg95")
    bench.send("AT+CMEE=1")
    assert bench.send("AT+QGPS=1,999")[-1] == "+CME ERROR: 501"
    assert bench.send("AT+QGPS=1,30,50,0,1")[-1] == "OK"
    assert bench.send("AT+QGPSDEL=0")[-1] == "+CME ERROR: 504"
    assert bench.send('AT+QGPSCFG="nmeasrc",1')[-1] == "OK"
    assert bench.send('AT+QGPSCFG="nmeasrc"')[-2] == '+QGPSCFG: "nmeasrc",1'
