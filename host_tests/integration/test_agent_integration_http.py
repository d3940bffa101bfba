"""Requests to integrations: the meaning of answers, and time limits."""

import contextlib
import socket
import socketserver
import threading
import time

import pytest
from landbridge.core import http
from landbridge.core.delivery_errors import Away, Refused

from host_tests.support.agent import WAIT_S


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("224.0.1.1", False),
        ("2606:4700::1111", True),
        ("::1", False),
        ("fc00::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff0e::1", False),
        ("::ffff:8.8.8.8", True),
        ("::ffff:10.0.0.1", False),
        ("::10.0.0.1", False),
        ("64:ff9b::8.8.8.8", True),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::169.254.169.254", False),
        ("64:ff9b:1::10.0.0.1", False),
        ("64:ff9b:1:a00:0:100::", False),
        ("2002:808:808::1", True),
        ("2002:a00:1::1", False),
        ("2002:7f00:1::1", False),
        ("2001:0:808:808::f5ff:fffe", False),
    ],
)
def test_an_address_that_embeds_a_private_one_is_not_public(address, is_public):
    assert http.is_public(address) is is_public


def test_an_integration_that_answers_byte_by_byte_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(http, "WHOLE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            taken, _ = server.accept()
            with taken, contextlib.suppress(OSError):
                taken.sendall(b"HTTP/1.1 200 OK\r\n")
                while True:
                    taken.sendall(b"x")
                    time.sleep(0.02)

        dripping = threading.Thread(target=drip)
        dripping.start()
        with pytest.raises(Away, match=r"within 0\.3 s"):
            http.HttpClient(f"http://127.0.0.1:{server.getsockname()[1]}/").post(b"{}", {})
        dripping.join()


def test_a_connection_is_kept_for_as_long_as_the_integration_keeps_it():
    taken: list[int] = []

    class Keeps(socketserver.StreamRequestHandler):
        """Answers two requests, then ends the connection without a word."""

        def handle(self) -> None:
            for text in (b"fine", b""):
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                if not line:
                    return
                self.rfile.read(length)
                taken.append(self.client_address[1])
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Keeps) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        line = http.HttpClient(f"http://127.0.0.1:{server.server_address[1]}/")
        for number in range(5):
            line.post(b"%d" % number, {})
        line.close()
        server.shutdown()
    assert [taken.count(port) for port in dict.fromkeys(taken)] == [2, 2, 1]


def test_an_answer_counts_when_its_first_lines_are_there(monkeypatch):
    monkeypatch.setattr(http, "REST_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def begin() -> None:
            taken, _ = server.accept()
            with taken:
                taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
                while taken.recv(4096):
                    pass

        begun = threading.Thread(target=begin)
        begun.start()
        http.HttpClient(f"http://127.0.0.1:{server.getsockname()[1]}/").post(b"{}", {})
        begun.join(WAIT_S)
        assert not begun.is_alive()


def test_answers_of_an_integration_are_distinguished(receiver):
    receiver.answer = lambda got: int(got.path.rpartition("/")[2])
    http.HttpClient(f"{receiver.url}/204").post(b"{}", {})
    with pytest.raises(Refused, match="answers 422"):
        http.HttpClient(f"{receiver.url}/422").post(b"{}", {})
    for code in (302, 404, 500):
        with pytest.raises(Away, match=f"answers {code}"):
            http.HttpClient(f"{receiver.url}/{code}").post(b"{}", {})
    with pytest.raises(Away, match=r"301 .* to https://elsewhere\.example/hook: .* correct the address$"):
        http.HttpClient(f"{receiver.url}/301").post(b"{}", {})
    with pytest.raises(Away, match="no answer"):
        http.HttpClient("http://127.0.0.1:1/").post(b"{}", {})


def test_an_integration_of_a_tenant_reaches_public_hosts_only(receiver, monkeypatch):
    local = receiver.url.replace("127.0.0.1", "localhost")
    for url in (receiver.url, local):
        with pytest.raises(Away, match="its host has no public address"):
            http.HttpClient(url, only_public=True).post(b"{}", {})
    asked = []

    def rebound(host, *more):
        """The name stands for a public address when it is looked at, then for one of the operator."""
        asked.append(host)
        return [(0, 0, 0, "", ("9.9.9.9", 443))] if len(asked) == 1 else real(host, *more)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with pytest.raises(Away, match="its host has no public address"):
        http.HttpClient(local, only_public=True).post(b"{}", {})
    assert len(asked) == 2 and not receiver.taken and not receiver.refused
    http.HttpClient(local).post(b"{}", {})
    assert len(receiver.taken) == 1
