"""Invitations and links to a new password by e-mail."""

import logging
import smtplib
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from landbridge.config import Config, base_url
from landbridge.core import mail_server
from landbridge.core.texts import Catalogue, _
from landbridge.features.users.people import INVITATION_PATH, INVITATION_S, RESET_S, Invited

_log = logging.getLogger(__name__)


def link(config: Config, invited: Invited) -> str:
    """Return the address of an invitation. Its secret follows the #, where neither a log nor a referrer
    has it."""
    return f"{base_url(config.web)}{INVITATION_PATH}#{invited.secret}"


def send(config: Config, language: Catalogue, invited: Invited) -> bool:
    """Mail an invitation to its user; False if the user has no address, or the mail server did not take it:
    then the link must be passed on another way."""
    days = INVITATION_S // 86_400
    lines = [
        _("You are invited to Landbridge as {name}.", name=invited.name),
        _("Set your password here: {address}", address=link(config, invited)),
        _("The link works once, within {days} days.", days=days),
    ]
    return _sent(config, language, invited, _("Invitation to Landbridge"), lines)


def send_new_password(config: Config, language: Catalogue, invited: Invited) -> bool:
    """Mail a requested password reset link to its user; False if the mail
    server did not take it."""
    minutes = RESET_S // 60
    lines = [
        _("A new password was requested for {name}. If it was not you, ignore this mail.", name=invited.name),
        _("Set your password here: {address}", address=link(config, invited)),
        _("The link works once, within {minutes} minutes.", minutes=minutes),
    ]
    return _sent(config, language, invited, _("New password for Landbridge"), lines)


def _sent(config: Config, language: Catalogue, invited: Invited, subject: str, lines: Sequence[str]) -> bool:
    if invited.mail is None:
        return False
    settings = config.mail
    login = settings.username, settings.password
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.sender, invited.mail
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="landbridge")
    mail["Subject"] = language.translate(subject)
    mail.set_content("".join(f"{language.translate(each)}\n" for each in lines))
    try:
        with mail_server.connected(settings.host, settings.port, settings.tls, *login) as server:
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        server_name = f"{settings.host}:{settings.port}"
        _log.warning("cannot mail %s: mail server %s: %s", invited.mail, server_name, error)
        return False
    return True
