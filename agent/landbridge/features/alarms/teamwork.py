"""Assignment of alarms to people, and their comments. Neither is published to platforms."""

from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.core.labels import label
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as stored

LONGEST = 1_000
"""Characters of a comment."""


def take(connection: Connection, alarm: int, who: str, now_s: int) -> None:
    """Let `who` handle an alarm, in place of the previous user; `UserError` if it is unknown or cleared."""
    row = engine.known(connection, alarm)
    if row.cleared_s is not None:
        raise UserError(_("alarm {number} is cleared; no action is needed", number=alarm))
    stored.take(connection, alarm, who, now_s)
    audit.add(connection, who, _("took over the alarm: {alarm}", alarm=label(row.name)), now_s, row.device)


def leave(connection: Connection, alarm: int, who: str, now_s: int) -> None:
    """Let no one handle an alarm any more; `UserError` if there is no such alarm."""
    row = engine.known(connection, alarm)
    stored.take(connection, alarm, None, now_s)
    audit.add(connection, who, _("handed the alarm back: {alarm}", alarm=label(row.name)), now_s, row.device)


def comment(connection: Connection, alarm: int, who: str, text: str, now_s: int) -> None:
    """Add a comment to an alarm, open or not; `UserError` if there is none or the text is empty."""
    row = engine.known(connection, alarm)
    text = text.strip()
    if not text:
        raise UserError(_("the comment is empty; write what was found or done"))
    stored.comment(connection, alarm, who, text, now_s)
    what = _("comment on the alarm {alarm}: {text}", alarm=label(row.name), text=text)
    audit.add(connection, who, what, now_s, row.device)
