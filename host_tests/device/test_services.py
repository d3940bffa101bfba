"""Voice and SMS: read, switched off, reported; and calls that come nevertheless."""

import scripted
from locator import state as st
from locator.actions import recovery as trouble
from locator.codec import cbor
from locator.journal import log as logs
from locator.modem import services
from locator.session import extras
from scripted import OK, line

ON, OFF = (3,), (0,)
REFUSED = b"\r\n+CME ERROR: 3\r\n"
# What each modem answers to the question, and what that means.
ANSWERS = (
    (scripted.bg95, line(b'+QCFG: "servicedomain",2'), ON),
    (scripted.bg95, line(b'+QCFG: "servicedomain",1'), OFF),
    (scripted.bg95, line(b'+QCFG: "servicedomain",0'), ON),
    (scripted.bg95, line(b'+QCFG:"servicedomain", 1'), OFF),
    (scripted.bg95, line(b'+QCFG: "servicedomain"'), ()),
    (scripted.bg95, line(b'+QCFG: "servicedomain",7'), ()),
    (scripted.bg95, b"\r\nERROR\r\n", ()),
    (scripted.bg95, OK, ()),
    (scripted.sim7600, line(b"+CEMODE: 0"), OFF),
    (scripted.sim7600, line(b"+CEMODE: 1"), ON),
    (scripted.sim7600, line(b"+CEMODE: 2"), ON),
    (scripted.sim7600, line(b"+CEMODE: 3"), OFF),
    (scripted.sim7600, line(b"+CEMODE: x"), ()),
    (scripted.sim7600, REFUSED, ()),
)
CHANGES = (
    (scripted.bg95, b'"servicedomain",%d', (2, 1)),
    (scripted.sim7600, b"%d", (1, 0)),
)


def test_each_answer_means_something_or_nothing():
    for make, answer, meaning in ANSWERS:
        driver, table = make()
        question = driver.SERVICES[0]
        table.answers[question] = answer
        wanted = meaning == ON
        assert services.settle(driver, wanted) == meaning, answer
        assert table.sent == [question], answer  # already as wanted, or unknown


def test_it_is_changed_once_and_read_again():
    for make, shape, (on, off) in CHANGES:
        for wanted, before, after, reported in ((0, on, off, (0,)), (1, off, on, (3,))):
            driver, table = make()
            question, prefix, change = driver.SERVICES[:3]
            table.answers[question] = [line(prefix + b" " + shape % each) for each in (before, after)]
            table.answers[change % (2 if wanted else off)] = OK
            assert services.settle(driver, wanted) == reported
            assert table.sent == [question, change % (2 if wanted else off), question]


def test_a_change_that_is_refused_is_no_fault():
    for make, shape, (on, off) in CHANGES:
        driver, table = make()
        question, prefix, change = driver.SERVICES[:3]
        table.answers[question] = line(prefix + b" " + shape % on)
        table.answers[change % off] = REFUSED
        assert services.settle(driver, 0) == ON
        assert table.sent == [question, change % off, question]


def test_calls_and_messages_are_counted_and_are_no_replies():
    driver, table = scripted.bg95()
    table.answers[b"+CGSN"] = b'\r\nRING\r\n\r\n+CLIP: "+49",145\r\n\r\n+CMTI: "SM",3\r\n' + line(
        b"864475041234565"
    )
    assert driver.identity()[0] == "864475041234565"
    assert driver.channel.uninvited == [1, 1]
    table.rx = b"\r\n+CRING: VOICE\r\n\r\n+CDSI: 1,2\r\n"
    assert driver.channel.wait(b"+QMT", 100) is None
    assert driver.channel.uninvited == [2, 2] and driver.channel._queue == []


def test_the_text_of_a_message_is_taken_for_nothing_else():
    for text in (b"OK", b"ERROR", b"RDY", b"+QMTSTAT: 0,1", b"NO CARRIER"):
        driver, table = scripted.bg95()
        driver.channel.lost = (b"+QMTSTAT:",)
        shown = b'\r\n+CMT: "+49",,"20/06/02"\r\n' + text + b"\r\n"
        table.answers[b"+CSQ"] = shown + line(b"+CSQ: 9,99")
        assert driver.signal() == 9, text
        assert driver.channel.uninvited == [0, 1] and driver.channel._queue == []


def test_received_uplinks_are_counted_and_reported():
    state, noted = st.new(), []
    trouble.uninvited((0, 2), state, lambda *entry: noted.append(entry))
    assert noted == [(logs.MESSAGED, 2)] and state[st.TO_REPORT] == st.REPORT_DIAGNOSTICS
    trouble.uninvited((3, 1), state, lambda *entry: noted.append(entry))
    assert noted[1:] == [(logs.CALLED, 3), (logs.MESSAGED, 1)]


def test_it_is_sent_after_the_identity():
    who = ("imei", "iccid", "imsi", "fw")
    for reported, size, end in (((), 4, b"\x03\x62fw"), ((0,), 5, b"\x04\x00"), ((3,), 5, b"\x04\x03")):
        out = cbor.Writer(bytearray(64))
        extras.write_identity(out, who + reported)
        written = bytes(out.buf[: out.n])
        assert written[:2] == bytes((3, 0xA0 + size)) and written.endswith(end)
