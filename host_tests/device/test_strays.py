"""Unexpected final results: an answer belongs to its command, or is an error."""

import scripted
from locator.modem import ModemError, ModemRestarted, ModemSilent
from raising import raises
from scripted import OK, line

STRAYS = (
    b"\r\nOK\r\n", b"\r\nERROR\r\n", b"\r\n+CME ERROR: 3\r\n", b"\r\n+CME ERROR: SIM busy\r\n",
    b"\r\nRING\r\n\r\nNO CARRIER\r\n", b"\r\nNO ANSWER\r\n", b"\r\nBUSY\r\n",
    b"\r\nMISSED_CALL: 10:15AM 00491234567890\r\n", b"\r\nVOICE CALL: END: 000000\r\n",
)  # fmt: skip


class Numbers:
    """The same numbers on every runtime."""

    def __init__(self, seed):
        self._state = seed

    def below(self, count):
        self._state = (1103515245 * self._state + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % count


class Queued(scripted.Table):
    """A modem that does one command after the other, each in its own time, and gives each answer once. Strays
    fall before, within and after the answers, one in `rarity` times."""

    def __init__(self, seed, rarity):
        scripted.Table.__init__(self)
        self._numbers = Numbers(seed)
        self._rarity = rarity
        self._coming = []  # (when, bytes), in order
        self._free = 0
        self.asked = {}  # how often: the number of the last answer
        self.strays = 0

    def uart_write(self, data):
        command = bytes(data)[2:-1]
        count = self.asked[command] = self.asked.get(command, 0) + 1
        self._free = max(self._free, self.now) + self._numbers.below(700)
        for part in self._parts(command, count):
            self._stray()
            self._say(part)
            self._free += self._numbers.below(30)
        self._stray()

    def _parts(self, command, count):
        heads = {b"+CGSN": b"86%013d", b"+CIMI": b"46%013d", b"+CICCID": b"+ICCID: 89%017d"}
        if command in heads:
            return (b"\r\n" + heads[command] % count + b"\r\n", OK)
        if command == b"+CSQ":
            return (b"\r\n+CSQ: %d,99\r\n" % count, OK)
        if command == b"+CMEE?":
            return (b"\r\n+CMEE: 1\r\n", OK)
        if command == b"+CGPS=1":
            return (b"\r\nERROR\r\n",)
        return (OK,)

    def _stray(self):
        if self._numbers.below(self._rarity) == 0:
            self.strays += 1
            self._say(STRAYS[self._numbers.below(len(STRAYS))])
            self._free += self._numbers.below(50)

    def _say(self, data):
        self._coming.append((self._free, data))

    def uart_readinto(self, buf, timeout_ms):
        end = self.now + timeout_ms
        if not self.rx and self._coming and self._coming[0][0] <= end:
            self.now = max(self.now, self._coming[0][0])
        elif not self.rx:
            self.now = end
        while self._coming and self._coming[0][0] <= self.now:
            self.rx += self._coming.pop(0)[1]
        n = min(len(buf), len(self.rx))
        buf[:n] = self.rx[:n]
        self.rx = self.rx[n:]
        return n


def queued(seed, rarity):
    driver, _ = scripted.sim7600()
    table = Queued(seed, rarity)
    scripted.plug(driver, table)
    return driver, table


def test_with_stray_finals_anywhere_an_answer_belongs_to_its_command_or_is_an_error():
    right = strays = 0
    for seed in range(1, 9):
        driver, table = queued(seed, 4)
        asks = (
            (b"+CGSN", lambda driver: driver._number(b"+CGSN", (14, 16)), "86%013d"),
            (b"+CIMI", lambda driver: driver.imsi(), "46%013d"),
            (b"+CICCID", lambda driver: driver._number(b"+CICCID", (18, 20)), "89%017d"),
            (b"+CSQ", lambda driver: "%d" % driver.signal(), "%d"),
            (b"+CGPS=1", lambda driver: driver.gnss_start(False), ""),
        )
        numbers = Numbers(100 + seed)
        for turn in range(60):
            command, ask, shape = asks[numbers.below(len(asks))]
            try:
                got = ask(driver)
            except ModemSilent:
                raise
            except ModemError:
                continue
            if shape and got not in ("", "99"):  # nothing; 99: no answer, so no signal
                assert got == shape % table.asked[command], (seed, turn, command, got)
                right += 1
        strays += table.strays
    assert strays > 300 and right > 150, (strays, right)


def test_without_strays_every_question_is_asked_once_and_answered():
    driver, table = queued(1, 1 << 30)
    for count in range(1, 11):
        assert driver.signal() == count
        assert driver.imsi() == "46%013d" % count
    assert b"+CMEE?" not in table.asked


def test_a_call_that_ends_is_no_answer():
    for ends in (b"NO CARRIER", b"NO ANSWER", b"BUSY"):
        driver, table = scripted.sim7600()
        ended = b"\r\nRING\r\n\r\n" + ends + b"\r\n"
        table.answers[b"+CGSN"] = ended + line(b"861477060123453")
        table.answers[b"+CIMI"] = ended + line(b"204046612345678")
        table.answers[b"+CICCID"] = line(b"+ICCID: 8931440400012345678")
        table.answers[b"+CGMR"] = ended + line(b"+CGMR: LE11B12SIM7600M22")
        for _ in range(10):
            reported = driver.identity()
            assert reported == (
                "861477060123453",
                "8931440400012345678",
                "204046612345678",
                "LE11B12SIM7600M22",
            )
        assert driver.channel.uninvited[0] == 30


def test_a_transfer_of_a_file_may_end_in_no_carrier():
    driver, table = scripted.bg95()
    table.answers[b"+QFUPL"], table.answers[b"data"] = b"\r\nCONNECT\r\n", b"\r\nNO CARRIER\r\n"
    raises(ModemError, driver.part("mqtt").provide_ca, driver, b"ca")


def test_an_error_followed_by_ok_shifts_nothing():
    for behind in (OK, b"\r\nERROR\r\n", OK + OK):
        driver, table = scripted.sim7600()
        table.answers[b"+CSQ"] = line(b"+CSQ: 9,99")
        table.answers[b"+CIMI"] = line(b"204046612345678")
        table.answers[b"+CGPS=1"] = b"\r\n+CME ERROR: 3\r\n" + behind
        for _ in range(5):
            driver.gnss_start(False)
            assert driver.imsi() == "204046612345678" and driver.signal() == 9


def test_a_doubled_ok_does_not_answer_for_the_next_command():
    driver, table = scripted.sim7600()
    table.answers[b"+CTZU"], table.answers[b"+CGPSXE"] = OK + OK, b"\r\nERROR\r\n"
    for _ in range(3):
        assert driver.accepts(b"+CTZU=1") and not driver.accepts(b"+CGPSXE=1")


def test_an_error_before_the_prompt_does_not_leave_the_modem_waiting_for_data():
    driver, table = scripted.bg95()
    table.answers[b"+QMTPUB"] = b"\r\n+CME ERROR: 3\r\n\r\n> "
    table.answers[b"data"] = OK + b"\r\n+QMTPUB: 0,1,0\r\n"
    driver.mqtt_publish(b"t", b"abc")
    assert table.data == b"abc"
    table.answers[b"+QMTPUB"] = b"\r\n+CME ERROR: 3\r\n"
    assert raises(ModemError, driver.mqtt_publish, b"t", b"abc").code == 3


def test_words_for_a_code_are_the_code():
    driver, table = scripted.bg95()
    for words in (b"Not fixed now", b"not fixed now", b"NOT FIXED NOW"):
        table.answers[b"+QGPSLOC=2"] = b"\r\n+CME ERROR: " + words + b"\r\n"
        assert driver.gnss_poll() is None
    assert not driver.channel.unsure  # it is asked once a second
    table.answers[b"+QGPS=1"] = b"\r\n+CME ERROR: Session is ongoing\r\n"
    driver.gnss_start(False)
    table.answers[b"+CPIN?"] = b"\r\n+CME ERROR: SIM not inserted\r\n"
    assert driver.card_gone()


def test_a_card_that_is_busy_for_twenty_seconds_is_waited_for():
    for refusal in (b"\r\n+CME ERROR: 14\r\n", b"\r\n+CME ERROR: SIM busy\r\n"):
        for make in (scripted.bg95, scripted.sim7600):
            driver, table = make()
            table.answers[b"+CPIN?"] = [refusal] * 20 + [line(b"+CPIN: READY")]
            driver.await_card()
            assert table.sent.count(b"+CPIN?") == 21
            table.answers[b"+CPIN?"] = refusal
            driver.await_card()
            assert table.now < 50000


def test_a_card_that_is_not_there_is_not_waited_for_as_long():
    driver, table = scripted.sim7600()
    table.answers[b"+CPIN?"] = b"\r\n+CME ERROR: 10\r\n"
    driver.await_card()
    assert table.now <= 12000


def test_rdy_twice_within_a_second_is_one_boot():
    for make in (scripted.bg95, scripted.sim7600):
        driver, table = make()
        driver.on, driver.channel.booting = False, True
        table.answers[b"E0"] = b"\r\nRDY\r\n" + OK
        table.answers[b"+CSQ"] = b"\r\nRDY\r\n" + line(b"+CSQ: 9,99")
        table.rx = b"\r\nRDY\r\n"
        driver.start(False, False)
        assert driver.signal() == 9
        table.now += 2000
        raises(ModemRestarted, driver.signal)


def test_a_sim7600_that_begins_with_atready_is_there_as_soon_as_with_rdy():
    took = []
    for first in (b"RDY", b"*ATREADY: 1"):
        driver, table = scripted.sim7600()
        driver.on = False

        def key(pressed, table=table, first=first):
            table.rx += b"" if pressed else b"\r\n" + first + b"\r\n"

        table.modem_key = key
        driver.start(True, False)
        took.append(table.now)
        assert driver.on
    assert took[1] == took[0]


def test_atready_in_mid_run_is_a_restart():
    driver, table = scripted.sim7600()
    table.rx = b"\r\n*ATREADY: 1\r\n"
    raises(ModemRestarted, driver.signal)


def test_a_late_boot_line_is_a_restart_if_the_echo_is_back():
    for make, sign in ((scripted.sim7600, b"PB DONE"), (scripted.bg95, b"APP RDY")):
        driver, table = make()
        table.answers[b"+CSQ"] = line(b"+CSQ: 9,99")
        table.answers[b"+CMEE?"] = b"AT+CMEE?\r\r\n+CMEE: 0\r\n" + OK
        table.rx = b"\r\n" + sign + b"\r\n"
        assert driver.signal() == 9
        raises(ModemRestarted, driver.signal)


def test_a_late_boot_line_is_a_restart_also_for_who_waits():
    driver, table = scripted.sim7600()
    table.answers[b"+CMEE?"] = b"AT+CMEE?\r\r\n+CMEE: 0\r\n" + OK
    driver.accepts(b"+CREG=0")
    table.rx = b"\r\nPB DONE\r\n"
    raises(ModemRestarted, driver.channel.wait, b"+CMQTTCONNECT:", 120000)
    assert table.now < 2000


class Echoing(scripted.Table):
    """A modem whose echo nothing turns off."""

    def uart_write(self, data):
        self.rx += bytes(data)
        scripted.Table.uart_write(self, data)


def test_an_echo_that_was_never_off_is_no_restart():
    for refusal in (OK, b"\r\nERROR\r\n"):
        for make in (scripted.bg95, scripted.sim7600):
            driver, plain = make()
            table = Echoing()
            scripted.plug(driver, table)
            table.answers = plain.answers
            table.answers[b"E0"] = refusal
            table.answers[b"+CGPS=1"] = table.answers[b"+QGPS=1"] = b"\r\n+CME ERROR: 504\r\n"
            table.answers[b"+CSQ"] = line(b"+CSQ: 9,99")
            driver.on = False
            driver.start(False, True)
            for _ in range(3):
                driver.gnss_start(False)
                assert driver.signal() == 9


def test_a_scan_that_heard_nothing_and_a_card_that_is_not_known_leave_the_channel_unsure():
    from locator.modem import survey

    driver, table = scripted.sim7600()
    assert survey.scan(driver) == [] and driver.channel.unsure
    table.answers[b"+CPIN?"] = OK
    assert not driver.card_gone() and driver.channel.unsure


def test_a_late_boot_line_of_a_card_that_starts_again_is_none():
    for make, sign in ((scripted.sim7600, b"PB DONE"), (scripted.bg95, b"APP RDY")):
        driver, table = make()
        table.answers[b"+CSQ"] = b"\r\n" + sign + b"\r\n" + line(b"+CSQ: 9,99")
        assert driver.signal() == driver.signal() == 9


def test_a_queued_command_yields_to_one_of_its_kind():
    driver, table = scripted.bg95()
    table.answers[b"+QMTOPEN="] = OK + b"\r\n+QMTOPEN: 0,0\r\n" + b"\r\n+QMTSTAT: 0,1\r\n" * 15
    driver.channel.command(b"+QMTOPEN=0", 1000)
    table.answers[b"+CSQ"] = line(b"+CSQ: 9,99")
    assert driver.signal() == 9
    assert driver.channel.wait(b"+QMTOPEN:", 150000) == b"0,0"
    assert table.now < 1000


def connected_bg95(stale):
    driver, table = scripted.bg95()
    table.answers[b"+CEREG?"] = line(b"+CEREG: 4,5")
    table.answers[b"+QFUPL"] = b"\r\nCONNECT\r\n"
    table.answers[b"+QMTOPEN="] = stale + OK + stale + b"\r\n+QMTOPEN: 0,0\r\n" + stale
    table.answers[b"+QMTCONN="] = OK + b"\r\n+QMTCONN: 0,0,0\r\n"
    driver.mqtt_open(b"h", 8883, b"d", b"p", b"ca")
    table.answers[b"+QMTPUB"] = b"\r\n> "
    table.answers[b"data"] = OK + b"\r\n+QMTPUB: 0,1,0\r\n"
    return driver, table


def test_the_end_of_the_connection_before_does_not_end_the_new_one():
    for stale in (b"\r\n+QMTSTAT: 0,1\r\n", b'\r\n+QIURC: "pdpdeact",1\r\n', b"\r\n+QMTSTAT: 0,1\r\n" * 15):
        driver, table = connected_bg95(stale)
        driver.mqtt_publish(b"t", b"abc")
        assert table.now < 5000


def test_the_end_of_the_connection_before_does_not_end_the_new_one_of_a_sim7600():
    for stale in (b"\r\n+CMQTTCONNLOST: 0,1\r\n", b"\r\n+CMQTTCONNLOST: 0,3\r\n\r\n+CMQTTNONET\r\n" * 15):
        driver, table = scripted.sim7600()
        table.answers[b"+CMQTTSTART"] = OK + b"\r\n+CMQTTSTART: 0\r\n"
        table.answers[b"+CMQTTCONNECT"] = stale + OK + stale + b"\r\n+CMQTTCONNECT: 0,0\r\n"
        table.answers[b"+CMQTTPUB"] = OK + b"\r\n+CMQTTPUB: 0,0\r\n"
        for prompted in (b"+CCERTDOWN", b"+CMQTTTOPIC", b"+CMQTTPAYLOAD"):
            table.answers[prompted] = b"\r\n>"
        driver.mqtt_open(b"h", 8883, b"d", b"p", b"ca")
        driver.mqtt_publish(b"t", b"abc")
        assert table.now < 5000


def test_the_end_of_the_socket_before_does_not_end_the_new_one():
    from locator.modem import sockets

    for make, opening, opened, ended in (
        (scripted.bg95, b"+QSSLOPEN", b"+QSSLOPEN: 0,0", b'+QSSLURC: "closed",0'),
        (scripted.sim7600, b"+CCHOPEN", b"+CCHOPEN: 0,0", b"+CCH_PEER_CLOSED: 0"),
    ):
        driver, table = make()
        stale = b"\r\n" + ended + b"\r\n"
        table.answers[b"+QFUPL"], table.answers[b"+CCERTDOWN"] = b"\r\nCONNECT\r\n", b"\r\n>"
        table.answers[b"+CCHSTART"] = OK + b"\r\n+CCHSTART: 0\r\n"
        table.answers[b"+CCHCLOSE"] = table.answers[b"+CCHSTOP"] = b"\r\nERROR\r\n"
        table.answers[opening] = stale * 15 + OK + b"\r\n" + opened + b"\r\n"
        socket = sockets.make(driver)
        socket.open(b"h", 8883, b"ca")
        assert not socket.receive(100)


def failing(way_there):
    driver, table = scripted.bg95()
    table.answers[b"+CEREG?"] = line(b"+CEREG: 4,5")
    table.answers[b"+QFUPL"] = b"\r\nCONNECT\r\n"
    table.answers[b"+QMTOPEN="] = OK + b"\r\n+QMTOPEN: 0,-1\r\n"
    table.answers[b"+QIOPEN="] = way_there
    return raises(ModemError, driver.mqtt_open, b"h", 8883, b"d", b"p", b"ca"), table


def test_a_connection_that_does_not_open_is_a_failed_handshake_only_if_there_is_a_way():
    from locator.modem import TlsError

    error, table = failing(OK + b"\r\n+QIOPEN: 11,0\r\n")
    assert type(error) is TlsError and table.sent[-1] == b"+QICLOSE=11"
    for no_way in (OK + b"\r\n+QIOPEN: 11,566\r\n", b"\r\nERROR\r\n", OK):
        error, table = failing(no_way)
        assert type(error) is ModemError and error.code == -1
        assert table.now < 35000
