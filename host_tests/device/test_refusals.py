"""The cause of a refusal: the modems' reports of it, and the number of requests for a PDP context."""

import scripted
from locator.modem import DENIED, UNNAMED, ModemError, PdpError, ntp, refusals
from raising import raises
from scripted import OK, line

EMM, ESM = b"EMM", b"ESM"
NAMES = {
    b"IMSI unknown in HSS": 2,
    b"Illegal UE": 3,
    b"illegal MS": 3,
    b"IMEI not accepted": 5,
    b"ILLEGAL_ME": 6,
    b"EPS services not allowed": 7,
    b"GPRS services not allowed": 7,
    b"EPS services and non-EPS services not allowed": 8,
    b"GPRS services and non-GPRS services not allowed": 8,
    b"PLMN not allowed": 11,
    b"Tracking Area not allowed": 12,
    b"Location area not allowed": 12,
    b"Roaming not allowed in this tracking area": 13,
    b"EPS services not allowed in this PLMN": 14,
    b"No suitable cells in tracking area": 15,
    b"Congestion": 22,
}


def test_the_cause_by_its_number():
    for text in (b"EMM cause 8", b"EMM cause: 8", b"EMM: 8, PLMN not allowed", b"gmm cause #8", b"1,EMM,8"):
        assert refusals.cause(text, EMM) == 8 and refusals.cause(text, ESM) == 0, text
    for text in (b"ESM cause 27", b"ESM: 27 (unknown APN)", b"SM cause 27", b"+CME ERROR: 127"):
        assert refusals.cause(text, ESM) == 27 and refusals.cause(text, EMM) == 0, text
    assert refusals.cause(b"+CME ERROR: 111", EMM) == 11 and refusals.cause(b"111", ESM) == 0
    assert refusals.cause(b"149", ESM) == 29 and refusals.cause(b"149", EMM) == 0


def test_the_cause_by_its_name():
    for name, number in NAMES.items():
        for text in (name, name.upper(), name.lower() + b".", b'0,"' + name.replace(b" ", b"-") + b'"'):
            assert refusals.cause(text, EMM) == number, text
            assert refusals.cause(text, ESM) == 0


def test_errors_without_a_cause():
    for text in (b"", b",", b"No cause information available", b"EMM cause ", b"EMM cause x", b"16", b"\xff"):
        assert refusals.cause(text, EMM) == refusals.cause(text, ESM) == 0


def test_a_refused_choice_by_hand():
    for code, cause in ((103, 3), (107, 7), (111, 11), (115, 15), (122, 22), (133, 33), (148, 0), (150, 0)):
        assert refusals.choice(code) == (True, DENIED, cause)
    for code, over in ((30, True), (32, True), (3, False), (-1, False), (100, False), (151, False)):
        assert refusals.choice(code)[0] == over and refusals.choice(code)[1:] == refusals.choice(-1)[1:]


def test_denied_without_a_cause():
    for make in (scripted.bg95, scripted.sim7600):
        driver, table = make()
        table.answers[b"+CEREG?"] = line(b"+CEREG: 0,3")
        table.answers[b"+CEER"] = line(b"+CEER: No cause information available")
        assert driver.attach(5, 5, 0) == (DENIED, UNNAMED)
        assert driver.serves(0) == (False, UNNAMED)
        table.answers[b"+CEER"] = b"\r\nERROR\r\n"
        assert driver.serves(0) == (False, UNNAMED)
        table.answers[b"+CEER"] = line(b"+CEER: EPS services not allowed")
        assert driver.attach(5, 5, 0) == (DENIED, 7)


def context(refusal, reason=OK, error=OK, granted=0):
    """(code of the `PdpError`, requests) of a time server and a session, both on a BG95 that is refused."""
    driver, table = scripted.bg95()
    table.answers[b"+CEREG?"] = line(b"+CEREG: 4,5")
    table.answers[b"+QIACT="] = [refusal, OK] if granted else refusal
    table.answers[b"+CEER"], table.answers[b"+QIGETERROR"] = reason, error
    assert ntp.ask(driver) is None
    try:
        driver.pdp_open()
    except PdpError as e:
        return e.code, table.sent.count(b"+QIACT=1")
    return None, table.sent.count(b"+QIACT=1")


def test_a_context_is_asked_for_twice_at_most_with_a_time_server_too():
    error = b"\r\nERROR\r\n"
    assert context(error) == (-1, 2)
    assert context(b"\r\n+CME ERROR: 30\r\n") == (30, 2)
    assert context(b"\r\n+CME ERROR: 133\r\n") == (133, 1)
    assert context(error, line(b"+CEER: ESM cause 27")) == (127, 1)
    assert context(error, line(b"+CEER: User authentication failed")) == (129, 1)
    assert context(error, error, line(b"+QIGETERROR: 573,APN not configured")) == (127, 1)
    assert context(error, error, line(b"+QIGETERROR: 561,open PDP context failed")) == (-1, 2)


def test_the_next_start_may_ask_again():
    driver, table = scripted.bg95()
    table.answers[b"+CEREG?"], table.answers[b"+QIACT="] = line(b"+CEREG: 4,5"), b"\r\n+CME ERROR: 133\r\n"
    for requests in (1, 2):
        for _ in range(2):
            assert raises(ModemError, driver.pdp_open).code == 133
        assert table.sent.count(b"+QIACT=1") == requests
        driver.start(False, False)
