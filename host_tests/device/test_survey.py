"""Scans and neighbour cells: parsers with lines of real modems, and a reply longer than any buffer."""

import scripted
from locator.modem import ModemError, ModemSilent, survey
from locator.modem.bg95 import neighbours
from raising import raises
from scripted import OK

NAMES = (
    b'+COPS: (2,"O2 - DE","O2","26203",7),(3,"T-Mobile","TMO","26201",7),,(0-4),(0-2)',
    b'+COPS: (1,"CHINA MOBILE","CMCC","46000",7),(2,"CHN-UNICOM","UNICOM","46001",0),,(0,1,2,3,4),(0,1,2)',
    b'+COPS: (1,"Beeline (KZ), 4G","Bee","40101",0),(0,"","","310410",9),,(0-5),(0-2)',
    b'+COPS: (1,"MTS","MTS","25001")',
    b"+COPS: ,,(0-4),(0-2)",
)
HEARD = (
    [(2, 262003, 7), (3, 262001, 7)],
    [(1, 460000, 7), (2, 460001, 0)],
    [(1, 401001, 0), (0, 310410, 9)],
    [(1, 250001, -1)],
    [],
)


def scanned(reply, make=scripted.bg95, piece=64):
    driver, table = make()
    table.piece = piece
    table.answers[b"+COPS=?"] = b"\r\n" + reply + b"\r\n" + OK
    found = survey.scan(driver)
    assert table.sent[-3:] == [b"+COPS=2", b"+CEER", b"+COPS=?"]
    return found


def test_replies_of_real_modems():
    for i in range(len(NAMES)):
        reply, heard = NAMES[i], HEARD[i]
        for piece in (1, 7, 512):
            assert scanned(reply, piece=piece) == heard
        assert scanned(reply, scripted.sim7600) == heard


def test_a_refusal_while_the_modem_leaves_its_network_is_not_missed():
    for make in (scripted.bg95, scripted.sim7600):
        for said, cause in ((b"EMM cause 3", 3), (b"No cause", 0)):
            driver, table = make()
            table.answers[b"+CEER"] = b"\r\n+CEER: " + said + b"\r\n" + OK
            table.answers[b"+COPS=?"] = b"\r\n" + NAMES[0] + b"\r\n" + OK
            survey.scan(driver)
            assert driver.missed == cause


def test_an_entry_that_is_none():
    for piece in (b"", b"(", b"()", b"(1,2,3,4", b'(9,"a","a","26201",7', b'(1,"a","a","2620",7', b'(1,"a"'):
        assert survey.operator(piece) is None


def test_a_reply_longer_than_the_line_buffer():
    entries = [b'(1,"%s","N","2620%d",7)' % (b"N" * 60, i) for i in range(10)] * 4
    reply = b"+COPS: " + b",".join(entries) + b",,(0-4),(0-2)"
    assert len(reply) > 3000
    found = scanned(reply)
    assert len(found) == 24 and found[9] == (1, 262009, 7)


def test_a_urc_in_the_middle_of_a_scan_is_kept():
    driver, table = scripted.bg95()
    table.answers[b"+COPS=?"] = b"\r\n+CEREG: 0\r\n\r\n" + NAMES[0] + b"\r\n" + OK
    assert survey.scan(driver) == HEARD[0]
    assert driver.channel.wait(b"+CEREG:", 0) == b"0"


def test_q17_nothing_is_sent_while_the_modem_scans_and_the_wait_has_an_end():
    driver, table = scripted.sim7600()
    table.answers[b"+COPS=?"] = None
    raises(ModemSilent, survey.scan, driver)
    assert table.sent[-1] == b"+COPS=?" and 180000 < table.now <= 250000


def test_a_scan_that_is_refused():
    driver, table = scripted.sim7600()
    table.answers[b"+COPS=?"] = b"\r\n+CME ERROR: 3\r\n"
    assert raises(ModemError, survey.scan, driver).code == 3
    assert driver.channel.command(b"+CSQ", 1000) == []  # lines are whole again


def test_whom_to_select():
    heard = [(2, 262001, 7), (3, 262002, 7), (1, 262003, 7), (1, 262003, 0), (1, 262006, 7)]
    assert [survey.choose(heard, 262001, turn) for turn in range(3)] == [262003, 262006, 262003]
    assert survey.choose(heard, 262003, 0) == 262001
    assert survey.choose([(3, 262002, 7), (2, 262001, 7)], 262001, 5) == 262002
    assert survey.choose([(2, 262001, 7)], 262001, 0) == 0
    assert survey.choose([], 262001, 0) == 0


def test_neighbours_rsrq_comes_before_rsrp():
    for line, cell in (
        (b'"neighbourcell intra","CAT-M",1825,30,-17,-99,-65,0,28,5,20,10,58', (b"CAT-M", 0, 1825, 30, -99)),
        (b'"neighbourcell inter","eMTC",6400,152,-9,-78,-61,15,51,20,10,5', (b"eMTC", 0, 6400, 152, -78)),
        (b'"neighbourcell","GSM",460,01,182D,3071,27,45,-70,35,35,0,0', (b"GSM", 460001, 45, 27, -70)),
        (b'"neighbourcell intra","eMTC",-,-,-,-,-,-,-,-,-,-,-', None),
        (b'"neighbourcell","GSM",460,01,182D', None),
        (b'"servingcell","NOCONN","GSM",460,01,182D,3071,27,45,0,-70', None),
        (b"", None),
    ):
        assert neighbours.cell(line) == cell


def test_neighbours_of_both_modems():
    driver, table = scripted.bg95()
    table.answers[b"+QENG"] = scripted.line(b'+QENG:"neighbourcell intra","eMTC",1825,30,-17,-99,-65,0,28,5')
    assert survey.neighbours(driver) == [(b"eMTC", 0, 1825, 30, -99)]
    table.answers[b"+QENG"] = OK
    assert survey.neighbours(driver) == []
    driver, table = scripted.sim7600()
    assert survey.neighbours(driver) is None and table.sent == []


def test_a_choice_that_the_network_refuses_is_not_waited_for():
    for code in (30, 32, 111):
        driver, table = scripted.bg95()
        table.answers[b"+COPS=1"] = b"\r\n+CME ERROR: %d\r\n" % code
        table.answers[b"+CEREG?"] = scripted.line(b'+CEREG: 4,3,"5A31","1A2D003",8,0,11')
        table.answers[b"+CREG?"] = scripted.line(b"+CREG: 0,3")
        table.answers[b"+CSQ"] = scripted.line(b"+CSQ: 20,99")
        assert driver.attach(180, 300, 262003) == (2, 11)
        assert table.now < 5000


def test_deregistered_by_hand_goes_back_to_automatic():
    driver, table = scripted.bg95()
    table.answers[b"+COPS?"] = scripted.line(b"+COPS: 2")
    table.answers[b"+CEREG?"] = scripted.line(b"+CEREG: 4,5")
    assert driver.attach(10, 10, 0) == (0, 0)
    assert b"+COPS=0" in table.sent


def test_an_operator_is_selected_by_as_many_digits_as_its_country_has():
    two = b"46001", b"25002", b"73001", b"34001", b"36269"
    three = b"310410", b"334020", b"722010", b"732001", b"708001", b"750001", b"302220", b"405799"
    for digits in two + three:
        driver, table = scripted.bg95()
        assert driver.choose(1000 * int(digits[:3]) + int(digits[3:])) == 0
        assert table.sent[-1] == b'+COPS=1,2,"%s"' % digits
