"""A scripted SM-DP+ over HTTPS, for the tests of its clients.

with Server() as smdp:
    smdp.order("MATCH-1", offered("8949...", "262...", 15_000), code="1234")
    smdp.faults.append(Fault("getBoundProfilePackage", status="no-rebinding", times=1))
    ... LPA:1$localhost:PORT$MATCH-1$$1, trusting smdp.ca_pem ...
    assert smdp.functions.notified[0].valid
"""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tools.modem.card.rsp import chain
from tools.modem.card.rsp.chain import Credential
from tools.world.services.smdp.codes import Status, StatusError
from tools.world.services.smdp.functions import NAMES, Functions, MalformedError
from tools.world.services.smdp.orders import Order
from tools.world.services.smdp.profiles import Offered

PATH = "/gsma/rsp2/es9plus/"
PROTOCOL = "gsma/rsp/v2.2.2"
MOST_REQUEST = 65_536
DEADLINE_S = 10.0
"""For a client that sends nothing."""
HOSTS = ("localhost", "127.0.0.1")
BROKEN_PAGE = (
    b"<!doctype html><title>Internal Server Error</title><pre>Traceback (most recent call last):</pre>"
)


@dataclass
class Fault:
    """The script for the next `times` calls of a function: a `status` by its name, `http` status with a page,
    `wait_s` before the answer, `cut` after so many bytes of its body, a `redirect`, another `body`."""

    function: str
    status: str = ""
    http: int = 0
    wait_s: float = 0
    cut: int | None = None
    redirect: str = ""
    body: bytes | None = None
    times: int = 1 << 30


class Server:
    """Serves while it is entered. `port` 0 takes a free one; `tls` is another certificate than ours."""

    def __init__(self, port: int = 0, tls: Credential | None = None, host: str = "localhost") -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._http.daemon_threads = True
        self.port = int(self._http.server_address[1])
        self._http.socket = context(tls or chain.server(chain.ROLE_TLS, hosts=HOSTS)).wrap_socket(
            self._http.socket, server_side=True, do_handshake_on_connect=False
        )
        self._http.smdp = self  # type: ignore[attr-defined]
        self.address = f"{host}:{self.port}"
        self.functions = Functions(self.address)
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self.lock = threading.Lock()
        self.stopped = threading.Event()

    @property
    def ca_pem(self) -> str:
        """The root that a client has to trust."""
        return chain.ci().pem

    def order(self, matching_id: str, profile: Offered, **more: Any) -> Order:
        """Offer a profile; `more` as `Order` has it."""
        order = Order(matching_id, profile, **more)
        self.functions.orders[matching_id] = order
        return order

    def start(self) -> None:
        """Begin to serve."""
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Serve no more."""
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(DEADLINE_S)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fault(self, function: str) -> Fault | None:
        """The script for this call."""
        for each in self.faults:
            if each.function == function and each.times > 0:
                each.times -= 1
                return each
        return None


def context(credential: Credential) -> ssl.SSLContext:
    """TLS with this certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(credential.pem + credential.key_pem)
        file.flush()
        made.load_cert_chain(Path(file.name))
    return made


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = DEADLINE_S
    server_version, sys_version = "smdp", ""

    def do_POST(self) -> None:
        """One function."""
        smdp: Server = self.server.smdp  # type: ignore[attr-defined]
        length = int(self.headers.get("Content-Length", "0"))
        if length > MOST_REQUEST:
            self.close_connection = True
            self._send(413, b"")
            return
        request = self.rfile.read(length)
        function = self.path.removeprefix(PATH)
        if not self.path.startswith(PATH) or function not in NAMES:
            self._send(404, b"")
            return
        if not self.headers.get("X-Admin-Protocol", "").startswith("gsma/rsp/v"):
            self._send(400, b"")
            return
        with smdp.lock:
            smdp.calls.append(function)
            fault = smdp.fault(function)
        if fault and fault.wait_s:
            smdp.stopped.wait(fault.wait_s)
        if fault and (fault.http or fault.redirect or fault.body is not None):
            self._disturbed(fault)
            return
        self._answer(smdp, function, request, fault)

    def _disturbed(self, fault: Fault) -> None:
        if fault.redirect:
            self._send(302, b"", Location=fault.redirect)
        elif fault.body is not None:
            self._send(200, fault.body)
        else:
            self._send(fault.http, BROKEN_PAGE, kind="text/html")

    def _answer(self, smdp: Server, function: str, request: bytes, fault: Fault | None) -> None:
        try:
            with smdp.lock:
                if fault and fault.status:
                    raise StatusError(fault.status)
                body = json.loads(request)
                if not isinstance(body, dict):
                    raise MalformedError("no object")
                answer = smdp.functions.call(function, body)
        except StatusError as error:
            answer = _failed(error.status)
        except ValueError:
            self._send(400, b"")
            return
        else:
            answer = None if answer is None else {"header": _header("Executed-Success"), **answer}
        if function == "handleNotification":
            self._send(204, b"")
            return
        self._send(200, json.dumps(answer).encode(), fault.cut if fault else None)

    def _send(
        self, status: int, body: bytes, cut: int | None = None, kind: str = "application/json", **more: str
    ) -> None:
        self.send_response(status)
        self.send_header("X-Admin-Protocol", PROTOCOL)
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is written: a MatchingID would be in it."""


def _header(status: str, **more: Any) -> dict[str, Any]:
    return {"functionExecutionStatus": {"status": status, **more}}


def _failed(status: Status) -> dict[str, Any]:
    data = {"subjectCode": status.subject, "reasonCode": status.reason}
    return {"header": _header("Failed", statusCodeData=data)}
