"""Search, registration, refusals, operator selection, coverage and what they look like on the line."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.card.card import FPLMN_ENTRIES, Card


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
