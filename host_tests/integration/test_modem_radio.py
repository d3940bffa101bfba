"""Search, registration, refusals, operator selection, coverage and what they look like on the line."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.card.card import FPLMN_ENTRIES, Card
from tools.modem.registry import Dialect

DIALECTS = ["bg95", "sim7600"]


@pytest.fixture(params=DIALECTS)
def modem(request) -> ModemUnderTest:
    modem = ModemUnderTest(request.param)
    modem.boot()
    modem.run(1_000)
    return modem


@pytest.fixture
def bg95() -> ModemUnderTest:
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.run(1_000)
    return modem


def registration(modem: ModemUnderTest) -> str:
    return modem.send("AT+CEREG?" if modem.dialect == "bg95" else "AT+CREG?")[-2]


def test_registers_with_the_strongest(modem):
    modem.until_registered()
    assert modem.air.registrations == ["26201"]
    assert modem.send("AT+COPS?")[-2].startswith('+COPS: 0,0,"Telekom.de",')
    assert modem.send("AT+CSQ")[-2] != "+CSQ: 99,99"
    assert {"boot", "search", "connected", "tx"} <= set(modem.time_in("modem"))


def test_searching_takes_time(modem):
    began = modem.now()
    assert registration(modem).endswith(",2")
    modem.until_registered()
    assert 5_000 < modem.now() - began < 120_000


def test_the_last_network_is_found_sooner(modem):
    modem.until_registered()
    modem.simulated.rail(False)
    modem.boot()
    began = modem.now()
    modem.until_registered()
    assert modem.now() - began < 40_000


def test_at_home():
    modem = ModemUnderTest("bg95", card=Card("262010000000001"))
    modem.boot()
    modem.until_registered()
    assert registration(modem) == "+CEREG: 0,1"


def test_urcs_of_registration(bg95):
    bg95.send("AT+CEREG=2")
    assert bg95.until("+CEREG:", 200_000) == '+CEREG: 2,"5A31","1A2D003",8'
    assert bg95.until("+CEREG:", 200_000) == '+CEREG: 5,"5A31","1A2D003",8'
    assert bg95.send("AT+CEREG?")[-2] == '+CEREG: 2,5,"5A31","1A2D003",8'
    bg95.send("AT+CREG=2")
    assert bg95.send("AT+CREG?")[-2] == "+CREG: 2,0"


def test_psm_timers_at_level_4(bg95):
    bg95.send('AT+CPSMS=1,,,"00101100","00011110"')
    bg95.send("AT+CEREG=4")
    bg95.until_registered()
    assert registration(bg95) == '+CEREG: 4,5,"5A31","1A2D003",8,,,"00011110","00101100"'
    assert bg95.send("AT+QPSMS?")[-2] == '+QPSMS: 1,,,"43200","60"'


def test_a_refusal_forbids_the_network_and_the_next_is_tried(bg95):
    bg95.air.causes = {"26201": 11}
    bg95.send("AT+CEREG=4")
    assert bg95.until(",0,11") == '+CEREG: 3,"5A31","1A2D003",8,0,11'
    bg95.until_registered()
    assert bg95.air.registrations == ["26202"] and bg95.card.forbidden == ["26201"]


def test_refused_by_all(modem):
    modem.air.causes = dict.fromkeys(("26201", "26202", "26203"), 11)
    modem.run(300_000)
    assert registration(modem).endswith(",3") or ",3," in registration(modem)
    assert sorted(modem.card.forbidden) == ["26201", "26202", "26203"]
    assert modem.send("AT+CSQ")[-2] != "+CSQ: 99,99"
    modem.air.causes = {}
    modem.run(600_000)
    assert modem.air.registrations == []  # forbidden networks are not asked again
    modem.card.forbidden.clear()
    modem.until_registered()


def test_a_forbidden_area_ends_with_the_power(modem):
    modem.air.causes = dict.fromkeys(("26201", "26202", "26203"), 15)
    modem.run(300_000)
    assert modem.card.forbidden == []
    modem.air.causes = {}
    modem.run(600_000)
    assert modem.air.registrations == []
    modem.simulated.rail(False)
    modem.boot()
    modem.until_registered()


def test_a_dead_card_answers_no_command(modem):
    modem.air.causes = {"26201": 8}
    modem.run(600_000)
    assert modem.air.registrations == []
    assert modem.states[-1][2] == "idle"


def test_congestion_passes(modem):
    modem.air.causes = dict.fromkeys(("26201", "26202", "26203"), 22)
    modem.run(100_000)
    modem.air.causes = {}
    modem.until_registered(1_000_000)


def test_manual_selection(modem):
    modem.send("AT+CMEE=1")
    assert modem.send('AT+COPS=1,2,"26202"')[-1] == "OK"
    assert modem.air.registrations[-1] == "26202"
    modem.air.causes = {"26203": 11}
    refused = "+CME ERROR: 111"
    assert modem.send('AT+COPS=1,2,"26203"')[-1] == refused
    assert modem.send('AT+COPS=1,2,"99999"')[-1] == "+CME ERROR: 30"
    assert modem.send("AT+COPS?")[-2] == "+COPS: 1"
    modem.simulated.rail(False)
    modem.boot()
    modem.run(200_000)
    assert modem.send("AT+COPS?")[-2] == "+COPS: 1"  # kept over a power cut
    assert modem.send("AT+COPS=0")[-1] == "OK"
    modem.until_registered()


@pytest.mark.parametrize("command", ['AT+COPS=1,0,"Telekom"', 'AT+COPS=1,2,"1"', "AT+COPS=9", "AT+COPS=1"])
def test_bad_selection(modem, command):
    assert modem.send(command)[-1] == "ERROR"


def test_the_list_of_operators(modem):
    modem.until_registered()
    modem.card.forbid("26203")
    line = modem.send("AT+COPS=?", limit_ms=400_000)[-2]
    assert line.startswith('+COPS: (2,"Telekom.de","TDG","26201",') and '(3,"O2 - DE","O2","26203",' in line
    assert '(1,"Vodafone.de","Vodafone","26202",' in line


def test_a_byte_aborts_the_list_on_the_sim7600():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    began = modem.now()
    modem.simulated.receive(b"AT+COPS=?\r")
    modem.run(3_000)
    modem.simulated.receive(b"A")
    modem.until("ERROR", 1_000)
    assert modem.now() - began < 5_000


def test_lost_and_found(modem):
    modem.until_registered()
    cells, modem.air.audible = modem.air.audible, []
    modem.run(15_000)
    assert registration(modem).endswith(",2")
    assert modem.send("AT+CSQ")[-2] == "+CSQ: 99,99"
    modem.run(200_000)
    time_ms = modem.time_in("modem")["search"]
    assert time_ms > 150_000
    modem.air.audible = cells
    modem.until_registered()


def test_the_cell_changes_on_the_move(bg95):
    bg95.until_registered()
    bg95.send("AT+CEREG=2")
    bg95.air.audible = [replace(bg95.air.audible[0], cell_id=0x1234567, tac=0x1111)]
    bg95.run(60_000)
    assert registration(bg95) == '+CEREG: 2,5,"1111","1234567",8'
    assert bg95.air.registrations == ["26201"]


def test_flight_mode(modem):
    modem.until_registered()
    assert modem.send("AT+CFUN=4")[-1] == "OK"
    assert registration(modem).endswith(",0")
    assert modem.states[-1][2] == "idle"
    assert modem.send("AT+CPIN?")[-2] == "+CPIN: READY"
    modem.run(100_000)
    assert modem.states[-1][2] == "idle"
    assert modem.send("AT+CFUN=1")[-1] == "OK"
    modem.until_registered()


def test_serving_cell_of_the_bg95(bg95):
    assert bg95.send('AT+QENG="servingcell"')[-2] == '+QENG: "servingcell","SEARCH"'
    bg95.until_registered()
    cell = '"eMTC","FDD",262,01,1A2D003,152,6400,20,3,3,5A31,-78,-9,-61,15,51'
    assert bg95.send('AT+QENG="servingcell"')[-2] == f'+QENG: "servingcell","CONNECT",{cell}'
    bg95.run(30_000)
    assert bg95.send('AT+QENG="servingcell"')[-2] == f'+QENG: "servingcell","NOCONN",{cell}'
    assert bg95.send("AT+QCSQ")[-2] == '+QCSQ: "eMTC",-61,-78,175,-9'
    assert bg95.send("AT+QNWINFO")[-2] == '+QNWINFO: "eMTC","26201","LTE BAND 20",6400'


def test_serving_cell_on_gsm(bg95):
    bg95.air.audible = [cell for cell in bg95.air.audible if cell.rat == "gsm"]
    bg95.run(300_000)
    line = bg95.send('AT+QENG="servingcell"')[-2]
    assert line.startswith('+QENG: "servingcell","NOCONN","GSM",262,01,3D02,52C1,27,45,0,-70,')
    assert bg95.send("AT+CREG?")[-2] == "+CREG: 0,5"
    assert bg95.send("AT+CEREG?")[-2] == "+CEREG: 0,0"


def test_limited_service_shows_the_cell(bg95):
    bg95.air.causes = dict.fromkeys(("26201", "26202", "26203"), 11)
    bg95.run(300_000)
    assert '"LIMSRV","' in bg95.send('AT+QENG="servingcell"')[-2]


def test_serving_cell_of_the_sim7600():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    assert modem.send("AT+CPSI?")[-1] == "ERROR"  # the first after boot
    modem.run(1_000)
    assert modem.send("AT+CPSI?")[-2] == "+CPSI: NO SERVICE,Online"
    modem.until_registered()
    cell = "LTE,Online,262-01,0x5A31,27447297,151,EUTRAN-BAND3,1300,3,3,-90,-800,-540,14"
    assert modem.send("AT+CPSI?")[-2] == f"+CPSI: {cell}"
    assert modem.send("AT+CNSMOD?")[-2] == "+CNSMOD: 0,8"
    modem.send("AT+CFUN=4")
    assert modem.send("AT+CPSI?")[-2] == "+CPSI: NO SERVICE,Low Power Mode"


@pytest.mark.parametrize(
    ("settings", "act"),
    [
        (['AT+QCFG="nwscanmode",1'], 0),
        (['AT+QCFG="nwscanmode",3', 'AT+QCFG="iotopmode",1'], 9),
        (['AT+QCFG="nwscanseq",01'], 0),
        ([], 8),
    ],
)
def test_kinds_of_network_by_setting(settings, act):
    modem = ModemUnderTest("bg95")
    modem.boot()
    for command in settings:
        assert modem.send(command)[-1] == "OK"
    modem.send("AT+CFUN=4")
    modem.send("AT+CFUN=1")
    modem.run(200_000)
    modem.send("AT+COPS=3,2")
    assert modem.send("AT+COPS?")[-2] == f'+COPS: 0,2,"26201",{act}'


def test_a_weak_signal_costs_time_and_luck():
    spans = []
    for level in (-90, -121):
        modem = ModemUnderTest("bg95", seed=3)
        modem.air.audible = [replace(modem.air.audible[0], rsrp_dbm=level)]
        modem.boot()
        modem.until_registered(2_000_000)
        spans.append(modem.time_in("modem")["connected"] + modem.time_in("modem")["tx"])
    assert spans[1] > 3 * spans[0]


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


def test_the_card_keeps_four_forbidden_networks():
    card = Card()
    for plmn in ("26201", "26202", "310410", "25001", "25001", "40101"):
        card.forbid(plmn)
    assert card.forbidden == ["26202", "310410", "25001", "40101"]
    data = card.read(0x6F7B)
    assert data is not None and len(data) == 3 * FPLMN_ENTRIES
    card.write_forbidden(data)
    assert card.forbidden == ["26202", "310410", "25001", "40101"]


def test_a_congested_network_is_left_alone(bg95):
    bg95.air.audible = bg95.air.audible[:1]
    asked: list[int] = []

    def cause(imsi: str, plmn: str) -> int:
        asked.append(bg95.now())
        return 22

    bg95.air.attach_cause = cause
    bg95.run(5_000_000)
    pauses = [after - before for before, after in pairwise(asked)]
    assert len(pauses) >= 2 and min(pauses) >= 900_000


def test_after_five_failures_the_modem_rests(bg95):
    bg95.air.audible = bg95.air.audible[:1]
    asked: list[int] = []

    def cause(imsi: str, plmn: str) -> int:
        asked.append(bg95.now())
        return 17

    bg95.air.attach_cause = cause
    bg95.run(3_000_000)
    pauses = [after - before for before, after in pairwise(asked)]
    assert max(pauses[:4]) < 300_000 and 720_000 <= pauses[4] < 900_000


@pytest.mark.parametrize(("setting", "act"), [('AT+QCFG="band",F,80,80', 0), ('AT+QCFG="band",0,80000,0', 8)])
def test_bands_of_the_bg95(bg95, setting, act):
    bg95.air.audible = [cell for cell in bg95.air.audible if cell.plmn == "26201"]
    assert bg95.send(setting)[-1] == "OK"
    bg95.run(300_000)
    assert bg95.send("AT+COPS?")[-2] == f'+COPS: 0,0,"Telekom.de",{act}'


def test_bands_of_the_sim7600():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    assert modem.send("AT+CNBP=0x0,0x40")[-1] == "OK"  # band 7
    modem.until_registered()
    assert modem.air.registrations == ["26203"]


def test_a_technology_by_manual_selection(bg95):
    assert bg95.send('AT+COPS=1,2,"26201",0')[-1] == "OK"
    assert bg95.send("AT+COPS?")[-2] == '+COPS: 1,2,"26201",0'
    assert bg95.send('AT+COPS=1,0,"Vodafone.de",8')[-1] == "OK"
    assert bg95.send("AT+COPS?")[-2] == '+COPS: 1,0,"Vodafone.de",8'
    assert bg95.send('AT+COPS=1,2,"26201",5')[-1] == "ERROR"


def test_causes_of_the_sim7600():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    modem.run(1_000)
    modem.send("AT+CMEE=1")
    assert modem.send("AT+CEER")[-2] == "+CEER: No cause information available"
    for cause, code in ((11, 111), (12, 112), (13, 113), (17, 32)):
        modem.air.causes = {"26202": cause}
        assert modem.send('AT+COPS=1,2,"26202"')[-1] == f"+CME ERROR: {code}"
        assert modem.send("AT+CEER")[-2] == f"+CEER: EMM cause {cause}"
        modem.send("AT+COPS=0")
        modem.card.forbidden.clear()


def test_attach_and_detach(modem):
    modem.until_registered()
    assert modem.send("AT+CGATT=0")[-1] == "OK"
    assert modem.send("AT+CGATT?")[-2] == "+CGATT: 0"
    assert modem.send("AT+CGATT=1")[-1] == "OK"
    assert modem.send("AT+CGATT?")[-2] == "+CGATT: 1"


def test_the_connection_is_reported(bg95):
    bg95.send("AT+QCSCON=1")
    assert bg95.until("+QCSCON:") == "+QCSCON: 1"
    assert bg95.until("+QCSCON:") == "+QCSCON: 0"
    assert bg95.send("AT+QCSCON?")[-2] == "+QCSCON: 1,0"


def test_edrx(bg95):
    assert bg95.send('AT+CEDRXS=2,4,"0101"')[-1] == "OK"
    assert bg95.until("+CEDRXP:") == '+CEDRXP: 4,"0101","0101","0011"'
    assert bg95.send("AT+CEDRXS?")[-2] == '+CEDRXS: 4,"0101"'
    assert bg95.send("AT+CEDRXRDP")[-2] == '+CEDRXRDP: 4,"0101","0101","0011"'
    assert bg95.send('AT+QPTWEDRXS=1,4,"0001","0010"')[-1] == "OK"
    assert bg95.send("AT+CEDRXRDP")[-2] == '+CEDRXRDP: 4,"0010","0010","0001"'
    assert bg95.send("AT+CEDRXS=0")[-1] == "OK"
    assert bg95.send("AT+CEDRXRDP")[-2] == "+CEDRXRDP: 0"
    assert bg95.send('AT+CEDRXS=1,4,"2"')[-1] == "ERROR"


def test_a_sleep_that_is_not_worth_it(bg95):
    bg95.send('AT+CPSMS=1,,,"00000001","00000001"')  # 10 min
    bg95.until_registered()
    assert bg95.send("AT+QPSMS?")[-2] == '+QPSMS: 1,,,"600","2"'
    assert bg95.send("AT+QPSMCFG=601")[-1] == "OK"
    assert bg95.send("AT+QPSMS?")[-2] == "+QPSMS: 1,,,,"
    assert bg95.send("AT+QPSMCFG=19")[-1] == "ERROR"


def test_neighbours(bg95):
    bg95.until_registered()
    here = bg95.air.audible[0]
    bg95.air.audible += [
        replace(here, cell_id=5, pci=30, rsrp_dbm=-99, rsrq_db=-17, sinr_db=0),
        replace(here, cell_id=6, pci=31, earfcn=1825, rsrp_dbm=-101, rsrq_db=-14),
    ]
    lines = bg95.send('AT+QENG="neighbourcell"')
    assert '+QENG: "neighbourcell intra","eMTC",6400,30,-17,-99,-74,0,30,5,20,10,58' in lines
    assert any(line.startswith('+QENG: "neighbourcell inter","eMTC",1825,31,-14,-101,') for line in lines)


def test_a_scan_of_cells(bg95):
    bg95.until_registered()
    assert '+QCOPS: "eMTC",262,01,6400,152,-78,-9,5A31,1A2D003' in bg95.send("AT+QCOPS=7,1")
    assert bg95.send("AT+QCOPS=1")[-1] == "ERROR"


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


def test_repeated_lines_of_the_sim7600():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    modem.send("AT+CNSMOD=1")
    assert modem.until("+CNSMOD:") == "+CNSMOD: 8"
    modem.send("AT+AUTOCSQ=1,0")
    times = []
    for _ in range(3):
        modem.until("+CSQ:")
        times.append(modem.now())
    assert {after - before for before, after in pairwise(times)} == {5_000}
    modem.send("AT+AUTOCSQ=1,1")
    modem.until("+CSQ:")
    modem.run(20_000)
    assert b"+CSQ" not in modem.output
    modem.air.audible = [replace(modem.air.audible[0], rsrp_dbm=-110)]
    modem.until("+CSQ:", 30_000)
    modem.send("AT+CPSI=2")
    modem.until("+CPSI: LTE", 3_000)
    modem.send("AT+CPSI=0")
    modem.run(5_000)
    assert b"+CPSI:" not in modem.output


def test_a_position_by_network():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    modem.until_registered()
    assert modem.send("AT+CLBS=1,1")[-2:] == ["+CLBS: 3", "ERROR"]
    modem.send("AT+NETOPEN")
    modem.until("+NETOPEN: 0")
    modem.send("AT+CLBS=1,1")
    code, lat, lon, accuracy = modem.until("+CLBS:").split(": ")[1].split(",")
    assert (
        (code, accuracy) == ("0", "550") and abs(float(lat) - 51.43) < 0.05 and abs(float(lon) - 6.78) < 0.05
    )


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
