"""Alarms by e-mail: one when an alarm is raised, one when it is cleared."""

import json
import smtplib
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from landbridge.config import Mail
from landbridge.core import mail_server
from landbridge.core.errors import UserError
from landbridge.core.http_errors import Away, Refused
from landbridge.core.labels import actor, label
from landbridge.core.texts import SOURCE, Catalogue, Text, _, catalogues
from landbridge.events.outbox import OutboxMessage
from landbridge.geo import places as geography

_LANGUAGE = "language"
TYPES = ("alarm-raised", "alarm-cleared")
_FOR_GOOD = 500
"""Codes from this one on refuse a mail permanently (RFC 5321, 4.2.1)."""


def send(settings: Mail, pages: str, address: str, message: OutboxMessage) -> None:
    """Send the mail that a message makes, if it makes one; `pages` as `written` has it. `Refused` when the
    server will never take this one, `Away` for what would be the same for every mail, or may be over soon."""
    event = json.loads(message.payload)
    if event["type"] not in TYPES or _is_corrected(event):
        return
    try:
        with connected(settings) as server:
            server.send_message(written(settings.sender, pages, address, event))
    except (smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused) as error:
        raise (Refused if _code(error) >= _FOR_GOOD else Away)(f"the mail server answers {error}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Away(f"mail server {settings.host}:{settings.port}: {error}") from None


def _is_corrected(event: dict[str, Any]) -> bool:
    """It was cleared before by something else: that mail was sent, and a second one is not needed."""
    return event["type"] == "alarm-cleared" and "replaces" in event


def _code(error: smtplib.SMTPDataError | smtplib.SMTPRecipientsRefused) -> int:
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code
    return min(code for code, _ in error.recipients.values())


def written(sender: str, pages: str, address: str, event: dict[str, Any]) -> EmailMessage:
    """Return the mail about an alarm, in the language of `address`. Its id and date are those of the event,
    so that a repeat is recognised. It links to the device's page if there are `pages` (their address, without
    a slash at its end)."""
    to, wanted = recipient(address)
    language = catalogues().get(wanted) or catalogues()[SOURCE]
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, to
    mail["Date"] = datetime.fromisoformat(event["published"])
    mail["Message-ID"] = f"<{event['event']}.{event['id'].replace('/', '.')}@landbridge>"
    state = event["type"].removeprefix("alarm-")
    names = {"alarm": label(event["alarm"]), "severity": label(event["severity"]), "state": label(state)}
    whose = event["container"] or event["device"]
    mail["Subject"] = language.translate(
        _("[{severity}] {alarm}, {state}: {container}", container=whose, **names)
    )
    lines = [
        _("Alarm: {alarm} ({severity}), {state}", **names),
        _("Number: {number}", number=event["number"]),
        _("Device: {device}", device=event["device"]),
        _("Container: {container}", container=event["container"] or "–"),
        _("Since: {time}", time=_time(language, event["since"])),
        *_place(language, event["latitude"], event["longitude"]),
    ]
    if state == "cleared":
        who = actor(event["cleared_by"])
        lines.append(_("Cleared: {time} by {who}", time=_time(language, event["cleared"]), who=who))
    else:
        command = f"landbridge alarms acknowledge {event['number']}"
        lines.append(_("Acknowledge with: {command}", command=command))
    if pages:
        page = f"{pages}/devices/{quote(event['device'], safe='')}"
        lines.append(_("Page: {address}", address=page))
    mail.set_content("".join(f"{language.translate(line)}\n" for line in lines))
    return mail


def recipient(address: str) -> tuple[str, str]:
    """Return mailbox and language of an address like mailto:dispatch@example.org?language=zh."""
    parts = urlsplit(address)
    return unquote(parts.path), dict(parse_qsl(parts.query)).get(_LANGUAGE, SOURCE)


def check(address: str) -> None:
    """`UserError` for a language without a catalogue, and for any other parameter."""
    query, known = urlsplit(address).query, [f"{_LANGUAGE}={each}" for each in catalogues()]
    if query and query not in known:
        raise UserError(f"{address!r}: after the question mark only {' or '.join(known)} is known")


def _time(language: Catalogue, moment: str) -> str:
    return language.time(datetime.fromisoformat(moment))


def _place(language: Catalogue, lat: float | None, lon: float | None) -> list[Text]:
    """Return the lines about position, nearest place and country."""
    if lat is None or lon is None:
        return [_("Position: {position}", position=_("not known yet"))]
    degrees = f"{lat:.5f}, {lon:.5f}"
    position = _("Position: {position}", position=degrees)
    near, country = geography.where(lat, lon)
    parts = [near and _near(language, near), country and language.country(country.code, country.name)]
    place = ", ".join(language.translate(each) for each in parts if each)
    return [position, _("Place: {place}", place=place)] if place else [position]


def _near(language: Catalogue, near: geography.Near) -> str:
    name = (language.is_chinese and near.place.chinese) or near.place.name
    return _("{km} km from {place}", km=near.km, place=name) if near.km > 1 else name


def connected(settings: Mail) -> smtplib.SMTP:
    """Open the mail server, signed in; `OSError` or `SMTPException` on failure."""
    login = settings.username, settings.password
    return mail_server.connected(settings.host, settings.port, settings.tls, *login)
