"""Undocumented behaviour of real modems, quirk by quirk; numbered as in docs/reference/quirks.md."""

import scripted
from locator.modem import (
    DENIED,
    REGISTERED,
    ModemError,
    ModemRestarted,
    ModemSilent,
)
from locator.modem.steps import RecoverySteps
from locator.scheduler import regions
from raising import raises
from scripted import OK, line

CALM = b"\r\n+CREG: 0,2\r\n" + OK


def test_q01_a_urc_between_the_reply_and_its_ok():
    driver, table = scripted.bg95()
    table.answers[b"+CSQ"] = b"\r\n+CSQ: 20,99\r\n\r\n+CEREG: 2\r\n" + OK
    assert driver.signal() == 20
    table.answers[b"+CSQ"] = b"\r\n+CSQ: 20,99\r\n\r\n+NEWS: 7\r\n" + OK  # an unknown URC
    assert driver.channel.command(b"+CSQ", 1000, b"+CSQ:") == [b"20,99"]


def test_q02_a_urc_with_the_prefix_of_the_question():
    driver, table = scripted.bg95()
    urc = b'\r\n+CEREG: 2,"%s","1A2D003",8\r\n'
    table.answers[b"+CREG?"] = CALM
    for area in (b"5A31", b"0005"):  # the second would do for a state
        table.answers[b"+CEREG?"] = urc % area + b'\r\n+CEREG: 4,5,"5A31","1A2D003",8\r\n' + OK
        assert driver._registration()[0] == 5
        table.answers[b"+CEREG?"] = urc % area + line(b"+CEREG: 4,2")
        assert driver._registration()[0] == 2


def test_q03_echo_is_back_after_a_reset():
    driver, table = scripted.bg95()
    table.answers[b"+CSQ"] = b"AT+CSQ\r\r\n+CSQ: 9,99\r\n" + OK
    assert driver.signal() == 9
    table.answers[b"+CSQ"] = b"\xff\xfe+CSQ\r\r\n+CSQ: 9,99\r\n" + OK
    assert driver.signal() == 9
    table.answers[b"+CIMI"] = b"AT+CIMI\r\r\n204046612345678\r\n" + OK
    assert driver.identity()[2] == "204046612345678"


def test_q04_replies_come_in_any_pieces():
    for piece in (1, 2, 3, 50):
        driver, table = scripted.bg95()
        table.piece = piece
        table.answers[b"+CGSN"] = line(b"864475041234565")
        assert driver.identity()[0] == "864475041234565"


def test_q05_a_prompt_without_a_line_end():
    for prompt in (b">", b"\r\n> ", b"\r\n>", b"> "):
        driver, table = scripted.bg95()
        table.answers[b"+QMTPUB"] = prompt
        table.answers[b"data"] = OK + b"\r\n+QMTPUB: 0,1,0\r\n"
        driver.mqtt_publish(b"t", b"abc")
        assert table.data == b"abc"


def test_q06_a_urc_after_the_prompt():
    driver, table = scripted.bg95()
    table.answers[b"+QMTPUB"] = b'\r\n+CEREG: 5,"1","2",8\r\n\r\n> '
    table.answers[b"data"] = b"\r\n+QIND: SMS DONE\r\n" + OK + b"\r\n+QMTPUB: 0,1,0\r\n"
    driver.mqtt_publish(b"t", b"\x00\xff")
    assert table.data == b"\x00\xff"


def test_q07_a_payload_that_looks_like_a_reply():
    payload = b'\r\nOK\r\n+QMTRECV: 0,0,"x",1,"y"\r\nERROR\r\n'
    driver, table = scripted.bg95()
    table.rx = b'\r\n+QMTRECV: 0,0,"t",%d,"%s"\r\n' % (len(payload), payload)
    assert driver.mqtt_receive(1000) == payload
    driver, table = scripted.sim7600()
    table.rx = b"\r\n+CMQTTRXSTART: 0,1,%d\r\n+CMQTTRXTOPIC: 0,1\r\nt\r\n" % len(payload)
    table.rx += b"+CMQTTRXPAYLOAD: 0,%d\r\n%s\r\n+CMQTTRXEND: 0\r\n" % (len(payload), payload)
    assert driver.mqtt_receive(1000) == payload


def test_q07_two_messages_keep_their_borders():
    driver, table = scripted.bg95()
    table.rx = b'\r\n+QMTRECV: 0,0,"t",3,"abc"\r\n\r\n+QMTRECV: 0,0,"t",4,"wxyz"\r\n'
    assert driver.mqtt_receive(1000) == b"abc"
    assert driver.mqtt_receive(1000) == b"wxyz"


def test_q07_two_messages_that_come_while_another_command_is_under_way():
    driver, table = scripted.bg95()
    two = b'\r\n+QMTRECV: 0,0,"t",3,"abc"\r\n\r\n+QMTRECV: 0,0,"t",4,"wxyz"\r\n'
    table.answers[b"+CSQ"] = two + line(b"+CSQ: 9,99")
    assert driver.signal() == 9
    assert driver.mqtt_receive(1000) == b"abc"
    assert driver.mqtt_receive(1000) == b"wxyz"


def test_q08_a_bare_reply_next_to_a_urc():
    driver, table = scripted.bg95()
    table.answers[b"+CIMI"] = b"\r\n+QIND: SMS DONE\r\n\r\n204046612345678\r\n" + OK
    assert driver.identity()[2] == "204046612345678"
    table.answers[b"+CIMI"] = b'\r\n+CMTI: "SM",1\r\n\r\n204046612345678\r\n' + OK
    assert driver.identity()[2] == "204046612345678"  # after an unknown URC


def test_q09_a_prefix_that_is_not_the_command():
    driver, table = scripted.sim7600()
    table.answers[b"+CICCID"] = line(b"+ICCID: 8931440400012345678")
    table.answers[b"+CGMR"] = line(b"+CGMR: LE11B12SIM7600M22")
    _, iccid, _, revision = driver.identity()
    assert iccid == "8931440400012345678" and revision == "LE11B12SIM7600M22"


def test_q10_the_first_commands_after_power_on_are_not_heard():
    driver, table = scripted.sim7600()
    driver.on = False
    table.answers[b""] = [None, None, None, OK]
    driver.start(True, False)
    assert driver.on and table.sent[:4] == [b"", b"Q0V1", b"Q0V1", b"Q0V1"]
    assert table.pins.count(("key", True)) == 1


def test_q10_a_modem_that_answers_in_digits_by_its_stored_profile_is_heard():
    driver, table = scripted.bg95()
    driver.on = False
    table.answers[b""] = b"0\r"
    table.answers[b"Q0V1"] = OK
    assert driver.channel.hears()
    assert table.sent == [b"", b"Q0V1"]


def test_q31_a_receiver_that_is_busy_after_a_boot_is_asked_again():
    driver, table = scripted.bg95()
    busy = b"\r\n+CME ERROR: 503\r\n"
    in_words = b"\r\n+CME ERROR: GNSS subsystem busy\r\n"
    table.answers[b"+QGPS=1"] = [busy, in_words, OK]
    driver.gnss_start(False)
    assert table.sent.count(b"+QGPS=1") == 3
    table.answers[b"+QGPS=1"] = busy
    assert raises(ModemError, driver.gnss_start, False).code == 503


def test_q31_a_search_goes_on_after_a_refusal_in_words():
    driver, table = scripted.bg95()
    for words in (b"Operation timeout", b"Internal resource error", b"No fix", b"Not fixed now"):
        table.answers[b"+QGPSLOC"] = b"\r\n+CME ERROR: " + words + b"\r\n"
        assert driver.gnss_poll() is None, words


def test_q11_a_call_or_a_multiplexer_left_open_is_ended_before_the_key_is_pressed():
    for leads_out in (b"+++", b"\xf9\x03\xef\x05\xc3\x01\xf2\xf9"):
        driver, table = scripted.bg95()
        table.closed_until = leads_out
        driver.start(False, False)
        assert driver.on and ("key", True) not in table.pins
        assert table.now < 6000


def test_q11_silence_ends_only_by_pressing_the_key():
    driver, table = scripted.bg95()
    table.answers[b""], table.answers[b"data"] = [None] * 9 + [OK], None
    driver.start(False, False)
    assert driver.on and ("key", True) in table.pins


def test_q10_late_answers_to_the_first_questions_are_not_taken_for_later_ones():
    driver, table = scripted.bg95()
    table.answers[b""] = [None, None, OK + OK + OK, OK]
    table.answers[b"+CSQ"] = line(b"+CSQ: 9,99")
    driver.start(False, False)
    assert driver.signal() == 9


def test_q12_the_key_toggles_so_a_modem_that_is_on_is_asked_first():
    driver, table = scripted.bg95()
    driver.start(False, False)
    assert ("key", True) not in table.pins


def test_q13_a_boot_without_any_line_is_found_by_asking():
    driver, table = scripted.bg95()
    driver.start(True, False)
    assert driver.on and table.now < 15000


def test_q14_a_silent_reboot_in_mid_run_is_noticed_by_every_verb():
    for verb in ("cell", "gnss_poll", "identity", "network_time", "gnss_stop", "psm_granted"):
        driver, table = scripted.bg95()
        table.rx = b"\r\nRDY\r\n"
        raises(ModemRestarted, getattr(driver, verb))


def test_q15_a_busy_card_is_no_end():
    driver, table = scripted.bg95()
    table.answers[b"+CEREG?"] = [line(b"+CEREG: 4,2"), line(b"+CEREG: 4,2"), line(b"+CEREG: 4,5")]
    table.answers[b"+CREG?"] = CALM
    table.answers[b"+CSQ"] = line(b"+CSQ: 99,99")
    table.answers[b"+CPIN?"] = [b"\r\n+CME ERROR: 14\r\n"] * 3 + [line(b"+CPIN: READY")]
    table.answers[b"+COPS?"] = b"\r\n+CME ERROR: 14\r\n"
    assert driver.attach(20, 20, 250001)[0] == REGISTERED
    assert table.sent.index(b'+COPS=1,2,"25001"') > 3


def test_q16_a_card_that_is_not_ready_for_some_seconds():
    for make in (scripted.bg95, scripted.sim7600):
        driver, table = make()
        flaps = [line(b"+CPIN: NOT READY"), line(b"+CPIN: READY"), line(b"+CPIN: NOT READY")]
        table.answers[b"+CPIN?"] = [line(b"+CPIN: NOT READY")] * 8 + flaps
        table.answers[b"+CEREG?"] = b"\r\n+CPIN: NOT READY\r\n" + line(b"+CEREG: 4,5")
        table.answers[b"+CREG?"] = CALM
        assert driver.attach(20, 20, 0)[0] == REGISTERED
        assert 8000 <= table.now <= 12000


def test_q16_a_card_that_stays_away_is_not_waited_for_longer_than_ten_seconds():
    driver, table = scripted.bg95()
    table.answers[b"+CPIN?"] = line(b"+CPIN: NOT READY")
    driver.await_card()
    assert table.now <= 11000


def test_q18_the_search_of_a_bg95_by_region():
    driver, table = scripted.bg95()
    driver.prefer(regions.region(401), False)
    assert table.sent == [
        b'+QCFG="nwscanseq",0102,1',
        b'+QCFG="iotopmode",0,1',
        b'+QCFG="band",3,80084,80084,1',
    ]
    driver.prefer(regions.region(0), True)
    assert table.sent[3:] == [
        b'+QCFG="nwscanseq",00,0',
        b'+QCFG="nwscanseq",020103,1',
        b'+QCFG="iotopmode",2,1',
        b'+QCFG="band",F,400A0E189F,A0E189F,1',
    ]


def test_q18_a_sim7600_is_left_alone():
    driver, table = scripted.sim7600()
    driver.prefer(regions.region(262), True)
    assert table.sent == []


def test_q18_a_refused_setting_stops_nothing():
    driver, table = scripted.bg95()
    table.answers[b"+QCFG"] = b"\r\nERROR\r\n"
    driver.prefer(regions.region(460), True)
    assert len(table.sent) == 4


def test_q19_denied_is_not_the_end():
    driver, table = scripted.bg95()
    table.answers[b"+CEREG?"] = [line(b"+CEREG: 4,3")] * 30 + [line(b"+CEREG: 4,5")]
    table.answers[b"+CREG?"] = CALM
    table.answers[b"+CSQ"] = line(b"+CSQ: 99,99")  # between two networks nothing is heard
    assert driver.attach(5, 120, 0)[0] == REGISTERED


def test_q19_denied_is_bounded_and_has_the_cause():
    driver, table = scripted.bg95()
    table.answers[b"+CEREG?"] = line(b'+CEREG: 4,3,"5A31","1A2D003",8,0,15')
    table.answers[b"+CREG?"] = CALM
    table.answers[b"+CSQ"] = line(b"+CSQ: 15,99")
    assert driver.attach(5, 30, 0) == (DENIED, 15)
    assert table.now < 40000


def test_q20_the_forbidden_list_is_cleared_after_failed_attempts():
    driver, table = scripted.bg95()
    for fails in range(5):
        RecoverySteps(fails).after_start(driver, 0)
    assert sum(command.startswith(b"+CRSM=214,28539") for command in table.sent) == 1


def test_q21_denied_for_ever_the_radio_is_off_for_ten_seconds():
    for make in (scripted.bg95, scripted.sim7600):
        driver, table = make()
        assert RecoverySteps(5).after_start(driver, 262001) == 0
        assert table.sent[-2:] == [b"+CFUN=4", b"+CFUN=1"] and table.now >= 10000
        assert table.sent[-3].startswith(b"+CRSM=214,28539")


def test_q31_q32_gnss_on_and_off_twice():
    driver, table = scripted.bg95()
    table.answers[b"+QGPS=1"] = b"\r\n+CME ERROR: 504\r\n"
    table.answers[b"+QGPSEND"] = b"\r\n+CME ERROR: 505\r\n"
    driver.gnss_start(False)
    driver.gnss_stop()
    first, last = b'+QGPSCFG="priority",0,0', b'+QGPSCFG="priority",1,0'
    assert table.sent == [first, b"+QGPS=1", b"+QGPSEND", last]


def test_q31_firmware_without_a_temporary_priority():
    driver, table = scripted.bg95()
    table.answers[b'+QGPSCFG="priority",0,0'] = table.answers[b'+QGPSCFG="priority",1,0'] = b"\r\nERROR\r\n"
    driver.gnss_start(False)
    driver.gnss_stop()
    assert b'+QGPSCFG="priority",0' in table.sent and table.sent[-1] == b'+QGPSCFG="priority",1'


def test_q31_the_network_gets_the_radio_back_though_gnss_does_not_answer():
    driver, table = scripted.bg95()
    table.answers[b"+QGPSEND"] = None
    raises(ModemSilent, driver.gnss_stop)
    assert table.sent[-1] == b'+QGPSCFG="priority",1,0'


def test_an_answer_that_comes_late_shifts_nothing():
    driver, table = scripted.sim7600()
    fix = b"+CGNSSINFO: 2,09,05,00,3113.330650,N,12121.262554,E,131126,091918.0,32.9,0.0,255.0,1.1,0.8,0.7"
    table.answers[b"+CSQ"], table.answers[b"+CGNSSINFO"] = None, line(fix)
    raises(ModemSilent, driver.signal)
    table.rx = line(b"+CSQ: 17,99")
    driver.gnss_start(False)
    assert driver.gnss_poll().lat == 3122218 and not table.rx.strip()


def test_q33_gnss_that_stops_later_delays_nothing():
    driver, table = scripted.sim7600()
    driver.gnss_stop()
    assert table.now < 1000


def test_q34_three_scales_of_rsrp():
    for text in (b"-1089,-742,8", b"-109,-74,8", b"32,43,17"):
        driver, table = scripted.sim7600()
        head = b"+CPSI: LTE,Online,228-02,0x9CA4,20964868,46,EUTRAN-BAND20,6200,3,3,-178,"
        table.answers[b"+CPSI?"] = line(head + text)
        assert driver.cell().rsrp == -109


def test_q34_a_gsm_cell_of_the_sim7600():
    driver, table = scripted.sim7600()
    text = b"+CPSI: GSM,Online,460-00,0x182d,12401,27 EGSM 900,-64,2110,42-42"
    table.answers[b"+CPSI?"] = line(text)
    cell = driver.cell()
    assert (cell.plmn, cell.tac, cell.cell, cell.rsrp) == (460000, 0x182D, 12401, -64)


def test_q34_a_wcdma_cell_of_the_sim7600_has_a_level_without_a_sign():
    driver, table = scripted.sim7600()
    text = b"+CPSI: WCDMA,Online,250-20,0x4D07,4487261,WCDMA IMT 2000,38,10563,0,4.0,69,32,46,500"
    table.answers[b"+CPSI?"] = line(text)
    cell = driver.cell()
    assert (cell.plmn, cell.tac, cell.cell, cell.rsrp) == (250020, 0x4D07, 4487261, -69)


def test_q35_the_filler_of_an_odd_iccid():
    driver, table = scripted.bg95()
    table.answers[b"+QCCID"] = line(b"+QCCID: 8949227002805216770F")
    assert driver.identity()[1] == "8949227002805216770"


def test_q36_identity_is_read_again_each_time():
    driver, table = scripted.bg95()
    table.answers[b"+CIMI"] = [line(b"204046612345678"), line(b"460001234567890")]
    table.answers[b"+QCCID"] = [line(b"+QCCID: 8931440400012345678F"), line(b"+QCCID: 8986001234567890123")]
    assert driver.identity()[1:3] == ("8931440400012345678", "204046612345678")
    table.rx = b"\r\n+QUSIM: 1\r\n\r\n+CPIN: READY\r\n"
    assert driver.identity()[1:3] == ("8986001234567890123", "460001234567890")


def test_q46_a_power_off_without_an_answer_is_bounded_and_cuts_the_supply():
    for make in (scripted.bg95, scripted.sim7600):
        driver, table = make()
        driver.stop(False)
        assert table.now < 80000
        assert table.pins[-1] == ("rail", False) and driver.lost_supply


def test_q46_a_sim7600_that_goes_without_a_word_keeps_its_supply():
    driver, table = scripted.sim7600()
    table.answers[b""] = [OK, None]
    driver.stop(False)
    assert not driver.lost_supply and ("rail", False) not in table.pins
    assert table.now < 8000


def test_q47_a_modem_that_does_not_answer_loses_its_supply():
    driver, table = scripted.bg95()
    driver.on = False
    table.answers[b""] = None
    raises(ModemSilent, driver.start, True, False)
    assert table.pins.count(("rail", False)) == 2 and table.pins[-1] == ("rail", False)


def test_q50_every_command_has_a_deadline_of_our_own():
    for make in (scripted.bg95, scripted.sim7600):
        for verb in ("cell", "gnss_poll", "network_time", "identity", "psm_granted"):
            driver, table = make()
            table.answers[b"+"] = None
            if make is scripted.sim7600 and verb == "psm_granted":
                continue
            raises(ModemSilent, getattr(driver, verb))
            assert table.now < 20000
