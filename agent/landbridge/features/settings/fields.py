"""A setting as people see it: a title, a familiar unit, choices in words, check boxes for alarms."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from landbridge.core.errors import UserError
from landbridge.core.labels import label
from landbridge.core.texts import _
from landbridge.protocol.point import EVENTS
from landbridge.protocol.settings import SETTINGS


class Field(NamedTuple):
    """One setting in a form; the stored value is what is shown times `scale`."""

    title: str
    unit: str = ""
    scale: int = 1
    choices: tuple[str, ...] = ()
    """In words, by value."""
    is_bits: bool = False


POSITIONS = {
    "paced": Field(_("Schedule"), choices=(_("fixed intervals"), _("by remaining energy"))),
    "priority": Field(
        _("Prefer"),
        choices=(_("balanced"), _("timely sessions"), _("dense positions"), _("low energy")),
    ),
    "report_least_s": Field(_("Shortest interval between sessions"), _("minutes"), 60),
    "report_most_s": Field(_("Longest interval between sessions"), _("hours"), 3600),
    "interval_s": Field(_("Fixed interval between positions"), _("minutes"), 60),
    "upload_every_s": Field(_("Fixed interval between sessions"), _("hours"), 3600),
    "dense_interval_s": Field(_("Interval of dense positions on command"), _("minutes"), 60),
    "fix_limit_s": Field(_("Maximum time for a fix"), _("seconds")),
}
ALARMS = {
    "alarms": Field(_("Reported immediately"), is_bits=True),
    "light_lux": Field(_("Door-open light threshold"), "lx"),
    "shock_mg": Field(_("Shock threshold"), "g", 1000),
    "tilt_deg": Field(_("Tilt threshold"), "°"),
    "temperature_low_dc": Field(_("Low-temperature alarm below"), "°C", 10),
    "temperature_high_dc": Field(_("High-temperature alarm above"), "°C", 10),
    "temperature_hold_s": Field(_("Temperature alarm after being out of range for"), _("minutes"), 60),
    "battery_low_mv": Field(_("Low-battery alarm below"), "V", 1000),
    "gnss_lost_s": Field(_("No-fix alarm after moving for"), _("hours"), 3600),
}
BATTERY = {
    "battery_kind": Field(_("Battery type"), choices=("Li-SOCl2", "LiFePO4", "NMC")),
    "battery_mah": Field(_("Capacity of the new battery"), "mAh"),
    "coldest_dc": Field(_("Lowest ambient temperature expected"), "°C", 10),
    "target_days": Field(_("Required battery life"), _("days")),
    "sms_to_card": Field(_("Voice and SMS"), choices=(_("off"), _("on, for cards managed by SMS"))),
}
OTHER = {
    name: Field(each.help) for name, each in SETTINGS.items() if name not in POSITIONS | ALARMS | BATTERY
}
"""Settings that were added since: as they are stored."""
GROUPS = (
    (_("Positions and sessions"), POSITIONS),
    (_("Alarms"), ALARMS),
    (_("Battery and card"), BATTERY),
    (_("Other"), OTHER),
)
"""All fields under their headings."""
FIELDS = POSITIONS | ALARMS | BATTERY | OTHER
BITS = {bit: label(name) for bit, name in EVENTS.items()}
"""Names of the event bits in `alarms`."""


def shown(name: str, value: int) -> str:
    """Return a value as its field shows it."""
    number = value / FIELDS[name].scale
    return f"{number:.2f}".rstrip("0").rstrip(".")


WAS = "was-"
"""Prefix of the hidden field with the value that the page has shown."""


def changes(given: Mapping[str, Sequence[str]], before: Mapping[str, int]) -> dict[str, int]:
    """Return the stored values of the fields that differ from `before`; of check boxes all are given.
    `UserError` names a wrong one. What is as the page has shown it (WAS) stays as it is, to the last second,
    also if another user has changed it since; what both have changed is refused."""
    unknown = [name for name in given if name.removeprefix(WAS) not in FIELDS]
    if unknown:
        raise UserError(_("no setting {text}; reload the page and try again", text=repr(unknown[0])))
    texts = {name: _joined(name, each) for name, each in given.items() if name in FIELDS}
    was = {name: given.get(WAS + name, [shown(name, before[name])])[-1] for name in texts}
    typed = {name: text for name, text in texts.items() if text.strip() not in ("", was[name])}
    for name, text in typed.items():
        if was[name] != (now := shown(name, before[name])) != text.strip():
            raise UserError(
                _(
                    "{title} was changed to {value} after you opened this page; save again to replace that",
                    title=FIELDS[name].title,
                    value=now,
                ),
                name,
            )
    found = {name: _value(name, text) for name, text in typed.items()}
    return {name: value for name, value in found.items() if value != before[name]}


def _joined(name: str, given: Sequence[str]) -> str:
    bits = [int(each) for each in given if each.isascii() and each.isdigit() and len(each) < 6]
    return str(sum(bits)) if FIELDS[name].is_bits else given[-1]


def _value(name: str, text: str) -> int:
    field, known = FIELDS[name], SETTINGS[name]
    try:
        value = round(float(text.strip().replace(",", ".")) * field.scale)
    except (ValueError, OverflowError):
        value = known.lowest - 1
    if not known.lowest <= value <= known.highest:
        range_ = {"least": shown(name, known.lowest), "most": shown(name, known.highest), "unit": field.unit}
        raise UserError(_("{title}: enter {least} to {most} {unit}", title=field.title, **range_), name)
    return value
