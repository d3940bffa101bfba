"""Alarms as e-mail: one when it is raised, one when it is cleared."""

import json
import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote

from landbridge.config import Mail
from landbridge.core.http_errors import Away, Refused
from landbridge.events.outbox import Posted
from landbridge.geo import places as geography

TYPES = ("alarm-raised", "alarm-cleared")
_TIMEOUT_S = 30
_FOR_GOOD = 500
"""From this code on a server means what it says of a mail for good (RFC 5321, 4.2.1)."""


def send(settings: Mail, pages: str, address: str, message: Posted) -> None:
    """Send the mail that a message makes, if it makes one; `pages` as `written` has it. `Refused` when the
    server will never take this one, `Away` for what would be the same for every mail, or may be over soon."""
    told = json.loads(message.payload)
    if told["type"] not in TYPES or _is_corrected(told):
        return
    try:
        with connected(settings) as server:
            server.send_message(written(settings.sender, pages, address.removeprefix("mailto:"), told))
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


def written(sender: str, pages: str, to: str, told: dict[str, Any]) -> EmailMessage:
    """The mail: what, where, since when, until when; its id and date are those of the event, so that a repeat
    is known as one. It leads to the device's page, if there are `pages` (their address, without a slash at
    its end)."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, to
    mail["Date"] = datetime.fromisoformat(told["told"])
    mail["Message-ID"] = f"<{told['event']}.{told['id'].replace('/', '.')}@landbridge>"
    state = told["type"].removeprefix("alarm-")
    whose = told["container"] or told["device"]
    mail["Subject"] = f"[{told['severity']}] {told['alarm']} {state}: {whose}"
    lines = {
        "alarm": f"{told['alarm']} ({told['severity']}), {state}",
        "number": told["number"],
        "device": told["device"],
        "container": told["container"] or "-",
        "since": told["since"],
    } | _place(told["latitude"], told["longitude"])
    if state == "cleared":
        lines |= {"cleared": f"{told['cleared']} by {told['cleared_by']}"}
    else:
        lines |= {"acknowledge": f"landbridge alarms acknowledge {told['number']}"}
    if pages:
        lines |= {"page": f"{pages}/devices/{quote(told['device'], safe='')}"}
    mail.set_content("\n".join(f"{name}: {value}" for name, value in lines.items()) + "\n")
    return mail


def _place(lat: float | None, lon: float | None) -> dict[str, str]:
    """Position, nearest place and country, by the names of their lines."""
    if lat is None or lon is None:
        return {"position": "not known"}
    near, country = geography.where(lat, lon)
    away = f"{near.km} km from {near.place.name}" if near and near.km > 1 else near and near.place.name
    place = ", ".join(each for each in (away, country and country.name) if each)
    return {"position": f"{lat:.5f}, {lon:.5f}"} | ({"place": place} if place else {})


def connected(settings: Mail) -> smtplib.SMTP:
    """The mail server, signed in to; `OSError` or `SMTPException` when it cannot be."""
    server = smtplib.SMTP(settings.host, settings.port, timeout=_TIMEOUT_S)
    if settings.tls:
        server.starttls(context=ssl.create_default_context())
    if settings.username:
        server.login(settings.username, settings.password)
    return server
