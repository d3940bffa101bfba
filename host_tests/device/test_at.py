"""The AT line discipline against any input of a UART."""

from locator.modem import ModemError, ModemRestarted, ModemSilent
from locator.modem.at import Channel
from raising import raises


class FakePort:
    """Answers each write with the next script; bytes come in pieces of `piece`."""

    def __init__(self, *scripts, piece=7):
        self.scripts = list(scripts)
        self.piece = piece
        self.sent = b""
        self.rx = b""
        self.now = 0

    def ticks_ms(self):
        return self.now

    def uart_write(self, data):
        self.sent += bytes(data)
        if self.scripts:
            self.rx += self.scripts.pop(0)

    def uart_readinto(self, buf, timeout_ms):
        if not self.rx:
            self.now += timeout_ms
            return 0
        n = min(len(buf), self.piece, len(self.rx))
        buf[:n] = self.rx[:n]
        self.rx = self.rx[n:]
        self.now += 1
        return n


def channel(*scripts, piece=7):
    port = FakePort(*scripts, piece=piece)
    made = Channel(port)
    made.unsolicited = (b"+CEREG:", b"RDY", b"+QMT", b"+CMQTT")
    made.restart = (b"RDY",)
    made.booting = False
    return made, port


def test_lines_in_pieces_of_any_size():
    for piece in (1, 2, 3, 512):
        at, port = channel(b"AT+CSQ\r\r\n+CSQ: 17,99\r\n\r\nOK\r\n", piece=piece)
        assert at.command(b"+CSQ", 300, b"+CSQ:") == [b"17,99"]
        assert port.sent == b"AT+CSQ\r"


def test_unsolicited_lines_between_echo_reply_and_ok():
    at, _ = channel(b'\r\n+CEREG: 5,"1","2",8\r\n\r\n+CSQ: 1,99\r\n\r\n+QMTSTAT: 0,1\r\n\r\nOK\r\n')
    assert at.command(b"+CSQ", 300, b"+CSQ:") == [b"1,99"]
    assert at.wait(b"+QMTSTAT:", 10) == b"0,1"
    assert at.wait(b"+CEREG:", 10) == b'5,"1","2",8'
    assert at.wait(b"+CEREG:", 10) is None


def test_a_bare_reply_is_not_taken_from_an_unsolicited_line():
    at, _ = channel(b"\r\n+CEREG: 1\r\n\r\n866425030000001\r\n\r\nOK\r\n")
    assert at.command(b"+CGSN", 300) == [b"866425030000001"]


def test_errors_carry_their_code():
    words = ((b"+CME ERROR: SIM busy", 14), (b"+CME ERROR: what", -1))
    for text, code in ((b"+CME ERROR: 516", 516), (b"ERROR", -1)) + words:
        at, _ = channel(b"\r\n" + text + b"\r\n")
        assert raises(ModemError, at.command, b"+X", 300).code == code


def test_silence_ends_at_the_deadline():
    at, port = channel(b"")
    raises(ModemSilent, at.command, b"", 300)
    assert port.now == 300


def test_a_line_without_end_ends_at_the_deadline_and_stays_bounded():
    at, _ = channel(b"x" * 5000)
    raises(ModemSilent, at.command, b"", 3000)
    assert len(at._line) == 560


def test_nul_bytes_are_no_part_of_a_line():
    at, _ = channel(b"\x00\r\n\x00+CSQ: 1\x007,99\r\n\x00\x00\r\nOK\x00\r\n")
    assert at.command(b"+CSQ", 300, b"+CSQ:") == [b"17,99"]


def test_prompts_with_and_without_blank_and_glued_urc():
    for prompt in (b"\r\n> ", b">", b"\r\n+CEREG: 1\r\n\r\n> "):
        at, port = channel(prompt, b"\r\nOK\r\n")
        at.prompted(b"+QMTPUB=0,1,1,0", b"\x00OK\r\n\x1a", 300)
        assert port.sent.endswith(b"\x00OK\r\n\x1a")


def test_a_refused_prompt_raises():
    at, port = channel(b"\r\nERROR\r\n")
    raises(ModemError, at.prompted, b"+QMTPUB=0,1,1,0", b"data", 300)
    assert b"data" not in port.sent


def test_a_reboot_in_mid_command_is_seen():
    at, _ = channel(b"\r\nRDY\r\n")
    raises(ModemRestarted, at.command, b"+CSQ", 300)


def test_a_payload_is_read_by_length_whatever_it_contains():
    payload = b"\r\nOK\r\n+CMQTTRXEND: 0\r\n\x00\xff"
    for piece in (1, 5, 512):
        at, port = channel(piece=piece)
        at.raw_prefix, at.raw_commas = b"+QMTRECV:", 4
        port.rx = b'\r\n+QMTRECV: 0,0,"a/down",%d,"' % len(payload) + payload + b'"\r\n'
        assert at.wait(b"+QMTRECV:", 1000) is not None
        assert bytes(at.inbox[: at.inbox_n]) == payload


def test_a_payload_in_chunks():
    at, port = channel()
    at.raw_prefix = b"+CMQTTRXPAYLOAD:"
    port.rx = (
        b"\r\n+CMQTTRXSTART: 0,6,5\r\n\r\n+CMQTTRXTOPIC: 0,6\r\na/down"
        b"\r\n+CMQTTRXPAYLOAD: 0,3\r\nOK\n\r\n+CMQTTRXPAYLOAD: 0,2\r\n\r\n\r\n+CMQTTRXEND: 0\r\n"
    )
    assert at.wait(b"+CMQTTRXEND:", 1000) == b"0"
    assert bytes(at.inbox[: at.inbox_n]) == b"OK\n\r\n"


def test_reading_a_line_allocates_nothing():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        return  # CPython has no such lock

    class Quiet(FakePort):
        def uart_readinto(self, buf, timeout_ms):
            for i in range(12):
                buf[i] = self.rx[i]
            return 12

    port = Quiet()
    port.rx = b"\r\n+CSQ: 1\r\nO"
    at = Channel(port)
    line = at._next_line
    heap_lock()
    n = line(1000, False)
    heap_unlock()
    assert n == 7


def test_a_late_answer_is_not_taken_for_the_one_to_the_next_command():
    late, ours = b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n", b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n"
    for piece in (1, 512):
        # What comes after +CSQ, the first AT, the second (its own OK after the late answer), and +CSQ again.
        at, port = channel(b"", b"", late + b"\r\nOK\r\n", ours, piece=piece)
        raises(ModemSilent, at.command, b"+CSQ", 1000, b"+CSQ:")
        assert at.command(b"+CSQ", 1000, b"+CSQ:") == [b"9,99"]
        assert not port.rx.strip()


def test_unsolicited_lines_beside_a_late_answer_are_kept():
    at, _ = channel(b"", b"\r\n+X: 1\r\n\r\nOK\r\n\r\nOK\r\n\r\n+QMTSTAT: 0,1\r\n", b"\r\nOK\r\n")
    raises(ModemSilent, at.command, b"+X", 1000)
    at.command(b"+Y", 1000)
    assert at.wait(b"+QMTSTAT:", 10) == b"0,1"


def test_a_restart_is_seen_instead_of_a_late_answer():
    at, _ = channel(b"", b"\r\nRDY\r\n")
    raises(ModemSilent, at.command, b"+X", 1000)
    raises(ModemRestarted, at.command, b"+Y", 1000)


def test_a_modem_that_has_fallen_silent_is_not_waited_for_again_in_full():
    at, port = channel()
    raises(ModemSilent, at.command, b"+X", 120000)
    raises(ModemSilent, at.prompted, b"+Y", b"data", 120000)
    assert port.now < 130000 and b"+Y" not in port.sent and b"data" not in port.sent


def test_endless_chatter_blocks_no_command():
    class Chatter(FakePort):
        def uart_readinto(self, buf, timeout_ms):
            self.rx = self.rx or (b"\r\nOK\r\n" if self.sent else b"")
            return FakePort.uart_readinto(self, buf, timeout_ms)

    at, _ = channel()
    raises(ModemSilent, at.command, b"+X", 1000)
    at._port = Chatter()
    at.command(b"+Y", 1000)
    assert at._port.now < 7000
