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
    bench = ModemUnderTest("bg95", network)
    bench.boot()
    bench.until_registered()
    for command in ("ATE0", "AT+CMEE=1", 'AT+QICSGP=1,1,"iot"', "AT+QIACT=1"):
        assert bench.send(command)[-1] == "OK"
    return bench


def sim7600(network, order="after") -> ModemUnderTest:
    bench = ModemUnderTest("sim7600", network, urc_order=order)
    bench.boot()
    bench.until_registered()
    bench.send("ATE0")
    stage(bench, "AT+NETOPEN", "+NETOPEN: 0")
    return bench


def stage(bench: ModemUnderTest, command: str, outcome: str) -> None:
    """Send a two-stage command; its outcome."""
    bench.output.clear()
    bench.modem.receive(command.encode() + b"\r")
    assert bench.until(outcome.partition(":")[0] + ":") == outcome


def test_a_socket_of_the_bg95(clear):
    bench = bg95(clear)
    stage(bench, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,0")
    stage(bench, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,563")
    bench.ask("AT+QISEND=0,6", b"OK\r\n\xff\n", "SEND OK")
    assert bench.until("+QIURC:") == '+QIURC: "recv",0'
    assert bench.send("AT+QIRD=0,0") == ["+QIRD: 6,0,6", "OK"]
    bench.output.clear()
    bench.modem.receive(b"AT+QIRD=0,1500\r")
    bench.run(100)
    assert bytes(bench.output) == b"\r\n+QIRD: 6\r\nOK\r\n\xff\n\r\n\r\nOK\r\n"
    assert bench.send("AT+QIRD=0") == ["+QIRD: 0", "OK"]
    assert bench.send("AT+QISEND=0,0") == ["+QISEND: 6,6,0", "OK"]
    bench.ask("AT+QISEND=0", b"bye\n\x1a", "SEND OK")
    assert bench.until("+QIURC:") == '+QIURC: "closed",0'
    bench.modem.receive(b"AT+QISEND=0,1\r")
    bench.run(50)
    bench.modem.receive(b"x")
    bench.until("SEND FAIL")
    assert bench.send("AT+QICLOSE=0") == ["OK"]
    assert bench.send("AT+QIRD=0") == ["ERROR"]
    assert bench.send("AT+QIGETERROR")[-2] == "+QIGETERROR: 567,socket has been closed"


def test_data_are_told_once_until_they_are_read(clear):
    bench = bg95(clear)
    stage(bench, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,0")
    bench.ask("AT+QISEND=0,2", b"a\n", "SEND OK")
    bench.until("+QIURC:")
    bench.ask("AT+QISEND=0,2", b"b\n", "SEND OK")
    bench.run(10_000)
    assert b"+QIURC" not in bench.output
    assert bench.send("AT+QIRD=0,0")[0] == "+QIRD: 4,0,4"


def test_data_are_pushed(clear):
    bench = bg95(clear)
    stage(bench, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,1', "+QIOPEN: 0,0")
    bench.ask("AT+QISEND=0,2", b"a\n", "SEND OK")
    bench.run(10_000)
    assert b'\r\n+QIURC: "recv",0,2\r\na\n\r\n' in bench.output


def test_a_secure_socket_of_the_bg95(secure, folder):
    bench = bg95(secure)
    ca = (folder / "ca.pem").read_bytes()
    bench.ask(f'AT+QFUPL="ca.pem",{len(ca)},60', ca)
    for command in ('AT+QSSLCFG="seclevel",2,1', 'AT+QSSLCFG="cacert",2,"ca.pem"'):
        assert bench.send(command)[-1] == "OK"
    stage(bench, f'AT+QSSLOPEN=1,2,4,"{HOST}",8883', "+QSSLOPEN: 4,0")
    bench.ask("AT+QSSLSEND=4,3", b"hi\n", "SEND OK")
    assert bench.until("+QSSLURC:") == '+QSSLURC: "recv",4'
    assert bench.send("AT+QSSLRECV=4,1500")[0] == "+QSSLRECV: 3"
    assert bench.send("AT+QSSLSTATE")[0].startswith(f'+QSSLSTATE: 4,"SSLClient","{HOST}",8883,')
    assert bench.send("AT+QSSLCLOSE=4") == ["OK"]


@pytest.fixture
def other(tmp_path, monkeypatch) -> bytes:
    """The certificate of another authority."""
    monkeypatch.setattr(certificates, "AUTHORITY", certificates.AUTHORITY // 2)
    certificates.make(tmp_path, HOST)
    return bytes((tmp_path / "ca.pem").read_bytes())


def test_a_certificate_that_does_not_fit(secure, other):
    bench = bg95(secure)
    bench.ask(f'AT+QFUPL="ca.pem",{len(other)},60', other)
    for command in ('AT+QSSLCFG="seclevel",2,1', 'AT+QSSLCFG="cacert",2,"ca.pem"'):
        bench.send(command)
    stage(bench, f'AT+QSSLOPEN=1,2,4,"{HOST}",8883', "+QSSLOPEN: 4,566")
    bench.send('AT+QSSLCFG="cacert",2,"none.pem"')
    assert bench.send(f'AT+QSSLOPEN=1,2,4,"{HOST}",8883') == ["ERROR"]


@pytest.mark.parametrize("order", ["after", "before"])
def test_a_socket_of_the_sim7600(clear, order):
    bench = sim7600(clear, order)
    assert bench.send("AT+CIPRXGET=1") == ["OK"]
    stage(bench, f'AT+CIPOPEN=0,"TCP","{HOST}",1883', "+CIPOPEN: 0,0")
    assert bench.send(f'AT+CIPOPEN=0,"TCP","{HOST}",1883') == ["+CIPOPEN: 0,9", "ERROR"]
    assert bench.send("AT+CIPOPEN?")[:2] == [f'+CIPOPEN: 0,"TCP","{HOST}",1883,-1', "+CIPOPEN: 1"]
    bench.ask("AT+CIPSEND=0,6", b"OK\r\n\xff\n", "+CIPSEND: 0,6,6")
    assert bench.until("+CIPRXGET:") == "+CIPRXGET: 1,0"
    assert bench.send("AT+CIPRXGET=4,0") == ["+CIPRXGET: 4,0,6", "OK"]
    assert bench.send("AT+CIPRXGET=3,0,2") == ["+CIPRXGET: 3,0,2,4", "4F4B", "OK"]
    bench.output.clear()
    bench.modem.receive(b"AT+CIPRXGET=2,0,1500\r")
    bench.run(100)
    assert bytes(bench.output) == b"\r\n+CIPRXGET: 2,0,4,0\r\n\r\n\xff\n\r\n\r\nOK\r\n"
    assert bench.send("AT+CIPRXGET=2,0") == ["+IP ERROR: No data", "ERROR"]
    bench.ask("AT+CIPSEND=0,4", b"bye\n")
    assert bench.until("+IPCLOSE:") == "+IPCLOSE: 0,1"
    assert bench.send("AT+CIPCLOSE=0") == ["+CIPCLOSE: 0,2", "ERROR"]


def test_data_come_by_themselves_on_the_sim7600(clear):
    bench = sim7600(clear)
    stage(bench, f'AT+CIPOPEN=3,"TCP","{HOST}",1883', "+CIPOPEN: 3,0")
    bench.ask("AT+CIPSEND=3,3", b"hi\n", "+CIPSEND: 3,3,3")
    bench.run(10_000)
    assert f"\r\nRECV FROM:{HOST}:1883\r\n\r\n+IPD3\r\nhi\n\r\n".encode() in bench.output


def test_a_secure_session_of_the_sim7600(secure, folder):
    bench = sim7600(secure)
    ca = (folder / "ca.pem").read_bytes()
    bench.ask(f'AT+CCERTDOWN="ca.pem",{len(ca)}', ca)
    for command in ('AT+CSSLCFG="authmode",0,1', 'AT+CSSLCFG="cacert",0,"ca.pem"', "AT+CCHSET=1,1"):
        assert bench.send(command)[-1] == "OK"
    assert bench.send(f'AT+CCHOPEN=0,"{HOST}",8883,2') == ["ERROR"]  # not started
    stage(bench, "AT+CCHSTART", "+CCHSTART: 0")
    bench.send("AT+CCHSSLCFG=0,0")
    stage(bench, f'AT+CCHOPEN=0,"{HOST}",8883,2', "+CCHOPEN: 0,0")
    bench.ask("AT+CCHSEND=0,3", b"hi\n", "+CCHSEND: 0,0")
    assert bench.until("+CCHEVENT:") == "+CCHEVENT: 0,RECV EVENT"
    assert bench.send("AT+CCHRECV?")[0] == "+CCHRECV: LEN,3,0"
    assert bench.send("AT+CCHRECV=0,100")[:1] == ["+CCHRECV: DATA,0,3"]
    bench.ask("AT+CCHSEND=0,4", b"bye\n")
    assert bench.until("+CCH_PEER") == "+CCH_PEER_CLOSED: 0"
    assert bench.send("AT+CCHCLOSE=0") == ["+CCHCLOSE: 0,12", "ERROR"]
    stage(bench, "AT+CCHSTOP", "+CCHSTOP: 0")


def test_errors_of_a_tls_session(secure, other):
    bench = sim7600(secure)
    stage(bench, "AT+CCHSTART", "+CCHSTART: 0")
    bench.send('AT+CSSLCFG="authmode",0,1')
    bench.send('AT+CSSLCFG="cacert",0,"ca.pem"')
    assert bench.send(f'AT+CCHOPEN=0,"{HOST}",8883,2') == ["+CCHOPEN: 0,19", "ERROR"]
    bench.ask(f'AT+CCERTDOWN="ca.pem",{len(other)}', other)
    stage(bench, f'AT+CCHOPEN=0,"{HOST}",8883,2', "+CCHOPEN: 0,15")


def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        network = LockStepNetwork({HOST: taken.getsockname()})
        stage(bg95(network), f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,566")
        bench = sim7600(network)
        stage(bench, f'AT+CIPOPEN=0,"TCP","{HOST}",1883', "+CIPOPEN: 0,10")
        stage(bench, f'AT+CIPOPEN=0,"TCP","{HOST}",1883', "+CIPOPEN: 0,10")


def test_no_context_no_socket():
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.until_registered()
    stage(bench, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,570")
    assert bench.send("AT+QIGETERROR")[-2] == "+QIGETERROR: 570,PDP context broken down"
    bench = ModemUnderTest("sim7600")
    bench.boot()
    bench.until_registered()
    assert bench.send(f'AT+CIPOPEN=0,"TCP","{HOST}",1883')[-2:] == ["+CIPOPEN: 0,1", "ERROR"]
    assert bench.send("AT+CIPSEND=0,1")[-2:] == ["+CIPERROR: 2", "ERROR"]


def test_coverage_lost_with_a_socket_open(clear):
    bench = bg95(clear)
    stage(bench, f'AT+QIOPEN=1,0,"TCP","{HOST}",1883,0,0', "+QIOPEN: 0,0")
    cells, bench.air.audible = bench.air.audible, []
    bench.run(20_000)
    bench.modem.receive(b"AT+QISEND=0,1\r")
    bench.run(50)
    bench.modem.receive(b"x")
    bench.until("SEND FAIL")
    bench.air.audible = cells
    assert bench.until('+QIURC: "closed"') == '+QIURC: "closed",0'
    assert bench.until('+QIURC: "pdpdeact"') == '+QIURC: "pdpdeact",1'
    assert bench.send("AT+QIACT?") == ["OK"]


def test_the_network_service():
    bench = sim7600(LockStepNetwork({}))
    assert bench.send("AT+NETOPEN") == ["+IP ERROR: Network is already opened", "ERROR"]
    assert bench.send("AT+IPADDR")[0].startswith("+IPADDR: 10.")
    stage(bench, "AT+NETCLOSE", "+NETCLOSE: 0")
    assert bench.send("AT+NETOPEN?")[0] == "+NETOPEN: 0"
    assert bench.send("AT+IPADDR") == ["+IP ERROR: Network not opened", "ERROR"]


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_time_server(dialect):
    bench = ModemUnderTest(dialect)
    bench.boot()
    bench.send("AT+CTZU=0")
    bench.until_registered()
    if dialect == "bg95":
        assert bench.send('AT+QNTP=1,"pool.ntp.org"')[-1] == "ERROR"
        bench.send('AT+QICSGP=1,1,"iot"')
        bench.send("AT+QIACT=1")
        bench.send('AT+QNTP=1,"pool.ntp.org",123,1')
        assert bench.until("+QNTP:").startswith('+QNTP: 0,"2026/01/05,06:')
    else:
        assert bench.send("AT+CNTP")[-1] == "ERROR"
        bench.send('AT+CNTP="pool.ntp.org",4')
        stage(bench, "AT+CNTP", "+CNTP: 1")
        stage(bench, "AT+NETOPEN", "+NETOPEN: 0")
        stage(bench, "AT+CNTP", "+CNTP: 0")
        assert bench.send("AT+CCLK?")[-2].startswith('+CCLK: "26/01/05,07:')
    assert '"26/01/05,0' in bench.send("AT+CCLK?")[-2]


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
        bench = bg95(network)
        for name, data in (("ca.pem", ca), ("me.pem", certificate), ("key.pem", key)):
            bench.ask(f'AT+QFUPL="{name}",{len(data)},60', data)
        names = {"cacert": "ca.pem", "clientcert": "me.pem", "clientkey": "key.pem"}
        for level, outcome in ((1, "+QSSLOPEN: 1,566"), (2, "+QSSLOPEN: 1,0")):
            bench.send(f'AT+QSSLCFG="seclevel",1,{level}')
            for setting, name in names.items():
                bench.send(f'AT+QSSLCFG="{setting}",1,"{name}"')
            stage(bench, f'AT+QSSLOPEN=1,1,1,"{HOST}",8883', outcome)
