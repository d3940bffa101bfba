"""Notifications through Apprise: chat rooms, SMS gateways and other services, each by its URL.

A URL is a secret: it opens the chat room. It is stored encrypted, and neither it nor what Apprise logs of it
is shown. Redirects are not followed. Apprise is loaded when it is first needed."""

import logging
import threading
from typing import Any

from landbridge.core.delivery_errors import Away
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.notifications.mail import InDoubt
from landbridge.features.notifications.message import Message

_OF_THIS_MACHINE = ("blink1", "dbus", "glib", "gnome", "macosx", "syslog", "windows")
"""Apprise plugins that only show a message on the machine of the agent."""
_ANSWERED = "error="
"""In what Apprise logs of an answer with another status than 2xx."""


def name(address: str) -> str:
    """Return the name of the service of a URL, without anything secret; `UserError` if Apprise knows none."""
    return str(_target(address).service_name)


def send(address: str, message: Message) -> str:
    """Send a message; return the answer. `Away`: the service refuses it; `InDoubt`: it may have it."""
    import apprise

    target, logger, heard = _target(address), logging.getLogger("apprise"), _Heard()
    logger.addHandler(heard)
    try:
        is_sent = target.notify(body=message.body, title=message.title, body_format=apprise.NotifyFormat.TEXT)
    finally:
        logger.removeHandler(heard)
    said = " ".join(" ".join(heard.said).split())[:200]
    if is_sent:
        return f"{target.service_name} accepts it"
    raise (Away if _ANSWERED in said else InDoubt)(said or f"{target.service_name} does not accept it")


class _Heard(logging.Handler):
    """Apprise's log lines of this thread only: at the same time other threads send to channels of other
    tenants."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line if it is of this thread."""
        if record.thread == self._thread:
            self.said.append(record.getMessage())


def _target(address: str) -> Any:
    import apprise

    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.INFO)  # below, it logs the paths of URLs
    asset = apprise.AppriseAsset(app_id="Landbridge", app_desc="Landbridge", http_redirects=False)
    target = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    scheme = address.partition(":")[0]
    if ":" not in address:
        raise UserError(
            _(
                "enter a mail address, such as dispatch@example.org, or the URL of a service that Apprise"
                " knows"
            ),
            "address",
        )
    if target is None or type(target).__module__.rpartition(".")[2] in _OF_THIS_MACHINE:
        raise UserError(
            _(
                "{scheme}:... is not a service that Apprise knows; see its documentation, or use"
                " mailto:dispatch@example.org to send by [mail]",
                scheme=scheme,
            ),
            "address",
        )
    return target
