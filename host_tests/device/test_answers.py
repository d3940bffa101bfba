"""Answers of both modems in all their forms, parsed by the drivers."""

import scripted
from locator.modem import DENIED, REGISTERED, ModemSilent
from locator.modem.driver import ca_name
from raising import raises
from scripted import OK, line

CALM = b"\r\n+CREG: 0,2\r\n" + OK


def test_noise_in_an_identity_is_no_fault():
    driver, table = scripted.bg95()
    table.answers[b"+CGMR"] = line(b"BG95\xff\xfeM3")
    assert driver.identity()[3] == ""


def test_a_cell_identity_that_no_cell_has_is_no_cell():
    driver, table = scripted.bg95()
    head = b'+QENG: "servingcell","NOCONN","eMTC","FDD",310,410,'
    table.answers[b"+QENG"] = line(head + b"FFFFFFFF,152,5110,12,3,3,5003,-88,-11,-62,11,41")
    assert driver.cell() is None


def test_a_card_that_is_served_on_gsm_for_data_only_is_registered():
    for make in (scripted.bg95, scripted.sim7600):
        driver, table = make()
        table.answers[b"+CEREG?"], table.answers[b"+CREG?"] = line(b"+CEREG: 0,2"), line(b"+CREG: 0,3")
        table.answers[b"+CGREG?"] = line(b"+CGREG: 0,5")
        assert driver.attach(5, 5, 0) == (REGISTERED, 0)


def test_the_access_point_is_named_before_the_first_attach():
    for make, text in (
        (scripted.bg95, b'+QICSGP=1,1,"iot","","",0'),
        (scripted.sim7600, b'+CGDCONT=1,"IP","iot"'),
    ):
        driver, table = make()
        table.answers[text] = b"\r\nERROR\r\n"
        driver.start(False, True)
        assert driver.on and text in table.sent


def test_the_cause_of_a_refusal_in_the_code_of_a_choice_by_hand():
    driver, table = scripted.sim7600()
    table.answers[b"+COPS=1"] = b"\r\n+CME ERROR: 107\r\n"
    table.answers[b"+CEREG?"], table.answers[b"+CREG?"] = line(b"+CEREG: 0,2"), CALM
    assert driver.attach(60, 60, 262001) == (DENIED, 7)
    assert table.now < 5000


def test_a_slow_sim7600_is_waited_for():
    driver, table = scripted.sim7600()
    table.answers[b"+CCLK?"] = None
    raises(ModemSilent, driver.network_time)
    assert table.now == 9000  # the manual names no time-out


def test_a_certificate_is_found_with_and_without_the_name_of_the_store():
    for store in (b"", b"UFS:"):
        driver, table = scripted.bg95()
        name = ca_name(b"ca")
        table.answers[b"+QFLST"] = line(b'+QFLST: "%s%s",2' % (store, name))
        assert driver.part("mqtt").provide_ca(driver, b"ca") == name
        assert len(table.sent) == 1


def test_psm_with_its_active_time_switched_off_is_not_granted():
    driver, table = scripted.bg95()
    for active, granted in ((b"00100010", True), (b"11100000", False)):
        table.answers[b"+CEREG?"] = line(b'+CEREG: 4,5,"5A31","1A2D003",8,,,"%s","01000011"' % active)
        assert driver.psm_granted() == granted


def test_a_stationary_sim7600_has_a_position_whatever_its_course():
    text = b"+CGNSSINFO: 2,06,02,00,5130.517255,N,00001.892836,W,081226,024939.0,20.7,%s,%s,1.5,1.2,0.9"
    for speed, course in ((b"0.0", b"0.0"), (b"0.0", b""), (b"", b""), (b"", b"0.0")):
        driver, table = scripted.sim7600()
        table.answers[b"+CGNSSINFO"] = line(text % (speed, course))
        fix = driver.gnss_poll()
        assert (fix.lat, fix.lon, fix.speed, fix.heading) == (5150862, -3155, 0, 0)
    for speed, course in ((b"x", b"0.0"), (b"0.0", b"-")):
        table.answers[b"+CGNSSINFO"] = line(text % (speed, course))
        assert driver.gnss_poll() is None
    table.answers[b"+CGNSSINFO"] = line(b"+CGNSSINFO: ,,,,,,,,,,,,,,,")
    assert driver.gnss_poll() is None


def test_a_stationary_bg95_has_a_position_whatever_its_course():
    text = b"+QGPSLOC: 061951.0,31.50722,117.11929,0.7,62.2,2,%s,%s,0.0,110526,09"
    for course, speed in ((b"0.0", b"0.0"), (b"", b"0.0"), (b"", b"")):
        driver, table = scripted.bg95()
        table.answers[b"+QGPSLOC"] = line(text % (course, speed))
        fix = driver.gnss_poll()
        assert (fix.lat, fix.lon, fix.speed, fix.heading) == (3150722, 11711929, 0, 0)


FIXES = (
    # of a BG95: in the south-west, below the sea; with a field more; with blanks; a field less; without a fix
    (b"061951.000,-31.50722,-117.11929,99.9,-430.0,3,45.30,7.2,3.9,011226,04", (-3150722, -11711929, -215)),
    (b"061951.0,-0.00001,179.99999,0.7,62.2,2,0.0,0.0,0.0,011226,09,1.1", (-1, 17999999, 31)),
    (b" 061951.0, 31.50722, 117.11929, 0.7, 62.2, 2, 0.0, 0.0, 0.0, 011226, 09", (3150722, 11711929, 31)),
    (b"061951.0,31.50722,117.11929,0.7,62.2,2,0.0,0.0,0.0,011226", None),
    (b",,,,,,,,,,", None),
    (b"061951.0,3130.4332N,11707.1574E,0.7,62.2,2,0.0,0.0,0.0,011226,09", None),
)


def test_a_fix_with_more_fields_than_are_known_is_a_fix():
    driver, table = scripted.bg95()
    for text, place in FIXES:
        table.answers[b"+QGPSLOC"] = line(b"+QGPSLOC: " + text)
        fix = driver.gnss_poll()
        assert (fix and (fix.lat, fix.lon, fix.alt)) == place, text
