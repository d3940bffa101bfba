"""Notifications by e-mail, through the server of [mail]."""

import smtplib
from datetime import datetime
from email.message import EmailMessage
from urllib.parse import quote, unquote

from landbridge.config import Mail
from landbridge.core import mail_server
from landbridge.core.delivery_errors import Away, Refused
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.notifications.message import Message

_SCHEME = "mailto:"
_FOR_GOOD = 500
"""Codes from this one on refuse a mail permanently (RFC 5321, 4.2.1)."""


class InDoubt(Away):
    """It is unknown whether the mail server accepted the message."""


def address(given: str) -> str:
    """Return the address of a channel: a mailbox alone, such as dispatch@example.org, gets its mailto:."""
    return f"{_SCHEME}{quote(given, safe='@')}" if mail_server.is_mailbox(given) else given


def is_mailbox(address: str) -> bool:
    """Whether an address is a mailbox, to be reached by [mail]; Apprise's mailto://... names a server."""
    return address.startswith(_SCHEME) and not address.startswith(f"{_SCHEME}//")


def mailbox(address: str) -> str:
    """Return the mailbox of an address such as mailto:dispatch@example.org; `UserError` if it is invalid."""
    found = unquote(address.removeprefix(_SCHEME))
    if not mail_server.is_mailbox(found):
        raise UserError(
            _(
                "{address} is not a mail address; write it like mailto:dispatch@example.org",
                address=repr(address),
            ),
            "address",
        )
    return found


def send(settings: Mail, address: str, message: Message, at: datetime) -> str:
    """Send a mail; return the server's answer. The id is that of the message, so that a repeat is
    recognised."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Date"] = settings.sender, mailbox(address), at
    mail["Subject"] = message.title
    mail["Message-ID"] = f"<{message.number}@{settings.sender.rpartition('@')[2] or 'landbridge'}>"
    mail.set_content(message.body)
    return post(settings, mail)


def post(settings: Mail, mail: EmailMessage) -> str:
    """Give a mail to the server of [mail]; return its answer. `Refused`: it will never take this one;
    `InDoubt`: the connection broke off."""
    where = f"mail server {settings.host}:{settings.port}"
    try:
        server = connected(settings)
    except (OSError, smtplib.SMTPException) as error:
        raise Away(f"{where}: {error}") from None
    try:
        with server:
            server.send_message(mail)
    except (smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused) as error:
        raise (Refused if _code(error) >= _FOR_GOOD else Away)(f"{where} answers {error}") from None
    except smtplib.SMTPResponseException as error:
        raise Away(f"{where}: {error}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise InDoubt(f"{where}: {error}") from None
    return f"{where} accepts it"


def _code(error: smtplib.SMTPDataError | smtplib.SMTPRecipientsRefused) -> int:
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code
    return min(code for code, _text in error.recipients.values())


def connected(settings: Mail) -> smtplib.SMTP:
    """Open the mail server, signed in; `OSError` or `SMTPException` on failure."""
    login = settings.username, settings.password
    return mail_server.connected(settings.host, settings.port, settings.tls, *login)
