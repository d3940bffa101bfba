"""The text of a notification, in the language of its channel."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from landbridge.core.labels import label
from landbridge.core.texts import SOURCE, Catalogue, Text, _, catalogues, ngettext
from landbridge.geo import places as geography

TEST = "test"
"""Type of the event of a test."""


class Message(NamedTuple):
    """A message as it is sent."""

    number: int
    """Stays the same when it is sent again; a receiver recognises it by that."""
    title: str
    body: str


def written(number: int, events: Sequence[dict[str, Any]], language: str, pages: str) -> Message:
    """Return the message about these events. It links to the devices' pages if there are `pages` (their
    address, without a slash at its end)."""
    catalogue = catalogues().get(language) or catalogues()[SOURCE]
    if len(events) == 1:
        title = catalogue.translate(_title(catalogue, events[0]))
    else:
        title = catalogue.translate(
            ngettext("Landbridge: {number} notification", "Landbridge: {number} notifications", len(events))
        )
    parts = [_lines(catalogue, each, pages) for each in events]
    if len(events) > 1:
        parts = [[_title(catalogue, each), *lines] for each, lines in zip(events, parts, strict=True)]
    parts.append([_("Notification: {number}", number=number)])
    return Message(
        number, title, "\n\n".join("\n".join(map(catalogue.translate, lines)) for lines in parts) + "\n"
    )


def _title(catalogue: Catalogue, event: dict[str, Any]) -> Text:
    if event["type"] == TEST:
        return _("Landbridge: test of this channel")
    whose = event["container"] or event["device"]
    near = _place(catalogue, event)
    where = f"{whose} · {near}" if near else whose
    if "severity" not in event:
        return _("{event}: {where}", event=label(event["type"]), where=where)
    names = {"alarm": label(event["alarm"]), "severity": label(event["severity"])}
    if event["type"] == "alarm-cleared":
        return _("[{severity}] {alarm}, cleared: {where}", where=where, **names)
    return _("[{severity}] {alarm}: {where}", where=where, **names)


def _lines(catalogue: Catalogue, event: dict[str, Any], pages: str) -> list[Text]:
    if event["type"] == TEST:
        return [_("This channel works: notifications arrive.")]
    since = event.get("since") or event.get("time")
    lines = [_("Container: {container}", container=event["container"] or "–")]
    lines.append(_("Device: {device}", device=event["device"]))
    if near := _place(catalogue, event):
        lines.append(_("Place: {place}", place=near))
    if event.get("latitude") is not None:
        degrees = f"{event['latitude']:.5f}, {event['longitude']:.5f}"
        lines.append(_("Position: {position}", position=degrees))
    if since:
        lines.append(_("Since: {time}", time=catalogue.time(datetime.fromisoformat(since))))
    if event["type"] == "alarm-raised":
        lines += _of_alarm(catalogue, event)
    if pages:
        page = f"{pages}/devices/{quote(event['device'], safe='')}"
        lines.append(_("Page: {address}", address=page))
    return lines


def _of_alarm(catalogue: Catalogue, event: dict[str, Any]) -> list[Text]:
    number = _("Alarm: {number}", number=str(event["number"]))
    if event.get("cleared"):
        return [_("Until: {time}", time=catalogue.time(datetime.fromisoformat(event["cleared"]))), number]
    command = f"landbridge alarms acknowledge {event['number']}"
    return [number, _("Acknowledge with: {command}", command=command)]


def _place(catalogue: Catalogue, event: dict[str, Any]) -> str:
    """Return the nearest place and the country; empty without a position."""
    lat, lon = event.get("latitude"), event.get("longitude")
    if lat is None or lon is None:
        return ""
    return geography.where(lat, lon).in_words(catalogue)
