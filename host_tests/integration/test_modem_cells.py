"""Cells and bands as the modem shows them: serving cell, neighbours, scans, a position by network."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from host_tests.support.simulated_modem import ModemUnderTest


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
