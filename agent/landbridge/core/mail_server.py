"""The mail server of [mail], and checks that it can be reached."""

import re
import smtplib
import ssl

TIMEOUT_S = 20
_PART = r'[^\s@<>,;:?&"()\[\]\\]+'
_MAILBOX, _LONGEST = re.compile(f"{_PART}@{_PART}"), 254


def is_mailbox(text: str) -> bool:
    """Whether `text` is the address of a mailbox, such as anna@example.org."""
    is_plain = text.isascii() and text.isprintable() and len(text) <= _LONGEST
    return is_plain and _MAILBOX.fullmatch(text) is not None


def connected(host: str, port: int, tls: bool, username: str, password: str) -> smtplib.SMTP:
    """Open it, signed in if it has a `username`; `OSError` or `SMTPException` on failure."""
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    if tls:
        server.starttls(context=ssl.create_default_context())
    if username:
        server.login(username, password)
    return server
