"""Clients that are not ours: how other programs write their command lines, and what they ask first.

Each is a small client of our own that talks in the way of a kind of program: a library for microcontrollers
that ends lines with CR LF, a person who types blanks, a card tool, a phone manager that lists messages, a
program that wants a transparent connection.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.link.loopback import EchoStream, Loopback
from tools.modem.registry import Dialect
from tools.modem.scenario import Event

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "simulated-modem.md"
SILENT_S = 900
"""From then on the network leads to no host."""


class Repeating(EchoStream):
    """A host that says everything five times."""

    def send(self, data: bytes) -> None:
        super().send(data * 5)


class Talkative(Loopback):
    """A network of such hosts."""

    def stream(self) -> EchoStream:
        return Repeating()


def booted(dialect: Dialect, network: Loopback | None = None) -> ModemUnderTest:
    """A modem that is registered, its echo off."""
    silent = Event("hosts", {"reached": "none"}, at_ms=SILENT_S * 1_000)
    modem = ModemUnderTest(dialect, network=network or Loopback(), scenario=[silent])
    modem.boot()
    modem.run(20_000)
    modem.send("ATE0")
    modem.send('AT+CGDCONT=1,"IP","iot"')
    modem.until_registered()
    return modem


@pytest.fixture(params=["bg95", "sim7600"])
def modem(request) -> ModemUnderTest:
    return booted(request.param)


class CrLf:
    """Ends every line with CR LF, and sends data as they are as soon as it sees the prompt."""

    def __init__(self, modem: ModemUnderTest) -> None:
        self.modem = modem

    def ask(self, command: str, final: str = "OK") -> str:
        """All that comes up to a line with `final`."""
        self.modem.output.clear()
        self.modem.simulated.receive(f"AT{command}\r\n".encode())
        return self._until(final)

    def give(self, command: str, data: bytes, final: str) -> str:
        """A command with data after its prompt."""
        self.ask(command, ">")
        self.modem.output.clear()
        self.modem.simulated.receive(data)
        return self._until(final)

    def _until(self, text: str) -> str:
        for _ in range(40_000):
            if text.encode() in self.modem.output:
                self.modem.run(20)
                return self.modem.output.decode("latin-1")
            self.modem.run(5)
        raise AssertionError(f"no {text!r}: {bytes(self.modem.output)!r}")


def echoed_by_socket(client: CrLf, dialect: str, data: bytes) -> str:
    """Send through a raw socket to a host that repeats, and read what has come."""
    if dialect == "bg95":
        client.ask("+QIACT=1")
        client.ask('+QIOPEN=1,0,"TCP","echo.example",7,0,0', "+QIOPEN: 0,0")
        client.give(f"+QISEND=0,{len(data)}", data, '+QIURC: "recv",0')
        return client.ask("+QIRD=0,100")
    client.ask("+NETOPEN", "+NETOPEN: 0")
    client.ask("+CIPRXGET=1")
    client.ask('+CIPOPEN=0,"TCP","echo.example",7', "+CIPOPEN: 0,0")
    client.give(f"+CIPSEND=0,{len(data)}", data, "+CIPRXGET: 1,0")
    return client.ask("+CIPRXGET=2,0,100")


def test_the_line_feed_after_a_data_command_is_not_data(modem):
    came = echoed_by_socket(CrLf(modem), modem.dialect, b"\x00hello\n!")
    assert "\x00hello\n!" in came and "\n\x00hell\r" not in came
    assert CrLf(modem).ask("+CSQ").count("OK") == 1


def test_the_line_feed_does_not_abort_a_scan(modem):
    assert "+COPS: (" in CrLf(modem).ask("+COPS=?")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("AT + CSQ", "+CSQ: "),
        ("AT+CREG = 2", "OK"),
        ('AT +CGDCONT = 2 , "IP" , "my apn"', "OK"),
        ("AT+CSQ ; +CREG?", "+CREG: "),
        ("AT E0 V1", "OK"),
    ],
)
def test_blanks_in_a_command_line_are_ignored(modem, typed, answer):
    lines = modem.send(typed)
    assert lines[-1] == "OK" and any(line.startswith(answer) for line in lines)


def test_blanks_between_quotes_stay(modem):
    modem.send('AT+CGDCONT=2,"IP","my apn"')
    assert any('"my apn"' in line for line in modem.send("AT+CGDCONT?"))


def csim(modem: ModemUnderTest, apdu: str) -> str:
    """The answer of the card, in hex."""
    return modem.send(f'AT+CSIM={len(apdu)},"{apdu}"')[0].split('"')[1]


def test_a_card_tool_selects_the_master_file(modem):
    assert csim(modem, "00A4000C023F00") == "9000"
    more = csim(modem, "00A40004023F00")
    assert more[:2] == "61"
    parameters = csim(modem, "00C00000" + more[2:])
    assert parameters.startswith("62") and "83023F00" in parameters and parameters.endswith("9000")
    assert csim(modem, "00A4080C022FE2") == "9000"
    assert csim(modem, "00B000000A").endswith("9000")
    assert csim(modem, "00A4080C047FFF6F07") == "9000"
    assert csim(modem, "00A4080C046F076F07") == csim(modem, "00A4000C02ABCD") == "6A82"


def test_a_phone_manager_lists_an_empty_store(modem):
    assert modem.send("AT+CSMS=1") == ["+CSMS: 1,1,1", "OK"]
    assert modem.send('AT+CPMS="SM","SM","SM"') == ["+CPMS: 0,50,0,50,0,50", "OK"]
    assert modem.send("AT+CNMI=2,1,0,0,0") == ["OK"]
    for mode, state in (("1", '"ALL"'), ("0", "4")):
        assert modem.send(f"AT+CMGF={mode}") == ["OK"]
        assert modem.send("AT+CMGF?") == [f"+CMGF: {mode}", "OK"]
        assert modem.send(f"AT+CMGL={state}") == ["OK"]
        assert modem.send("AT+CMGL") == ["OK"]
    modem.send("AT+CMEE=1")
    assert modem.send("AT+CMGR=0", final="+CMS ERROR: 321") == ["+CMS ERROR: 321"]
    assert modem.send('AT+CMGL="ALL"', final="+CMS ERROR: 302") == ["+CMS ERROR: 302"]  # PDU mode: a number
    assert modem.send("AT+CMGD=1,4") == ["OK"]
    assert modem.send('AT+CSCS="UCS2"') == ["OK"] and modem.send("AT+CSCS?")[0] == '+CSCS: "UCS2"'


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_without_a_card_commands_about_messages_say_so_in_their_own_codes(dialect):
    modem = ModemUnderTest(dialect, scenario=[Event("sim", {"state": "removed"})])
    modem.boot()
    modem.run(40_000)
    modem.send("ATE0")
    modem.send("AT+CMEE=1")
    for command in ("+CPMS?", '+CPMS="SM"', "+CMGL", "+CMGR=1", "+CMGD=1"):
        assert modem.send(f"AT{command}", final="+CMS ERROR: 310") == ["+CMS ERROR: 310"]


def test_first_requests_of_a_client(modem):
    assert modem.send("AT+GSN") == modem.send("AT+CGSN")
    assert modem.send("AT+GMM") == modem.send("AT+CGMM")
    assert modem.send("AT+CPAS") == ["+CPAS: 0", "OK"]
    assert {"E: 0", "V: 1", "S3: 13"} <= set(modem.send("AT&V"))
    assert modem.send("ATQ0 V1 E0 S0=0 &C1 &D2 +FCLASS=0") == ["OK"]  # of a program that dials
    known = CrLf(modem).ask("+CLAC").split()
    count, page = sum(name.startswith("AT") for name in known), PAGE.read_text()
    text = f"{count} commands by name on the BG95" if modem.dialect == "bg95" else f"{count} on the SIM7600"
    assert text in page
    assert {"AT+CSQ", "AT+CGDCONT", "ATE", "AT+CLAC"} <= set(known) and len(known) == len(set(known))


@pytest.mark.parametrize("name", ["+CIPMODE", "+CIPCCFG", "+CIPSENDMODE"])
def test_settings_of_one_vendor_are_errors_at_the_other(modem, name):
    assert modem.send(f"AT{name}?")[-1] == ("OK" if modem.dialect == "sim7600" else "ERROR")


def test_settings_of_the_socket_service():
    modem = booted("sim7600")
    assert modem.send("AT+CIPCCFG?") == ["+CIPCCFG: 10,0,0,1,1,0,500", "OK"]
    assert modem.send("AT+CIPCCFG=5,0,0,0,1,0,75000") == ["OK"]
    assert modem.send("AT+CIPCCFG?") == ["+CIPCCFG: 5,0,0,0,1,0,75000", "OK"]
    assert modem.send("AT+CIPCCFG=11") == ["ERROR"]
    assert modem.send("AT+CIPSENDMODE=1") == ["OK"] and modem.send("AT+CIPSENDMODE?")[0] == "+CIPSENDMODE: 1"


def test_a_transparent_connection_carries_bytes_and_is_left_by_an_escape():
    modem = booted("sim7600")
    assert modem.send("AT+CIPMODE=1") == ["OK"]
    modem.send("AT+NETOPEN")
    modem.until("+NETOPEN: 0")
    assert modem.send("AT+CIPMODE=0") == ["ERROR"]  # not while the network service is open
    assert modem.send('AT+CIPOPEN=1,"TCP","echo.example",7') == ["ERROR"]
    modem.send('AT+CIPOPEN=0,"TCP","echo.example",7', final="CONNECT 115200")
    modem.output.clear()
    modem.simulated.receive(b"AT+CSQ\r\n and +++ in the middle")
    modem.run(5_000)
    assert bytes(modem.output) == b"AT+CSQ\r\n and +++ in the middle"
    modem.output.clear()
    modem.simulated.receive(b"+++")
    modem.run(1_500)
    assert bytes(modem.output) == b"\r\nOK\r\n"
    assert modem.send("AT+CSQ")[-1] == "OK"
    modem.send("ATO", final="CONNECT 115200")
    modem.output.clear()
    modem.run(1_500)
    modem.simulated.receive(b"+")
    modem.simulated.receive(b"+x")
    modem.run(5_000)
    assert bytes(modem.output) == b"++x"


def transparent(network: Loopback | None = None) -> CrLf:
    """A SIM7600 with a transparent connection, just open."""
    client = CrLf(booted("sim7600", network))
    client.ask("+CIPMODE=1")
    client.ask("+NETOPEN", "+NETOPEN: 0")
    client.ask('+CIPOPEN=0,"TCP","echo.example",7', "CONNECT 115200")
    client.modem.output.clear()
    return client


def test_a_transparent_connection_carries_more_than_the_modem_reads_at_once():
    modem = transparent(Talkative()).modem
    for _ in range(2):
        modem.output.clear()
        modem.simulated.receive(b"~" * 1_000)
        modem.run(10_000)
        assert bytes(modem.output) == b"~" * 5_000


@pytest.mark.parametrize("closing", ["+CIPCLOSE=0", "+NETCLOSE"])
def test_nothing_leads_back_to_a_transparent_connection_that_is_closed(closing):
    client = transparent()
    client.modem.run(1_500)
    client.modem.simulated.receive(b"+++")
    client.modem.run(1_500)
    client.ask(closing, closing.split("=")[0] + ": ")
    client.ask("O", "NO CARRIER")
    assert client.ask("+CPAS").count("+CPAS: 0") == 1


PUSHED = {
    "bg95": (
        ("+QIACT=1", "OK"),
        ('+QIOPEN=1,0,"TCP","echo.example",7,0,1', "+QIOPEN: 0,0"),
        "+QISEND=0,1000",
        '+QIURC: "recv",0,',
    ),
    "sim7600": (
        ("+NETOPEN", "+NETOPEN: 0"),
        ('+CIPOPEN=0,"TCP","echo.example",7', "+CIPOPEN: 0,0"),
        "+CIPSEND=0,1000",
        "+IPD",
    ),
    "sim7600 session": (
        ("+CCHSTART", "+CCHSTART: 0"),
        ('+CCHOPEN=0,"echo.example",7,1', "+CCHOPEN: 0,0"),
        "+CCHSEND=0,1000",
        "+CCHRECV: DATA,0,",
    ),
}


@pytest.mark.parametrize("kind", PUSHED)
def test_pushed_data_continue_after_more_than_one_read(kind):
    client = CrLf(booted(kind.split()[0], Talkative()))
    starting, opening, sending, head = PUSHED[kind]
    client.ask(*starting)
    client.ask(*opening)
    for _ in range(2):
        client.ask(sending, ">")
        client.modem.output.clear()
        client.modem.simulated.receive(b"~" * 1_000)
        client.modem.run(10_000)
        assert client.modem.output.count(b"~") == 5_000
        assert client.modem.output.count(head.encode()) > 1


@pytest.fixture
def client() -> CrLf:
    """A client of a BG95 with an active context."""
    client = CrLf(booted("bg95"))
    client.ask("+QIACT=1")
    return client


def test_the_state_of_one_socket(client):
    for number in (0, 3):
        client.ask(f'+QIOPEN=1,{number},"TCP","echo.example",7,0,0', f"+QIOPEN: {number},0")
    assert client.ask("+QISTATE=1,3").count("+QISTATE: ") == 1
    assert client.ask("+QISTATE=0,1").count("+QISTATE: ") == 2
    assert (
        client.ask("+QISTATE=1,5").count("+QISTATE: ") == client.ask("+QISTATE=0,2").count("+QISTATE: ") == 0
    )


def test_names_and_pings(client):
    text = client.ask('+QIDNSGIP=1,"echo.example"', '+QIURC: "dnsgip","198.51.100.')
    assert '+QIURC: "dnsgip",0,1,600' in text
    assert client.ask('+QPING=1,"192.0.2.7",4,2', "+QPING: 0,2,2,0,").count('+QPING: 0,"192.0.2.7",32,') == 2
    client.modem.run(SILENT_S * 1_000 - client.modem.now())
    assert "+QPING: 569" in client.ask('+QPING=1,"192.0.2.7",4,1', "+QPING: 0,1,0,1,0,0,0")
    assert client.ask('+QIDNSGIP=1,"echo.example"', '+QIURC: "dnsgip",565')
    for refused in ('+QPING=2,"192.0.2.7"', '+QPING=1,""', '+QIDNSGIP=1,""', "+QISTATE=1,12"):
        assert client.ask(refused, "ERROR")
