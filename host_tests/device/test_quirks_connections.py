"""Undocumented behaviour of real modems while they connect; numbered as in docs/reference/quirks.md."""

import scripted
from locator.modem import (
    ConnectionLost,
    ModemError,
    ModemSilent,
    PdpError,
)
from locator.modem.sim7600 import mqtt
from raising import raises
from scripted import OK, line


def test_q22_registered_without_data_ends_at_the_deadline():
    driver, table = scripted.bg95()
    table.answers[b"+QIACT="] = b"\r\n+CME ERROR: 30\r\n"
    raises(ModemError, driver.mqtt_open, b"h", 8883, b"d", b"p", b"ca")
    assert table.now < 60000


def test_q23_q30_a_connection_that_ends_is_noticed_at_once():
    driver, table = scripted.bg95()
    table.answers[b"+QMTOPEN="] = OK + b"\r\n+QMTOPEN: 0,0\r\n"
    table.answers[b"+QMTCONN="] = OK + b"\r\n+QMTCONN: 0,0,0\r\n"
    table.answers[b"+QFUPL"] = b"\r\nCONNECT\r\n"
    driver.mqtt_open(b"h", 8883, b"d", b"p", b"ca")
    table.answers[b"+QMTPUB"] = b"\r\n> "
    for after_the_data in (OK + b"\r\n+QMTSTAT: 0,2\r\n", b"\r\n+QMTSTAT: 0,2\r\n\r\n+CME ERROR: 3\r\n"):
        table.answers[b"data"] = after_the_data
        began = table.now
        assert raises(ConnectionLost, driver.mqtt_publish, b"t", b"x").code == 2
        assert table.now - began < 1000
    driver, table = scripted.sim7600()
    table.answers[b"+CMQTTSTART"] = OK + b"\r\n+CMQTTSTART: 0\r\n"
    table.answers[b"+CMQTTCONNECT"] = OK + b"\r\n+CMQTTCONNECT: 0,0\r\n"
    table.answers[b"+CCERTDOWN"] = b"\r\n>"
    driver.mqtt_open(b"h", 8883, b"d", b"p", b"ca")
    table.rx = b"\r\n+CMQTTCONNLOST: 0,1\r\n"
    assert raises(ConnectionLost, driver.mqtt_receive, 10000).code == 1
    driver.mqtt_close()
    table.rx = b"\r\n+CMQTTCONNLOST: 0,1\r\n"
    assert driver.mqtt_receive(1000) is None  # not connected


def test_q23_a_failed_connect_that_the_state_alone_reports_is_noticed_at_once():
    for states, end in (((b"+QMTSTAT: 0,4",), 4), ((b"+QMTSTAT: 0,1", b"+QMTSTAT: 0,3"), 3)):
        driver, table = scripted.bg95()
        table.answers[b"+QFUPL"] = b"\r\nCONNECT\r\n"
        table.answers[b"+QMTOPEN="] = OK + b"\r\n+QMTOPEN: 0,0\r\n"
        table.answers[b"+QMTCONN="] = OK + b"".join([b"\r\n" + state + b"\r\n" for state in states])
        assert raises(ConnectionLost, driver.mqtt_open, b"h", 8883, b"d", b"p", b"ca").code == end
        assert table.now < 20000  # 12 s of them for a registration
        table.answers[b"+QMTCONN="] = OK + b"\r\n+QMTSTAT: 0,1\r\n\r\n+QMTCONN: 0,0,0\r\n"
        driver.mqtt_open(b"h", 8883, b"d", b"p", b"ca")


UNREADABLE = ((b"0,5", 5), (b"0,", -1), (b"", -1), (b"x", -1))


def test_an_outcome_that_cannot_be_read_is_a_refusal_without_a_number():
    driver, table = scripted.bg95()
    table.answers[b"+QFUPL"] = b"\r\nCONNECT\r\n"
    for outcome, code in UNREADABLE:
        table.answers[b"+QMTOPEN="] = OK + line(b"+QMTOPEN: " + outcome)
        assert raises(ModemError, driver.mqtt_open, b"h", 8883, b"d", b"p", b"ca").code == code
    table.answers[b"+QMTOPEN="] = OK + b"\r\n+QMTOPEN: 0,0\r\n"
    for outcome, code in UNREADABLE:
        table.answers[b"+QMTCONN="] = OK + line(b"+QMTCONN: 0," + outcome)
        table.sent = []  # the heap is small
        assert raises(ModemError, driver.mqtt_open, b"h", 8883, b"d", b"p", b"ca").code == code


def test_the_same_of_a_sim7600():
    driver, table = scripted.sim7600()
    table.answers[b"+CCERTDOWN"] = b"\r\n>"
    table.answers[b"+CMQTTSTART"] = OK + b"\r\n+CMQTTSTART: 0\r\n"
    for outcome, code in UNREADABLE:
        table.answers[b"+CMQTTCONNECT"] = OK + line(b"+CMQTTCONNECT: " + outcome)
        assert raises(ModemError, driver.mqtt_open, b"h", 8883, b"d", b"p", b"ca").code == code


def test_q22_a_context_is_asked_for_twice_however_the_refusal_is_worded():
    for refusal in (b"\r\n+CME ERROR: 30\r\n", b"\r\nERROR\r\n"):
        driver, table = scripted.bg95()
        table.answers[b"+CEREG?"] = line(b"+CEREG: 4,5")
        table.answers[b"+QIACT="] = refusal
        raises(PdpError, driver.pdp_open)
        assert table.sent.count(b"+QIACT=1") == 2


def test_q25_mqtt_that_was_started_before():
    for late in (b"\r\n+CMQTTSTART: 23\r\n\r\nERROR\r\n", b"\r\n+CMQTTSTART: 0,23\r\n\r\nERROR\r\n"):
        driver, table = scripted.sim7600()
        table.answers[b"+CMQTTSTART"] = [late, OK + b"\r\n+CMQTTSTART: 0\r\n"]
        mqtt.start_service(driver)
        assert b"+CMQTTREL=0" in table.sent and b"+CMQTTSTOP" in table.sent


def test_q25_an_error_alone_is_taken_for_it_only_if_the_service_runs():
    driver, table = scripted.sim7600()
    error = b"\r\nERROR\r\n"
    table.answers[b"+CMQTTSTART"] = [error, OK + b"\r\n+CMQTTSTART: 0\r\n"]
    mqtt.start_service(driver)
    assert table.sent.count(b"+CMQTTSTART") == 2
    driver, table = scripted.sim7600()
    table.answers[b"+CMQTTSTART"] = table.answers[b"+CMQTTSTOP"] = error
    raises(PdpError, mqtt.start_service, driver)
    assert table.sent.count(b"+CMQTTSTART") == 1


def test_q26_a_session_left_half_open_is_closed_first():
    driver, table = scripted.bg95()
    table.answers[b"+QMTOPEN?"] = line(b'+QMTOPEN: 0,"h",8883')
    table.answers[b"+QMTOPEN="] = OK + b"\r\n+QMTOPEN: 0,0\r\n"
    table.answers[b"+QMTCONN="] = OK + b"\r\n+QMTCONN: 0,0,0\r\n"
    table.answers[b"+QFUPL"] = b"\r\nCONNECT\r\n"
    driver.mqtt_open(b"h", 8883, b"d", b"p", b"ca")
    assert b"+QMTCLOSE=0" in table.sent


def test_q27_a_connection_lost_without_notice_ends_at_the_deadline():
    driver, table = scripted.bg95()
    assert driver.mqtt_receive(10000) is None
    table.answers[b"+QMTPUB"] = b"\r\n> "
    raises(ModemSilent, driver.mqtt_publish, b"t", b"x")
    assert table.now < 70000


def test_q28_q29_tls_and_binary_payloads_are_set_for_each_attempt():
    driver, table = scripted.sim7600()
    table.answers[b"+CMQTTSTART"] = OK + b"\r\n+CMQTTSTART: 0\r\n"
    table.answers[b"+CMQTTCONNECT"] = b"\r\n+CMQTTCONNECT: 0,32\r\n\r\nERROR\r\n"
    table.answers[b"+CCERTDOWN"] = b"\r\n>"
    for _ in range(2):
        raises(ModemError, driver.mqtt_open, b"h", 8883, b"d", b"p", b"ca")
    assert table.sent.count(b"+CMQTTSSLCFG=0,0") == 2
    assert table.sent.count(b'+CMQTTCFG="checkUTF8",0,0') == 2
    assert sum(command.startswith(b"+CCERTDELE") for command in table.sent) == 2


def test_q30_sent_again_is_no_failure():
    driver, table = scripted.bg95()
    table.answers[b"+QMTPUB"] = b"\r\n> "
    table.answers[b"data"] = OK + b"\r\n+QMTPUB: 0,1,1,1\r\n\r\n+QMTPUB: 0,1,1,2\r\n\r\n+QMTPUB: 0,1,0\r\n"
    driver.mqtt_publish(b"t", b"x")


def test_q30_sent_again_while_connecting_and_subscribing():
    driver, table = scripted.bg95()
    table.answers[b"+QFUPL"] = b"\r\nCONNECT\r\n"
    table.answers[b"+QMTOPEN="] = OK + b"\r\n+QMTOPEN: 0,0\r\n"
    table.answers[b"+QMTCONN="] = OK + b"\r\n+QMTCONN: 0,1\r\n\r\n+QMTCONN: 0,0,0\r\n"
    driver.mqtt_open(b"h", 8883, b"d", b"p", b"ca")
    table.answers[b"+QMTSUB="] = OK + b"\r\n+QMTSUB: 0,1,1,1\r\n\r\n+QMTSUB: 0,1,0,0\r\n"
    driver.mqtt_subscribe(b"t")
    table.answers[b"+QMTSUB="] = OK + b"\r\n+QMTSUB: 0,1,1,1\r\n"
    raises(ModemSilent, driver.mqtt_subscribe, b"t")


def test_q30_sent_again_for_ever_ends_at_the_deadline():
    driver, table = scripted.bg95()
    table.answers[b"+QMTPUB"] = b"\r\n> "
    table.answers[b"data"] = OK + b"\r\n+QMTPUB: 0,1,1\r\n" * 12
    raises(ModemError, driver.mqtt_publish, b"t", b"x")
    assert table.now < 70000
