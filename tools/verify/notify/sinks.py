"""Receivers of notifications: a mail server, and an HTTP server for webhooks and for Apprise.

Each keeps what it accepts in a file, down to the disk, before confirming it, as mail servers do. It ends with
its standard input, or is killed.

`python -m tools.verify.notify.sinks FOLDER SMTP_PORT HTTP_PORT`
"""

import email
import email.policy
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from landbridge.core.clock import Clock

from tools.world.services.agent import end_with_parent

FILE = "received.jsonl"


class Kept:
    """The file of what was accepted."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / FILE).open("a")
        self._lock = threading.Lock()
        self._clock = Clock()

    def add(self, sink: str, number: str, text: str) -> None:
        """Keep a message with the time of the simulated world."""
        line = json.dumps({"sink": sink, "id": number, "at_s": self._clock.now_s(), "text": text})
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())


class Mails:
    """The handler's interface for aiosmtpd."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep a mail, then accept it."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = mail.get_body()
        assert body is not None
        self._kept.add("mail", str(mail["Message-ID"]), f"{mail['Subject']}\n{body.get_content()}")
        return "250 kept"


def handler(kept: Kept) -> type[BaseHTTPRequestHandler]:
    """Return what handles the requests of webhooks (with their id) and of Apprise."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if number := self.headers.get("webhook-id"):
                kept.add("webhook", number, body)
            else:
                said = json.loads(body)
                text = f"{said['title']}\n{said['message']}"
                kept.add("apprise", text.rpartition("Notification: ")[2].strip(), text)
            self.send_response(204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return Handler


def main() -> None:
    """The command line."""
    folder, smtp_port, http_port = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    threading.Thread(target=end_with_parent, daemon=True).start()
    kept = Kept(folder)
    Controller(Mails(kept), hostname="127.0.0.1", port=smtp_port).start()
    ThreadingHTTPServer(("127.0.0.1", http_port), handler(kept)).serve_forever()


if __name__ == "__main__":
    main()
