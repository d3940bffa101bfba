"""The bench's parsers against lines that modems print, its masks, and profiles on an eUICC."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locator.modem import ConnectionLost, ModemError, PdpError, TlsError

from tools.bench import BenchError, profiles, replies, transcript
from tools.bench.kinds import KINDS
from tools.bench.ports import Recorder
from tools.bench.replay import ReplayPort
from tools.bench.run import words_of
from tools.bench.settings import split
from tools.bench.transcript import Event, Mask, Request, Transcript

# From SGP.22: one profile, ICCID 8949030000000000001, enabled, provider SP, name P1, operational.
PROFILES = (
    "BF2D35A033E3315A0A989430000000000000F14F10A0000005591010FFFFFFFF89000011009F7001019002455591025350920250"
    "31950102"
)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            '+COPS: (2,"O2 - DE","O2","26203",7),(3,"T-Mobile","TMO","26201",7),,(0-4),(0-2)',
            [(2, "O2 - DE", 262_003, "LTE"), (3, "T-Mobile", 262_001, "LTE")],
        ),
        (' (1,"AT&T","AT&T","310410",8),,(0,1,2,3,4),(0,1,2)', [(1, "AT&T", 310_410, "LTE-M")]),
        (' (1,"A, B","A","26201",9),(1,"cut', [(1, "A, B", 262_001, "NB-IoT")]),
        (
            ' (0,"","","00101",2),(1,"A (B), C","AB","310410",7),(2,"Z)","Z","26203",0),,(0-4),(0-2)',
            [(0, "", 1_001, "UMTS"), (1, "A (B), C", 310_410, "LTE"), (2, "Z)", 262_003, "GSM")],
        ),
        ("", []),
        ("(,,,)(x,y,z,w)(0-4)", []),
    ],
)
def test_operators(line, found):
    assert [tuple(network) for network in replies.operators(line)] == found


@pytest.mark.parametrize(
    ("modem", "line", "found"),
    [
        (
            "bg95",
            '"servingcell","NOCONN","eMTC","FDD",310,410,B0DD811,152,5110,12,3,3,5003,-88,-11,-62,11,41',
            {"access": "eMTC", "rsrp_dbm": -88, "rsrq_db": -11, "sinr": 11, "band": 12},
        ),
        ("bg95", '"servingcell","SEARCH"', {}),
        (
            "bg95",
            '"servingcell","NOCONN","GSM",460,01,1A2B,3C4D,12,45,900,-70,255',
            {"access": "GSM", "rsrp_dbm": -70},
        ),
        (
            "sim7600",
            "LTE,Online,228-02,0x9CA4,20964868,46,EUTRAN-BAND20,6200,3,3,-178,-1089,-742,8",
            {"access": "LTE", "rsrp_dbm": -109, "rsrq_db": -18, "sinr": 8, "band": 20},
        ),
        (
            "sim7600",
            "LTE,Online,228-02,0x9CA4,20964868,46,EUTRAN-BAND20,6200,3,3,21,47,43,17",
            {"access": "LTE", "rsrp_dbm": -94, "rsrq_db": -10, "sinr": 17, "band": 20},
        ),
        ("sim7600", "GSM,Online,460-00,0x182d,12401,27 EGSM 900,-64,2110,42-42", {"access": "GSM"}),
        ("sim7600", "NO SERVICE,Online", {}),
        ("sim7600", "", {}),
    ],
)
def test_serving_cell(modem, line, found):
    assert KINDS[modem].read_serving(line) == found


@given(st.text())
def test_no_line_makes_a_parser_raise(line):
    replies.operators(line)
    for modem in KINDS:
        KINDS[modem].read_serving(line)
    split(line)


@given(st.binary())
def test_no_answer_of_a_card_makes_a_parser_raise(answer):
    profiles.parse(answer)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModemError(b"+CFUN=4", 3), "AT+CFUN=4 was refused (3)"),
        (ModemError("publish"), "publish was refused"),
        (ModemError("open", 4), "open was refused (4)"),
        (ModemError("connect", 5), "the broker has refused the connection: --user is not allowed"),
        (ModemError("connect", 6), "connect was refused (6)"),
        (
            ModemError(b'+CMQTTCONNECT=0,"tcp://h:1",120,1,"u","p"', 30),
            "the broker has refused the connection: wrong --user or --password",
        ),
        (ModemError(b"+CMQTTCONNECT:", 31), "the broker has refused the connection: --user is not allowed"),
        (ModemError(b"+CMQTTPUB:", 11), "+CMQTTPUB failed (11)"),
        (ConnectionLost(b"+CMQTTCONNLOST:", 1), "the connection to the broker has ended: +CMQTTCONNLOST (1)"),
        (TlsError("open", 32), "TLS with the broker failed (32): is --ca its authority, and its certificate"),
        (PdpError("context", 133), "no data connection, ESM cause 33 of TS 24.301: check --apn"),
        (PdpError(b"+CMQTTSTART", 100), "no data connection: check --apn and the card's contract"),
    ],
)
def test_refusals_in_words(error, said):
    assert words_of(error).startswith(said)


def test_causes_in_words():
    assert replies.cause(0) == ""
    assert replies.cause(13) == "cause 13, roaming not allowed here"
    assert "99" in replies.cause(99)


P1 = {
    "iccid": "8949030000000000001",
    "enabled": 1,
    "name": "P1",
    "provider": "SP",
    "class": "operational",
}


def test_profiles():
    assert profiles.parse(bytes.fromhex(PROFILES)) == [P1]
    assert profiles.parse(bytes.fromhex("BF2D0381017F")) == []


def card(*exchanges: tuple[str, str]) -> Recorder:
    """A modem that gives these answers to these commands."""
    events = []
    for sent, answer in exchanges:
        events += [Event(0, "tx", f"AT{sent}\r".encode()), Event(5, "rx", f"\r\n{answer}\r\n".encode())]
    return Recorder(ReplayPort(events, Mask([])))


@pytest.mark.parametrize(
    "opened",
    ["+CCHO: 1\r\n\r\nOK", "1\r\n\r\nOK", "+CTZV: 32,26/12/01\r\n\r\n*COPN: 1\r\n\r\n+CCHO:1\r\n\r\nOK"],
)
def test_profiles_are_read_in_pieces(opened):
    from tools.bench import Channel

    apdu, more = "80E2910003BF2D00", "80C0000010"
    first, second = PROFILES[:80], PROFILES[80:]
    port = card(
        (f'+CCHO="{profiles.ISD_R}"', opened),
        (f'+CGLA=1,16,"{apdu}"', f'+CGLA: 84,"{first}6110"\r\n\r\nOK'),
        (f'+CGLA=1,10,"{more}"', f'+CGLA: 36,"{second}9000"\r\n\r\nOK'),
        ("+CCHC=1", "OK"),
    )
    assert profiles.read(Channel(port), port) == [P1]
    assert port.commands[-1] == b"AT+CCHC=1\r"


def test_no_euicc():
    from tools.bench import Channel

    port = card((f'+CCHO="{profiles.ISD_R}"', "+CME ERROR: 13"))
    assert profiles.read(Channel(port), port) is None


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        (b"\r\n204046612345678\r\n", b"\r\n204046000005678\r\n"),
        (b"+QCCID: 8949227002805216770F\r\n", b"+QCCID: 8949220000000006770F\r\n"),
        (b'+CRSM: 144,0,"98942207205012767007"\r\n', b'+CRSM: 144,0,"98942200000000007007"\r\n'),
        (b'+CRSM: 144,0,"082940406621436587"\r\n', b'+CRSM: 144,0,"082940400600006587"\r\n'),
        (b'"BF3111A00C5A0A989422072050127670078101FF"', b'"BF3111A00C5A0A989422000000000070078101FF"'),
        (b'AT+QMTCONN=0,"lb-1","lb-1","hush"\r', b'AT+QMTCONN=0,"lb-1","lb-1","****"\r'),
        (b'+QICSGP: 1,"iot","me","mine",1\r\n', b'+QICSGP: 1,"iot","**","****",1\r\n'),
        (
            b"+CPSI: LTE,Online,228-02,0x9CA4,20964868,46\r\n",
            b"+CPSI: LTE,Online,228-02,0x9CA4,20964868,46\r\n",
        ),
        (b"hush, it is no field\r\n", b"hush, it is no field\r\n"),
    ],
)
def test_masks(line, masked):
    assert Mask(["hush"])(line) == masked
    assert Mask(["hush"])(masked) == masked


WANTED = Request("bg95", "/dev/test", 9_600, "2026-01-05T06:00:00+00:00")


def test_a_secret_that_comes_in_pieces_is_masked_and_keeps_its_pieces(tmp_path):
    file = io.StringIO()
    written = Transcript(file, WANTED, Mask([]))
    written.sent(1, b"AT+CIMI\r")
    for ms, piece in ((2, b"\r\n20404"), (3, b"66123"), (4, b"45678\r\n")):
        written.came(ms, piece)
    path = tmp_path / "t.jsonl"
    path.write_text(file.getvalue())
    wanted, events = transcript.load(path)
    assert wanted == WANTED
    assert events[1:] == [(2, "rx", b"\r\n20404"), (3, "rx", b"60000"), (4, "rx", b"05678\r\n")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1 is not that of a transcript"),
        ("{}\n", "line 1"),
        ('{"landbridge_transcript": 2}\n', "line 1"),
        ("[1]\n", "line 1"),
        (None, "line 3 is no event of a transcript: '{\"ms\": 1}'"),
    ],
)
def test_no_transcript(text, said, tmp_path):
    if text is None:
        file = io.StringIO()
        Transcript(file, WANTED, Mask([])).sent(1, b"AT\r")
        text = file.getvalue() + '{"ms": 1}\n'
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    with pytest.raises(BenchError, match="line") as raised:
        transcript.load(path)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_a_transcript_serves_other_commands_than_those_of_its_run():
    events = []
    for at, (sent, answer) in enumerate([("+A", "+A: 1"), ("+B", "+B: 1"), ("+A", "+A: 2"), ("+C", "+C: 1")]):
        events += [Event(100 * at, "tx", f"AT{sent}\r".encode()), Event(100 * at + 5, "rx", answer.encode())]
    port = ReplayPort(events, Mask([]))

    def ask(command: bytes) -> bytes:
        buffer = bytearray(64)
        port.uart_write(b"AT" + command + b"\r")
        return bytes(buffer[: port.uart_readinto(buffer, 1_000)])

    assert [ask(one) for one in (b"+B", b"+A", b"+A", b"+C", b"+B")] == [
        b"+B: 1",
        b"+A: 2",
        b"+A: 2",
        b"+C: 1",
        b"+B: 1",
    ]
    assert ask(b"+D") == b"\r\nERROR\r\n" and port.unknown == [b"AT+D\r"]


def test_a_request_can_be_read_by_people():
    file = io.StringIO()
    Transcript(file, WANTED, Mask([]))
    assert json.loads(file.getvalue())["modem"] == "bg95"
