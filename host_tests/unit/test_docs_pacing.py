"""The pacing table on the scheduler's page is that of the firmware."""

import re

from locator.scheduler import pacing

from tools.flash.layout import REPOSITORY

UNITS_S = {"min": 60, "h": 3600}


def test_the_page_shows_the_levels_of_the_bg95():
    page = (REPOSITORY / "docs/explanation/scheduler.md").read_text()
    table = page.partition("## The pacing table")[2].partition("```text\n")[2].partition("```")[0]
    shown = []
    for line in table.splitlines()[1:]:
        joules, *times, age_min = re.split(r" {2,}", line.strip())
        seconds = (_seconds(time) for time in times)
        shown.append((int(joules), *seconds, int(age_min)))
    assert shown == [_as_shown(level) for level in pacing.TABLES["bg95"]]


def _seconds(time):
    """Return "90 min" in seconds, and None for "-"."""
    if time == "-":
        return None
    number, unit = time.split()
    return int(number) * UNITS_S[unit]


def _as_shown(level):
    """Return a level without its last member: a level that watches no stop takes no fix while stationary."""
    joules, moving_s, stationary_s, edge_s, age_min, linger_s = level
    return joules, moving_s, stationary_s if linger_s else None, edge_s, age_min
