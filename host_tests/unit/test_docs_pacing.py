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
        seconds = (int(number) * UNITS_S[unit] for number, unit in map(str.split, times))
        shown.append((int(joules), *seconds, int(age_min)))
    assert shown == [level[:5] for level in pacing.TABLES["bg95"]]
