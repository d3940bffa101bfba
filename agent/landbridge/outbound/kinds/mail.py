"""Alarms as e-mail: one when it is raised, one when it is cleared."""

import json
import smtplib
import ssl
from email.message import EmailMessage
from typing import Any

from landbridge.config import Mail
from landbridge.outbound.kinds.errors import Away, Refused
from landbridge.store.outbox import Posted

TYPES = ("alarm-raised", "alarm-cleared")
_TIMEOUT_S = 30
_FOR_GOOD = 500
"""From this code on a server means what it says of a mail for good (RFC 5321, 4.2.1)."""


def send(settings: Mail, address: str, message: Posted) -> None:
    """Send the mail that a message makes, if it makes one. `Refused` when the server will never take this
    one, `Away` for what would be the same for every mail, or may be over soon."""
    told = json.loads(message.payload)
    if told["type"] not in TYPES or _is_corrected(told):
        return
    try:
        with connected(settings) as server:
            server.send_message(written(settings.sender, address.removeprefix("mailto:"), told))
    except (smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused) as error:
        raise (Refused if _code(error) >= _FOR_GOOD else Away)(f"the mail server answers {error}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Away(f"mail server {settings.host}:{settings.port}: {error}") from None


def _is_corrected(told: dict[str, Any]) -> bool:
    """It was over before, by something else: who was told that needs no second mail."""
    return told["type"] == "alarm-cleared" and "replaces" in told


def _code(error: smtplib.SMTPDataError | smtplib.SMTPRecipientsRefused) -> int:
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code
    return min(code for code, _ in error.recipients.values())


def written(sender: str, to: str, told: dict[str, Any]) -> EmailMessage:
    """The mail: what, where, since when; its id names the event, so that a repeat is known as one."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, to
    mail["Message-ID"] = f"<{told['event']}.{told['id'].replace('/', '.')}@landbridge>"
    state = told["type"].removeprefix("alarm-")
    whose = told["container"] or told["device"]
    mail["Subject"] = f"[{told['severity']}] {told['alarm']} {state}: {whose}"
    where = "not known"
    if told["latitude"] is not None:
        where = f"{told['latitude']:.5f}, {told['longitude']:.5f}"
    lines = {
        "alarm": f"{told['alarm']} ({told['severity']}), {state}",
        "number": told["number"],
        "device": told["device"],
        "container": told["container"] or "-",
        "since": told["since"],
        "position": where,
        "acknowledge": f"landbridge alarms acknowledge {told['number']}",
    }
    mail.set_content("\n".join(f"{name}: {value}" for name, value in lines.items()) + "\n")
    return mail


def connected(settings: Mail) -> smtplib.SMTP:
    """The mail server, signed in to; `OSError` or `SMTPException` when it cannot be."""
    server = smtplib.SMTP(settings.host, settings.port, timeout=_TIMEOUT_S)
    if settings.tls:
        server.starttls(context=ssl.create_default_context())
    if settings.username:
        server.login(settings.username, settings.password)
    return server
