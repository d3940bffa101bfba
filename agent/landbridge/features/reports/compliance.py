"""The report on compliance: SIM cards with their controls, and the actions of users."""

from sqlalchemy import Connection

from landbridge.core.deeds import in_words
from landbridge.core.labels import actor, label
from landbridge.core.texts import Catalogue, _
from landbridge.features.reports import queries as stored
from landbridge.features.reports.document import Report, Section
from landbridge.features.reports.trip import time
from landbridge.features.sims import queries as inventory


def build(connection: Connection, span: tuple[int, int], language: Catalogue) -> Report:
    """Return the report, with the audit log of [from, until)."""
    say = language.translate
    states = [
        (row.device, say(label(row.control)), say(_("broken") if row.broken else _("complied with again")),
         time(language, row.at_s))
        for row in stored.controls(connection)
    ]  # fmt: skip
    cards = [
        (card.card, " ".join(card.iccids), card.holder, card.purpose, say(label(card.stage)),
         say(label(card.binding.lower().replace("_", " "))), card.controls, card.blocked)
        for card in inventory.every(connection)
    ]  # fmt: skip
    actions = [
        (time(language, row.at_s), say(actor(row.who)), row.device, say(in_words(row)))
        for row in stored.actions(connection, span)
    ]
    of_states = (_("Device"), _("Control"), _("State"), _("Since"))
    of_cards = (
        _("Card"),
        _("ICCID"),
        _("Holder"),
        _("Purpose"),
        _("State"),
        _("Binding"),
        _("Controls"),
        _("Blocked"),
    )
    sections = [
        Section(say(_("SIM controls")), [say(each) for each in of_states], states),
        Section(say(_("SIM cards")), [say(each) for each in of_cards], cards),
        Section(
            say(_("Audit log")),
            [say(each) for each in (_("Time"), _("User"), _("Device"), _("Action"))],
            actions,
        ),
    ]
    subtitle = _(
        "Audit log from {begin} to {end}", begin=time(language, span[0]), end=time(language, span[1])
    )
    return Report(say(_("Compliance")), say(subtitle), sections, "compliance")
