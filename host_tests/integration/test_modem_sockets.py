"""Raw sockets of both dialects against a real host, in the clear and with TLS; and the network service."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator

import pytest

from host_tests.support.simulated_modem import HOST, ModemUnderTest
from tools.modem.link.mqtt import LockStepNetwork
from tools.world.services import certificates


class Echo(socketserver.BaseRequestHandler):
    """Sends back what comes, in one piece; closes after `bye`."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while (data := self.request.recv(65_536)) and data != b"bye\n":
                self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    context: ssl.SSLContext | None = None

    def get_request(self):
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        return connection, address


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("echo")
    certificates.make(folder, HOST)
    return folder


def serving(context: ssl.SSLContext | None) -> Iterator[LockStepNetwork]:
    with Server(("127.0.0.1", 0), Echo) as server:
        server.context = context
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield LockStepNetwork({HOST: ("127.0.0.1", server.server_address[1])})
        server.shutdown()


@pytest.fixture
def clear() -> Iterator[LockStepNetwork]:
    yield from serving(None)


@pytest.fixture
def secure(folder) -> Iterator[LockStepNetwork]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "broker.pem", folder / "broker.key")
    yield from serving(context)


def bg95(network) -> ModemUnderTest:
    modem = ModemUnderTest("bg95", network)
    modem.boot()
    modem.until_registered()
    for command in ("ATE0", "AT+CMEE=1", 'AT+QICSGP=1,1,"iot"', "AT+QIACT=1"):
        assert modem.send(command)[-1] == "OK"
    return modem


def sim7600(network, order="after") -> ModemUnderTest:
    modem = ModemUnderTest("sim7600", network, urc_order=order)
    modem.boot()
    modem.until_registered()
    modem.send("ATE0")
    stage(modem, "AT+NETOPEN", "+NETOPEN: 0")
    return modem


def stage(modem: ModemUnderTest, command: str, outcome: str) -> None:
    """Send a two-stage command; its outcome."""
    modem.output.clear()
    modem.simulated.receive(command.encode() + b"\r")
    assert modem.until(outcome.partition(":")[0] + ":") == outcome


def test_a_socket_of_the_bg95(clear):
    modem = bg95(clear)
    stage(modem, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,0")
    stage(modem, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,563")
    modem.ask("AT+QISEND=0,6", b"OK\r\n\xff\n", "SEND OK")
    assert modem.until("+QIURC:") == '+QIURC: "recv",0'
    assert modem.send("AT+QIRD=0,0") == ["+QIRD: 6,0,6", "OK"]
    modem.output.clear()
    modem.simulated.receive(b"AT+QIRD=0,1500\r")
    modem.run(100)
    assert bytes(modem.output) == b"\r\n+QIRD: 6\r\nOK\r\n\xff\n\r\n\r\nOK\r\n"
    assert modem.send("AT+QIRD=0") == ["+QIRD: 0", "OK"]
    assert modem.send("AT+QISEND=0,0") == ["+QISEND: 6,6,0", "OK"]
    modem.ask("AT+QISEND=0", b"bye\n\x1a", "SEND OK")
    assert modem.until("+QIURC:") == '+QIURC: "closed",0'
    modem.simulated.receive(b"AT+QISEND=0,1\r")
    modem.run(50)
    modem.simulated.receive(b"x")
    modem.until("SEND FAIL")
    assert modem.send("AT+QICLOSE=0") == ["OK"]
    assert modem.send("AT+QIRD=0") == ["ERROR"]
    assert modem.send("AT+QIGETERROR")[-2] == "+QIGETERROR: 567,socket has been closed"


def test_data_are_reported_once_until_they_are_read(clear):
    modem = bg95(clear)
    stage(modem, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,0")
    modem.ask("AT+QISEND=0,2", b"a\n", "SEND OK")
    modem.until("+QIURC:")
    modem.ask("AT+QISEND=0,2", b"b\n", "SEND OK")
    modem.run(10_000)
    assert b"+QIURC" not in modem.output
    assert modem.send("AT+QIRD=0,0")[0] == "+QIRD: 4,0,4"


def test_data_are_pushed(clear):
    modem = bg95(clear)
    stage(modem, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,1', "+QIOPEN: 0,0")
    modem.ask("AT+QISEND=0,2", b"a\n", "SEND OK")
    modem.run(10_000)
    assert b'\r\n+QIURC: "recv",0,2\r\na\n\r\n' in modem.output


def test_a_secure_socket_of_the_bg95(secure, folder):
    modem = bg95(secure)
    ca = (folder / "ca.pem").read_bytes()
    modem.ask(f'AT+QFUPL="ca.pem",{len(ca)},60', ca)
    for command in ('AT+QSSLCFG="seclevel",2,1', 'AT+QSSLCFG="cacert",2,"ca.pem"'):
        assert modem.send(command)[-1] == "OK"
    stage(modem, f'AT+QSSLOPEN=1,2,4,"{HOST}",8883', "+QSSLOPEN: 4,0")
    modem.ask("AT+QSSLSEND=4,3", b"hi\n", "SEND OK")
    assert modem.until("+QSSLURC:") == '+QSSLURC: "recv",4'
    assert modem.send("AT+QSSLRECV=4,1500")[0] == "+QSSLRECV: 3"
    assert modem.send("AT+QSSLSTATE")[0].startswith(f'+QSSLSTATE: 4,"SSLClient","{HOST}",8883,')
    assert modem.send("AT+QSSLCLOSE=4") == ["OK"]


@pytest.fixture
def other(tmp_path, monkeypatch) -> bytes:
    """The certificate of another authority."""
    monkeypatch.setattr(certificates, "AUTHORITY", certificates.AUTHORITY // 2)
    certificates.make(tmp_path, HOST)
    return bytes((tmp_path / "ca.pem").read_bytes())


def test_a_certificate_that_does_not_fit(secure, other):
    modem = bg95(secure)
    modem.ask(f'AT+QFUPL="ca.pem",{len(other)},60', other)
    for command in ('AT+QSSLCFG="seclevel",2,1', 'AT+QSSLCFG="cacert",2,"ca.pem"'):
        modem.send(command)
    stage(modem, f'AT+QSSLOPEN=1,2,4,"{HOST}",8883', "+QSSLOPEN: 4,566")
    modem.send('AT+QSSLCFG="cacert",2,"none.pem"')
    assert modem.send(f'AT+QSSLOPEN=1,2,4,"{HOST}",8883') == ["ERROR"]


@pytest.mark.parametrize("order", ["after", "before"])
def test_a_socket_of_the_sim7600(clear, order):
    modem = sim7600(clear, order)
    assert modem.send("AT+CIPRXGET=1") == ["OK"]
    stage(modem, f'AT+CIPOPEN=0,"TCP","{HOST}",1883', "+CIPOPEN: 0,0")
    assert modem.send(f'AT+CIPOPEN=0,"TCP","{HOST}",1883') == ["+CIPOPEN: 0,9", "ERROR"]
    assert modem.send("AT+CIPOPEN?")[:2] == [f'+CIPOPEN: 0,"TCP","{HOST}",1883,-1', "+CIPOPEN: 1"]
    modem.ask("AT+CIPSEND=0,6", b"OK\r\n\xff\n", "+CIPSEND: 0,6,6")
    assert modem.until("+CIPRXGET:") == "+CIPRXGET: 1,0"
    assert modem.send("AT+CIPRXGET=4,0") == ["+CIPRXGET: 4,0,6", "OK"]
    assert modem.send("AT+CIPRXGET=3,0,2") == ["+CIPRXGET: 3,0,2,4", "4F4B", "OK"]
    modem.output.clear()
    modem.simulated.receive(b"AT+CIPRXGET=2,0,1500\r")
    modem.run(100)
    assert bytes(modem.output) == b"\r\n+CIPRXGET: 2,0,4,0\r\n\r\n\xff\n\r\n\r\nOK\r\n"
    assert modem.send("AT+CIPRXGET=2,0") == ["+IP ERROR: No data", "ERROR"]
    modem.ask("AT+CIPSEND=0,4", b"bye\n")
    assert modem.until("+IPCLOSE:") == "+IPCLOSE: 0,1"
    assert modem.send("AT+CIPCLOSE=0") == ["+CIPCLOSE: 0,2", "ERROR"]


def test_data_come_by_themselves_on_the_sim7600(clear):
    modem = sim7600(clear)
    stage(modem, f'AT+CIPOPEN=3,"TCP","{HOST}",1883', "+CIPOPEN: 3,0")
    modem.ask("AT+CIPSEND=3,3", b"hi\n", "+CIPSEND: 3,3,3")
    modem.run(10_000)
    assert f"\r\nRECV FROM:{HOST}:1883\r\n\r\n+IPD3\r\nhi\n\r\n".encode() in modem.output


def test_a_secure_session_of_the_sim7600(secure, folder):
    modem = sim7600(secure)
    ca = (folder / "ca.pem").read_bytes()
    modem.ask(f'AT+CCERTDOWN="ca.pem",{len(ca)}', ca)
    for command in ('AT+CSSLCFG="authmode",0,1', 'AT+CSSLCFG="cacert",0,"ca.pem"', "AT+CCHSET=1,1"):
        assert modem.send(command)[-1] == "OK"
    assert modem.send(f'AT+CCHOPEN=0,"{HOST}",8883,2') == ["ERROR"]  # not started
    stage(modem, "AT+CCHSTART", "+CCHSTART: 0")
    modem.send("AT+CCHSSLCFG=0,0")
    stage(modem, f'AT+CCHOPEN=0,"{HOST}",8883,2', "+CCHOPEN: 0,0")
    modem.ask("AT+CCHSEND=0,3", b"hi\n", "+CCHSEND: 0,0")
    assert modem.until("+CCHEVENT:") == "+CCHEVENT: 0,RECV EVENT"
    assert modem.send("AT+CCHRECV?")[0] == "+CCHRECV: LEN,3,0"
    assert modem.send("AT+CCHRECV=0,100")[:1] == ["+CCHRECV: DATA,0,3"]
    modem.ask("AT+CCHSEND=0,4", b"bye\n")
    assert modem.until("+CCH_PEER") == "+CCH_PEER_CLOSED: 0"
    assert modem.send("AT+CCHCLOSE=0") == ["+CCHCLOSE: 0,12", "ERROR"]
    stage(modem, "AT+CCHSTOP", "+CCHSTOP: 0")


def test_errors_of_a_tls_session(secure, other):
    modem = sim7600(secure)
    stage(modem, "AT+CCHSTART", "+CCHSTART: 0")
    modem.send('AT+CSSLCFG="authmode",0,1')
    modem.send('AT+CSSLCFG="cacert",0,"ca.pem"')
    assert modem.send(f'AT+CCHOPEN=0,"{HOST}",8883,2') == ["+CCHOPEN: 0,19", "ERROR"]
    modem.ask(f'AT+CCERTDOWN="ca.pem",{len(other)}', other)
    stage(modem, f'AT+CCHOPEN=0,"{HOST}",8883,2', "+CCHOPEN: 0,15")


def test_no_host_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        network = LockStepNetwork({HOST: taken.getsockname()})
        stage(bg95(network), f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,566")
        modem = sim7600(network)
        stage(modem, f'AT+CIPOPEN=0,"TCP","{HOST}",1883', "+CIPOPEN: 0,10")
        stage(modem, f'AT+CIPOPEN=0,"TCP","{HOST}",1883', "+CIPOPEN: 0,10")


def test_no_context_no_socket():
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.until_registered()
    stage(modem, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,570")
    assert modem.send("AT+QIGETERROR")[-2] == "+QIGETERROR: 570,PDP context broken down"
    modem = ModemUnderTest("sim7600")
    modem.boot()
    modem.until_registered()
    assert modem.send(f'AT+CIPOPEN=0,"TCP","{HOST}",1883')[-2:] == ["+CIPOPEN: 0,1", "ERROR"]
    assert modem.send("AT+CIPSEND=0,1")[-2:] == ["+CIPERROR: 2", "ERROR"]


def test_coverage_lost_with_a_socket_open(clear):
    modem = bg95(clear)
    stage(modem, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,0")
    cells, modem.air.audible = modem.air.audible, []
    modem.run(20_000)
    modem.simulated.receive(b"AT+QISEND=0,1\r")
    modem.run(50)
    modem.simulated.receive(b"x")
    modem.until("SEND FAIL")
    modem.air.audible = cells
    assert modem.until('+QIURC: "closed"') == '+QIURC: "closed",0'
    assert modem.until('+QIURC: "pdpdeact"') == '+QIURC: "pdpdeact",1'
    assert modem.send("AT+QIACT?") == ["OK"]


def test_the_network_service():
    modem = sim7600(LockStepNetwork({}))
    assert modem.send("AT+NETOPEN") == ["+IP ERROR: Network is already opened", "ERROR"]
    assert modem.send("AT+IPADDR")[0].startswith("+IPADDR: 10.")
    stage(modem, "AT+NETCLOSE", "+NETCLOSE: 0")
    assert modem.send("AT+NETOPEN?")[0] == "+NETOPEN: 0"
    assert modem.send("AT+IPADDR") == ["+IP ERROR: Network not opened", "ERROR"]


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_time_server(dialect):
    modem = ModemUnderTest(dialect)
    modem.boot()
    modem.send("AT+CTZU=0")
    modem.until_registered()
    if dialect == "bg95":
        assert modem.send('AT+QNTP=1,"pool.ntp.org"')[-1] == "ERROR"
        modem.send('AT+QICSGP=1,1,"iot"')
        modem.send("AT+QIACT=1")
        modem.send('AT+QNTP=1,"pool.ntp.org",123,1')
        assert modem.until("+QNTP:").startswith('+QNTP: 0,"2026/01/05,06:')
    else:
        assert modem.send("AT+CNTP")[-1] == "ERROR"
        modem.send('AT+CNTP="pool.ntp.org",4')
        stage(modem, "AT+CNTP", "+CNTP: 1")
        stage(modem, "AT+NETOPEN", "+NETOPEN: 0")
        stage(modem, "AT+CNTP", "+CNTP: 0")
        assert modem.send("AT+CCLK?")[-2].startswith('+CCLK: "26/01/05,07:')
    assert '"26/01/05,0' in modem.send("AT+CCLK?")[-2]


def issued(folder, name: str) -> tuple[bytes, bytes]:
    """Certificate and key that the authority of the tests has issued to `name`."""
    certificates.make(folder / name, name)
    return (folder / name / "broker.pem").read_bytes(), (folder / name / "broker.key").read_bytes()


def test_a_host_that_wants_to_see_our_certificate(folder, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "broker.pem", folder / "broker.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = issued(tmp_path, "lb-1")
    ca = (folder / "ca.pem").read_bytes()
    for network in serving(context):
        modem = bg95(network)
        for name, data in (("ca.pem", ca), ("me.pem", certificate), ("key.pem", key)):
            modem.ask(f'AT+QFUPL="{name}",{len(data)},60', data)
        names = {"cacert": "ca.pem", "clientcert": "me.pem", "clientkey": "key.pem"}
        for level, outcome in ((1, "+QSSLOPEN: 1,566"), (2, "+QSSLOPEN: 1,0")):
            modem.send(f'AT+QSSLCFG="seclevel",1,{level}')
            for setting, name in names.items():
                modem.send(f'AT+QSSLCFG="{setting}",1,"{name}"')
            stage(modem, f'AT+QSSLOPEN=1,1,1,"{HOST}",8883', outcome)
