"""A mail server for tests."""

import socketserver
import threading
from collections.abc import Callable


class MailServer(socketserver.ThreadingTCPServer):
    """SMTP, as much of it as a client needs; keeps the mails. `answer` is to a command, or to a mail."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.answer: Callable[[str], str] = lambda _: "250 yes"
        super().__init__(("127.0.0.1", 0), _Smtp)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Smtp(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part.decode())
                line = "".join(lines).encode()
                if self.server.answer(line.decode()).startswith("250"):
                    self.server.mails.append(line.decode())
            if line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(f"{self.server.answer(line.decode())}\r\n".encode())
