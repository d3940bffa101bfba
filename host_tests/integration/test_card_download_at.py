"""Downloads through the simulated modems: AT+CSIM and AT+CGLA, on virtual time and on a pseudo terminal."""

from __future__ import annotations

import pytest
import serial

from host_tests.support.card_downloads import ICCID, MATCH, final, profile
from host_tests.support.cards import four_profiles
from host_tests.support.lpa import ISD_R, Es9, Es10, Lpa, segments
from host_tests.support.modem_program import running, speak
from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.card.euicc import Euicc
from tools.modem.card.files import iccid_bytes
from tools.world.services.smdp.server import Server

PATIENCE_S = 60


class ModemError(Exception):
    """The modem has answered ERROR."""


class OverAt:
    """The contacts of the card in a modem, to which `command` speaks; it returns the lines of the answer."""

    def __init__(self, command, with_csim: bool) -> None:
        self._command = command
        self._csim = with_csim
        if with_csim:
            assert self.transmit(bytes.fromhex("0070000001")) == b"\x01\x90\x00"
            assert self.transmit(bytes.fromhex("01A4040010" + ISD_R))[-2] in (0x90, 0x61)
        else:
            assert "+CCHO: 1" in command(f'AT+CCHO="{ISD_R}"')

    def transmit(self, apdu: bytes) -> bytes:
        """See `Contacts`."""
        text = apdu.hex().upper()
        name = "+CSIM" if self._csim else "+CGLA"
        session = "" if self._csim else "1,"
        for line in self._command(f'AT{name}={session}{len(text)},"{text}"'):
            if line.startswith(f"{name}: "):
                count, _, answer = line.removeprefix(f"{name}: ").partition(",")
                assert int(count) == len(answer.strip('"'))
                return bytes.fromhex(answer.strip('"'))
        raise ModemError(name)


def powered(dialect, card: Euicc, *variants: str) -> ModemUnderTest:
    modem = ModemUnderTest(dialect, card=card, variants=variants)
    modem.boot()
    modem.run(12_000)
    modem.send("ATE0")
    return modem


def through(smdp: Server, modem: ModemUnderTest, with_csim: bool, block: int = 120) -> Lpa:
    contacts = OverAt(lambda command: modem.send(command, limit_ms=240_000), with_csim)
    return Lpa(Es10(contacts, block), Es9(smdp.address, smdp.ca_pem))


@pytest.mark.parametrize("with_csim", [True, False])
@pytest.mark.parametrize(("dialect", "block"), [("bg95", 120), ("sim7600", 120), ("sim7600", 255)])
def test_a_download_through_a_modem(smdp: Server, dialect, block: int, with_csim: bool):
    card = four_profiles()
    order = smdp.order(MATCH, profile(15_000))
    modem = powered(dialect, card)
    lpa = through(smdp, modem, with_csim, block)
    package = lpa.fetch(MATCH)
    began_ms = modem.now()
    assert final(lpa.load(package)) == (0, 0)
    took_s = (modem.now() - began_ms) / 1000
    assert 10 < took_s < 26
    lpa.notify()
    assert card.profiles[-1].package == order.profile.package and order.state == "installed"


def test_a_slow_card_takes_its_time(smdp: Server):
    smdp.order(MATCH, profile(1_500))
    modem = powered("bg95", four_profiles(frozenset({"load-slow"})))
    lpa = through(smdp, modem, True)
    *pieces, last = segments(lpa.fetch(MATCH))
    for piece in pieces:
        lpa.es10.send(piece)
    began_ms = modem.now()
    assert final(lpa.es10.send(last)) == (0, 0)
    assert modem.now() - began_ms > 89_000


@pytest.mark.parametrize("with_csim", [True, False])
def test_the_answer_is_lost_though_the_profile_is_there(smdp: Server, with_csim: bool):
    order = smdp.order(MATCH, profile(1_500))
    card = four_profiles(frozenset({"answer-lost"}))
    lpa = through(smdp, powered("bg95", card), with_csim)
    with pytest.raises(ModemError):
        lpa.load(lpa.fetch(MATCH))
    assert card.profiles[-1].iccid == ICCID
    assert [final(each) for each in lpa.pending()] == [(0, 0)]
    assert lpa.notify() == [1] and order.state == "installed"


def test_a_modem_whose_cgla_fails_in_a_load(smdp: Server):
    order = smdp.order(MATCH, profile(1_500))
    card = four_profiles()
    modem = powered("bg95", card, "cgla-load")
    lpa = through(smdp, modem, False)
    with pytest.raises(ModemError):
        lpa.load(lpa.fetch(MATCH))
    assert [final(each) for each in lpa.pending()] == [(0, 11)]
    lpa.notify()
    modem.send("AT+CCHC=1")
    lpa = through(smdp, modem, True)
    assert final(lpa.load(lpa.fetch(MATCH))) == (0, 0)
    lpa.notify()
    assert card.profiles[-1].iccid == ICCID and order.state == "installed"


@pytest.mark.parametrize("restarts", [True, False])
@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_the_modem_goes_off_in_the_middle_of_a_load(smdp: Server, dialect, restarts: bool):
    card = four_profiles()
    order = smdp.order(MATCH, profile(3_000))
    modem = powered(dialect, card)
    lpa = through(smdp, modem, True)
    for piece in list(segments(lpa.fetch(MATCH)))[:-1]:
        lpa.es10.send(piece)
    if restarts:
        modem.simulated.restart()
    else:
        modem.simulated.rail(False)
        modem.run(1_000)
        modem.simulated.rail(True)
        modem.press()
    modem.run(30_000)
    modem.send("ATE0")
    lpa = through(smdp, modem, True)
    assert [final(each) for each in lpa.pending()] == [(5, 11)] and card.profiles[-1].iccid != ICCID
    assert final(lpa.load(lpa.fetch(MATCH))) == (0, 0)
    lpa.notify()
    assert order.state == "installed"


class Terminal:
    """A host that speaks to a modem on a pseudo terminal, from the moment on at which its card is ready."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        speak(port.fileno(), b"ATE0\r", b"OK\r\n")
        speak(port.fileno(), b"AT+CPIN?\r", b"+CPIN: READY\r\n")
        port.timeout = PATIENCE_S
        port.write(b"AT+CGSN\r")
        while not port.readline().strip().isdigit():
            pass  # answers to what was said too often
        self._answer()

    def __call__(self, command: str) -> list[str]:
        """The lines of the answer."""
        self._port.write(command.encode() + b"\r")
        return self._answer()

    def _answer(self) -> list[str]:
        lines = [""]
        while not (lines[-1] in ("OK", "ERROR") or lines[-1].startswith("+CME ERROR")):
            line = self._port.readline()
            assert line.endswith(b"\n"), lines
            lines.append(line.decode("latin-1").strip())
        return lines


@pytest.mark.parametrize(("dialect", "with_csim"), [("bg95", False), ("sim7600", True)])
def test_a_download_through_a_pseudo_terminal(smdp: Server, dialect: str, with_csim: bool):
    order = smdp.order(MATCH, profile(12_000))
    with running("--dialect", dialect, "--pty", "--euicc", "--speed", "100") as path:
        with serial.Serial(path, 115_200) as port:
            lpa = Lpa(Es10(OverAt(Terminal(port), with_csim)), Es9(smdp.address, smdp.ca_pem))
            kind, _ = lpa.download(MATCH)
            assert kind == "ok" and order.state == "installed"
            assert iccid_bytes(ICCID) in lpa.es10.send(bytes.fromhex("BF2D00"))
