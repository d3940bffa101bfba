"""The mail server of [mail]."""

import smtplib
import ssl

TIMEOUT_S = 20


def connected(host: str, port: int, tls: bool, username: str, password: str) -> smtplib.SMTP:
    """Open it, signed in if it has a `username`; `OSError` or `SMTPException` on failure."""
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    if tls:
        server.starttls(context=ssl.create_default_context())
    if username:
        server.login(username, password)
    return server
