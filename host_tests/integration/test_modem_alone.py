"""The modem as a program of its own, in real time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest
import serial
import simpy

from host_tests.support.modem_program import PATIENCE_S, running, speak
from tools.flash.layout import REPOSITORY
from tools.modem.alone.serve import Powered
from tools.modem.card.card import Card


def test_pty():
    with running("--dialect", "bg95", "--pty") as path, serial.Serial(path, 115_200) as port:
        assert b"BG95M3LAR02A03" in speak(port.fileno(), b"AT+CGMR\r", b"OK\r\n")


def test_pyserial_line_by_line():
    with running("--dialect", "sim7600", "--pty", "--speed", "20") as path:
        with serial.Serial(path, 115_200, timeout=PATIENCE_S) as port:
            speak(port.fileno(), b"ATE0\r", b"OK\r\n")
            port.reset_input_buffer()
            port.write(b"AT+CGMM\r\n")
            assert [port.readline() for _ in range(4)] == [
                b"\r\n", b"SIMCOM_SIM7600E-H\r\n", b"\r\n", b"OK\r\n"
            ]  # fmt: skip
            assert port.in_waiting == 0


TERMINALS = {
    "miniterm": [sys.executable, "-m", "serial.tools.miniterm", "--raw", "--eol", "CR"],
    "a shell": ["sh", "-c", 'cat "$0" & while read -r line; do printf "%s\\r" "$line" >"$0"; done'],
}


@pytest.mark.parametrize("terminal", TERMINALS)
def test_a_terminal_with_typed_input(terminal):
    ours, theirs = os.openpty()
    with running("--dialect", "bg95", "--pty", "--speed", "20") as path:
        command = [*TERMINALS[terminal], path]
        with subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        ) as user:
            try:
                assert b"Revision: BG95M3LAR02A03" in speak(ours, b"ATI\n", b"OK\r")
            finally:
                os.killpg(user.pid, signal.SIGKILL)
    os.close(ours)
    os.close(theirs)


def test_tcp_has_a_modem_for_each_connection():
    with running("--dialect", "bg95", "--tcp", "0") as address:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port))) as one:
            speak(one.fileno(), b"AT+CMEE=2\r", b"OK\r\n")
            with socket.create_connection((host, int(port))) as other:
                assert b"+CMEE: 0" in speak(other.fileno(), b"AT+CMEE?\r", b"OK\r\n")
            assert b"+CMEE: 2" in speak(one.fileno(), b"AT+CMEE?\r", b"+CMEE: 2\r\n")


def test_a_modem_answers_as_soon_as_its_address_is_printed():
    with running("--dialect", "sim7600", "--tcp", "0") as address:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port))) as line:
            line.settimeout(PATIENCE_S)
            line.sendall(b"AT+CPIN?\r")  # once: a modem that still boots would not hear it
            got = b""
            while b"OK\r\n" not in got:
                got += line.recv(4096)
            assert b"+CPIN: READY" in got


@pytest.mark.parametrize("abstract", [False, True])
def test_unix(abstract, tmp_path):
    path = f"abstract:landbridge-{os.getpid()}" if abstract else str(tmp_path / "modem")
    if not abstract:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:  # of a program that was killed
            stale.bind(path)
    with (
        running("--dialect", "bg95", "--unix", path) as printed,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client,
    ):
        assert printed == path
        client.connect("\0" + path if abstract else path)
        speak(client.fileno(), b"AT\r\n", b"OK\r\n")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--pty"], 2, "--dialect"),
        (["--dialect", "sim800", "--pty"], 2, "'sim800'"),
        (["--dialect", "bg95"], 2, "--pty --tcp --rfc2217 --unix"),
        (["--dialect", "bg95", "--pty", "--tcp", "1"], 2, "not allowed with"),
        (["--dialect", "bg95", "--tcp", "modem"], 2, "'modem' is not an address"),
        (["--dialect", "bg95", "--tcp", "70000"], 2, "'70000' is not an address"),
        (["--dialect", "bg95", "--unix", "/no/such/folder/modem"], 1, "/no/such/folder/modem"),
        (["--dialect", "bg95", "--pty", "--fast"], 2, "--fast"),
        (["--dialect", "bg95", "--pty", "--euicc", "--quirk", "slow"], 2, "no quirk 'slow'; --variants"),
        (["--dialect", "bg95", "--pty", "--quirk", "load-slow"], 2, "--quirk and --identity need --euicc"),
        (["--dialect", "bg95", "--pty", "--euicc", "--identity", "."], 2, "neither euicc.pem nor"),
    ],
)
def test_bad_options_are_answered_in_one_line(options, code, said):
    command = [sys.executable, "-m", "tools.modem", *options]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr and result.stderr.count("\n") == 1


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        command = [sys.executable, "-m", "tools.modem", "--dialect", "bg95", "--tcp", address]
        result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 1 and address in result.stderr and result.stderr.count("\n") == 1


def test_a_scenario_and_variants(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text('[[event]]\nafter = "AT+CGMR"\nnth = 2\ndo = "say"\ntext = "HELLO"\n')
    options = ("--dialect", "bg95", "--tcp", "0", "--variant", "cgmr-prefix", "--scenario", str(path))
    with running(*options, "--speed", "10") as address:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port))) as one:
            assert b"HELLO" not in speak(one.fileno(), b"AT+CGMR\r", b"+CGMR: BG95M3LAR02A03")
            speak(one.fileno(), b"AT+CGMR\r", b"HELLO")


class Host:
    """The host of a modem that is served, in virtual time."""

    def __init__(self) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.output = bytearray()
        self.powered = Powered(self.env, "bg95", (), (), Card())
        self.powered.modem.on_output = self.output.extend

    def hears(self, text: bytes, limit_s: int) -> bool:
        """Whether it comes within so long; what came before it is dropped."""
        deadline_ms = self.env.now + 1_000 * limit_s
        while text not in self.output and self.env.now < deadline_ms:
            self.env.run(until=self.env.now + 50)
        found = text in self.output
        self.output.clear()
        return found


def test_somebody_presses_the_power_key():
    host = Host()
    assert host.hears(b"RDY", 10)
    host.powered.receive(b"AT+QPOWD=1\r")
    assert host.hears(b"POWERED DOWN", 65) and host.hears(b"RDY", 15)


def test_a_modem_in_psm_sleeps_until_it_is_spoken_to():
    host = Host()
    assert host.hears(b"+QIND: SMS DONE", 20)
    for command in ('AT+QCFG="psm/urc",1', 'AT+CPSMS=1,,,"00101100","00000001"'):
        host.powered.receive(command.encode() + b"\r")
        assert host.hears(b"OK", 5)
    assert host.hears(b"POWER DOWN", 300)
    assert not host.hears(b"RDY", 3_600)
    host.powered.receive(b"AT\r")
    assert host.hears(b"RDY", 10)
    host.powered.receive(b"AT\r")
    assert host.hears(b"OK", 1)


def test_the_list_of_variants():
    command = [sys.executable, "-m", "tools.modem", "--variants"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "cpsi-index " in result.stdout and "urc-before" in result.stdout
